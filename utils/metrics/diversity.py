"""Sample diversity, measured with features [N, D] of samples and real images.

The number of distinct samples is the Vendi score, Friedman & Dieng 2022, arXiv 2210.02410. Missing classes are detected
as in "number of statistically different bins", Richardson & Weiss 2018, arXiv 1805.12462. Here, the bins are the
classes of the real images, and a linear classifier assigns the samples to them.
"""

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


def class_fractions(reals, labels, fakes):
    """Return {label: (fraction of the samples, fraction of the real images)} for the classes that can be recognized.

    reals, fakes: features, [N, D] and [M, D]. labels: [N] int32, the classes of the real images, -1 for an image
    without one. A class is left out if it has fewer than MIN_CLASS_IMAGES real images, or if a classifier does not
    recognize them; all classes are left out if there is only one, or if the features are not finite or all the same.
    """
    reals, labels = reals[:MAX_ROWS], labels[:MAX_ROWS]
    classes, rows = np.unique(labels, return_inverse=True)
    if len(classes) < 2 or not (np.isfinite(reals).all() and np.isfinite(fakes).all() and np.ptp(reals, axis=0).any()):
        return {}
    predicted_reals, predicted_fakes = _classify(reals.astype(np.float64), rows, fakes.astype(np.float64))
    is_right = predicted_reals == rows
    return {
        int(label): (float(np.mean(predicted_fakes == i)), float(np.mean(rows == i)))
        for i, label in enumerate(classes)
        if label >= 0 and np.sum(rows == i) >= MIN_CLASS_IMAGES and np.mean(is_right[rows == i]) >= _MIN_RECALL
    }


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
