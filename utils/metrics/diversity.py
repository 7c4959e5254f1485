"""Whether samples are varied, by features [N, D] of them and of real images.

The number of distinct samples is the Vendi score, Friedman & Dieng 2022, arXiv 2210.02410. Classes that samples no
longer show are counted as "number of statistically different bins" counts bins, Richardson & Weiss 2018, arXiv
1805.12462: here a bin is a class of the real images, to which a linear classifier assigns the samples.
"""

import numpy as np

from utils.metrics.distances import squared_distances

MAX_FEATURES = 1024  # features of a set that are looked at: the time grows with the cube
MIN_CLASS_IMAGES = 8  # real images of a class for whether samples show it to be told
RECOGNISED = 0.7  # the share of a class's real images that the classifier must recognize, for the same
_STIFFNESS = 0.1  # of the classifier: the ridge penalty as a share of the mean squared length of features


def median_nn_distance(features):
    """Return the median distance of features from the nearest others; 0 for a single one."""
    features = features[:MAX_FEATURES]
    if len(features) < 2:
        return 0.0
    distances = squared_distances(features, features)
    np.fill_diagonal(distances, np.inf)
    return float(np.median(np.sqrt(distances.min(axis=1))))


def vendi_score(features, width):
    """Return how many of the N features are distinct, 1 to N: those nearer to each other than `width` hardly count.

    It is exp of the entropy of the eigenvalues of K / N, K = exp(-distance^2 / (2 width^2)). NaN without a width.
    """
    features = features[:MAX_FEATURES]
    if not width or not np.isfinite(features).all():
        return float("nan")
    kernel = np.exp(-squared_distances(features, features) / (2.0 * width**2))
    values = np.linalg.eigvalsh(kernel / len(features))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def shares_of_classes(reals, labels, fakes):
    """Return {label: (share of the samples, share of the real images)}, for the classes that can be told apart.

    reals, fakes: features, [N, D] and [M, D]. labels: [N] int32, the classes of the real images, -1 for none.
    """
    reals, labels = reals[:MAX_FEATURES], labels[:MAX_FEATURES]
    classes, rows = np.unique(labels, return_inverse=True)
    if len(classes) < 2 or not (np.isfinite(reals).all() and np.isfinite(fakes).all() and np.ptp(reals, axis=0).any()):
        return {}
    reals, fakes = reals.astype(np.float64), fakes.astype(np.float64)
    of_reals, of_fakes = _classified(reals, rows, fakes)
    shares = {}
    for i, label in enumerate(classes):
        members = rows == i
        if label >= 0 and members.sum() >= MIN_CLASS_IMAGES and np.mean(of_reals[members] == i) >= RECOGNISED:
            shares[int(label)] = float(np.mean(of_fakes == i)), float(np.mean(members))
    return shares


def _classified(reals, rows, fakes):
    """Return the classes of the real images, each by a classifier that was fitted to the others, and of the samples.

    rows: [N], the classes, 0 to C - 1. The classifier is ridge regression to one column per class, classes weighted
    equally: with a = (K + p I)^-1 t, image i is left out by t - a / diag((K + p I)^-1).
    """
    weights = 1.0 / np.sqrt(np.bincount(rows)[rows])[:, None]
    targets = np.eye(rows.max() + 1)[rows]
    mean = (reals * weights**2).sum(axis=0) / (weights**2).sum()
    weighted = (reals - mean) * weights
    kernel = weighted @ weighted.T
    penalty = _STIFFNESS * np.trace(kernel) / len(kernel)
    inverse = np.linalg.inv(kernel + penalty * np.eye(len(kernel)))
    centered = targets - 1.0 / targets.shape[1]
    coefficients = inverse @ (centered * weights)
    left_out = centered - coefficients / np.diag(inverse)[:, None] / weights
    return left_out.argmax(axis=1), ((fakes - mean) @ (weighted.T @ coefficients)).argmax(axis=1)
