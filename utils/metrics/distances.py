"""Distances between two sets of features, such as Inception's, computed from NumPy arrays [N, D].

Frechet distance: Heusel et al. 2017, arXiv 1706.08500. Kernel distance (KID): Binkowski et al. 2018, arXiv 1801.01401.
Precision and recall: Kynkaanniemi et al. 2019, arXiv 1904.06991.
"""

import numpy as np

CHUNK = 2**22  # elements of a pairwise matrix computed at a time


def frechet_distance(a, b):
    """Return the Frechet distance between Gaussians fitted to two sets: |m - n|^2 + tr(A + B - 2 (A B)^(1/2)).

    a, b: features, [N, D] and [M, D]. Return NaN if N or M is 1, or if a feature is NaN or infinite.
    """
    if min(len(a), len(b)) < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan")
    a, b = a.astype(np.float64), b.astype(np.float64)
    means = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    # Scale the rows so that the covariances are A = a' a and B = b' b.
    a, b = ((x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (a, b))
    return float(means + np.square(a).sum() + np.square(b).sum() - 2.0 * _trace_of_root(a, b))


def _trace_of_root(a, b):
    """Return tr((a' a b' b)^(1/2)) for a [N, D], b [M, D]: the sum of the singular values of a b', [N, M]."""
    if min(len(a), len(b)) <= a.shape[1]:
        return np.linalg.svd(a @ b.T, compute_uv=False).sum()
    # [D, D] is smaller: A B has the same eigenvalues as A^(1/2) B A^(1/2), real because the latter is symmetric.
    values, vectors = np.linalg.eigh(a.T @ a)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T  # rounding may make eigenvalues negative
    return np.sqrt(np.maximum(np.linalg.eigvalsh(root @ (b.T @ b) @ root), 0.0)).sum()


def kernel_distance(a, b):
    """Return the KID of features [N, D] and [M, D]: the unbiased squared MMD with kernel (x y / D + 1)^3.

    The KID may be slightly negative. Return NaN if N or M is 1.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    if min(len(a), len(b)) < 2:
        return float("nan")
    return float(_mean_of_pairs(a) + _mean_of_pairs(b) - 2.0 * _sum_of_kernel(a, b) / (len(a) * len(b)))


def _mean_of_pairs(x):
    """Return the mean of the kernel over all pairs of distinct rows."""
    diagonal = ((np.square(x).sum(axis=1) / x.shape[1] + 1.0) ** 3).sum()
    return (_sum_of_kernel(x, x) - diagonal) / (len(x) * (len(x) - 1))


def _sum_of_kernel(x, y):
    return sum(((rows @ y.T / x.shape[1] + 1.0) ** 3).sum() for rows in _chunks(x, len(y)))


def _chunks(rows, columns):
    """Yield pieces of `rows`, each small enough for a pairwise matrix with this number of columns."""
    size = max(1, CHUNK // columns)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def fraction_within(points, references, k=3):
    """Return the fraction of points within the manifold of the reference points; features [N, D] and [M, D].

    A point is within the manifold if its distance from some reference is at most the distance between this reference
    and its k-th nearest neighbor among the references. Precision is the fraction of fakes within the reals, recall the
    fraction of reals within the fakes. Return NaN for k references or fewer.
    """
    if len(references) <= k:
        return float("nan")
    radii = [
        np.partition(squared_distances(rows, references), k, axis=1)[:, k]  # column 0 is the point itself
        for rows in _chunks(references, len(references))
    ]
    radius = np.concatenate(radii) + 1e-6  # rounding may put equal points at a distance slightly above 0
    within = [(squared_distances(rows, references) <= radius).any(axis=1) for rows in _chunks(points, len(references))]
    return float(np.mean(np.concatenate(within)))


def squared_distances(x, y):
    """Return the squared distances between the rows of x [N, D] and the rows of y [M, D]: [N, M] float64."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    products = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1) - 2.0 * (x @ y.T)
    return np.maximum(products, 0.0)
