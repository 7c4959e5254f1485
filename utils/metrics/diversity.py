"""Sample diversity and classes, measured with features [N, D] of samples and real images.

The number of distinct samples is the Vendi score, Friedman & Dieng 2022, arXiv 2210.02410. Missing classes are detected
as in "number of statistically different bins", Richardson & Weiss 2018, arXiv 1805.12462. Here, the bins are the
classes of the real images, and a linear classifier assigns the samples to them. It also shows whether the samples of a
conditional generator belong to their classes.
"""

import math
from typing import NamedTuple

import numpy as np

from utils.metrics.distances import squared_distances

MAX_ROWS = 1024  # maximum number of feature rows used: the time grows with its cube
MIN_CLASS_IMAGES = 8  # minimum real images per class
_MIN_RECALL = 0.7  # minimum fraction of a class's real images that the classifier recognizes
_RIDGE = 0.1  # ridge penalty of the classifier, relative to the mean squared norm of the features


def median_nn_distance(features):
    """Return the median distance between features [N, D] and their nearest neighbors; 0 for N = 1."""
    features = features[:MAX_ROWS]
    if len(features) < 2:
        return 0.0
    distances = squared_distances(features, features)
    np.fill_diagonal(distances, np.inf)
    return float(np.median(np.sqrt(distances.min(axis=1))))


def vendi_score(features, width):
    """Return the number of distinct features, 1 to N: features much nearer to each other than `width` count as one.

    The score is exp(entropy of the eigenvalues of K / N) with K = exp(-distance^2 / (2 width^2)). features: [N, D].
    Return NaN if width is 0, or if a feature is NaN or infinite.
    """
    features = features[:MAX_ROWS]
    if not width or not np.isfinite(features).all():
        return float("nan")
    kernel = np.exp(-squared_distances(features, features) / (2.0 * width**2))
    values = np.linalg.eigvalsh(kernel / len(features))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def classify(reals, labels, fakes):
    """Return the labels that a classifier predicts for the real images (leave-one-out) and for the samples.

    reals, fakes: features, [N, D] and [M, D]. labels: [N] int32, the classes of the real images, -1 for an image
    without one. Only the first MAX_ROWS real images are used: [min(N, MAX_ROWS)] and [M] int32. Both results are empty
    if there is only one class, or if the features are not finite or all the same.
    """
    reals, labels = reals[:MAX_ROWS], labels[:MAX_ROWS]
    classes, rows = np.unique(labels, return_inverse=True)
    if len(classes) < 2 or not (np.isfinite(reals).all() and np.isfinite(fakes).all() and np.ptp(reals, axis=0).any()):
        return labels[:0], labels[:0]
    predicted_reals, predicted_fakes = _classify(reals.astype(np.float64), rows, fakes.astype(np.float64))
    return classes[predicted_reals], classes[predicted_fakes]


def class_fractions(labels, predicted_reals, predicted_fakes):
    """Return {label: (fraction of the samples, fraction of the real images)} for the classes that can be recognized.

    labels: [N] int32, see `classify`, which returns the other two. A class is left out if it has fewer than
    MIN_CLASS_IMAGES real images, or if the classifier does not recognize them.
    """
    labels = labels[: len(predicted_reals)]
    members = {int(label): labels == label for label in np.unique(labels[labels >= 0])}
    return {
        label: (float(np.mean(predicted_fakes == label)), float(np.mean(of_class)))
        for label, of_class in members.items()
        if of_class.sum() >= MIN_CLASS_IMAGES and np.mean(predicted_reals[of_class] == label) >= _MIN_RECALL
    }


class ClassAccuracy(NamedTuple):
    """How well images are recognized as their classes."""

    value: float = math.nan  # fraction of images whose predicted class is their class
    chance: float = math.nan  # the value expected if predictions are as frequent, but do not depend on the classes
    lead: float = math.nan  # value - chance, in standard deviations of a binomial distribution


def class_accuracy(labels, predicted):
    """Return the ClassAccuracy of images; all NaN if no image has a class, or if `predicted` is empty.

    labels: [N] int32; images with -1 have no class and are left out. predicted: [M] int32, M <= N, from `classify`.
    """
    labels = labels[: len(predicted)]
    predicted, labels = predicted[labels >= 0], labels[labels >= 0]
    if not len(labels):
        return ClassAccuracy()
    value = float(np.mean(predicted == labels))
    chance = float(sum(np.mean(labels == label) * np.mean(predicted == label) for label in np.unique(labels)))
    deviation = math.sqrt(chance * (1.0 - chance) / len(labels))
    return ClassAccuracy(value, chance, (value - chance) / deviation if deviation else 0.0)


def _classify(reals, rows, fakes):
    """Return the predicted classes of the real images (leave-one-out) and of the samples: [N] and [M].

    rows: [N], the classes, 0 to C - 1. The classifier is ridge regression to one-hot targets t, with equally weighted
    classes: with a = (K + p I)^-1 t, the leave-one-out predictions are t - a / diag((K + p I)^-1).
    """
    weights = 1.0 / np.sqrt(np.bincount(rows)[rows])[:, None]
    targets = np.eye(rows.max() + 1)[rows]
    mean = (reals * weights**2).sum(axis=0) / (weights**2).sum()
    weighted = (reals - mean) * weights
    kernel = weighted @ weighted.T
    penalty = _RIDGE * np.trace(kernel) / len(kernel)
    inverse = np.linalg.inv(kernel + penalty * np.eye(len(kernel)))
    centered = targets - 1.0 / targets.shape[1]
    coefficients = inverse @ (centered * weights)
    left_out = centered - coefficients / np.diag(inverse)[:, None] / weights
    return left_out.argmax(axis=1), ((fakes - mean) @ (weighted.T @ coefficients)).argmax(axis=1)
