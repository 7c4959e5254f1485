"""Clusters: groups of similar images that G learns to keep apart, although nobody has labeled them.

Images, or the images of each class, are halved by their features, again and again, into 2, 4, 8, ... clusters. The
signs of the first elements of z select the half at each level, so that z alone determines the clusters of a sample: one
at each level. The feature critic compares the samples of each cluster with its images. Without clusters, G tends to
learn a few kinds of images whose features have the right mean. With cluster_levels = 'last', only the smallest clusters
count; with 'all', larger ones have weights and means of their own, and classes are the largest clusters.

Clusters as classes of a conditional GAN: Sage et al. 2018, arXiv 1712.04407; Liu et al. 2020, arXiv 2006.10728. Here,
clusters are a function of z, and D does not see them.
"""

import numpy as np

from model import shapes
from model.graph_mode import tf

MIN_IMAGES = 16  # smaller clusters are not formed, because G would memorize them
SHARPNESS = 20.0  # slope of the border between two halves; the steeper it is, the fewer frames a walk needs to cross it
_POWER_ITERATIONS = 30


def memberships(z, network, classes=None):
    """Return how much each z belongs to each cluster, [N, clusters of all levels] float32: nearly 0 or 1.

    z: [N, z_dim] float32, uniform in [-1, 1]. classes: [N, C] float32, fractions of classes, or None. The values of
    each level, from the largest clusters to the smallest, sum to 1. With classes, these are the largest clusters.
    """
    return _at_each_level(*_smallest(z, network, classes))


def one_hot(z, network, classes=None):
    """Return the clusters of each z, [N, clusters of all levels] float32, 0 or 1; arguments: see `memberships`."""
    smallest, levels = _smallest(z, network, classes)
    return _at_each_level(tf.one_hot(tf.argmax(smallest, axis=1), levels[-1]), levels)


def _smallest(z, network, classes):
    """Return how much each z belongs to each of the smallest clusters, [N, C * K], and the counts of all levels.

    The clusters of a class are adjacent.
    """
    n_classes = 1 if classes is None else int(classes.shape[1])
    levels = shapes.cluster_counts(network, n_classes)
    count = levels[-1] // n_classes
    halvings = count.bit_length() - 1
    halves = np.arange(count) >> np.arange(halvings - 1, -1, -1)[:, None] & 1  # [halvings, K]: 0 or 1
    signs = np.zeros((network.z_dim, count), np.float32)
    signs[:halvings] = 2 * halves - 1
    # Matrix products, because every exported format has them. The softmax is the product, over the halvings, of the
    # logistic functions of +-SHARPNESS z.
    of_z = tf.nn.softmax(tf.matmul(z, SHARPNESS / 2.0 * signs))  # [N, K]
    if classes is None:
        return of_z, levels
    if count == 1:  # otherwise, a matrix of C * C constants
        return classes, levels
    repeated, tiled = np.repeat(np.eye(n_classes), count, axis=1), np.tile(np.eye(count), n_classes)
    return tf.matmul(classes, np.float32(repeated)) * tf.matmul(of_z, np.float32(tiled)), levels


def group(features, labels, network, n_classes):
    """Divide the images of each class into clusters of similar features.

    Return how much each image belongs to each cluster, [M, clusters of all levels] float32; the values of each level
    sum to 1. features: [M, F], labels: [M], class indices, both NumPy arrays. n_classes: 1 without classes. Each
    cluster is halved along its first principal component (Boley 1998, "Principal direction divisive partitioning"), but
    at the median instead of the mean, so that all clusters of a class have the same number of images at each level. If
    a cluster is too small to be halved, the smaller ones in it share its images.
    """
    levels = shapes.cluster_counts(network, n_classes)
    count = levels[-1] // n_classes
    smallest = np.zeros((len(features), levels[-1]), np.float32)

    def divide(rows, first, last):
        middle, cut = (first + last) // 2, len(rows) // 2
        if last - first == 1 or cut < MIN_IMAGES:
            smallest[rows, first:last] = 1.0 / (last - first)
            return
        order = rows[np.argsort(_principal_component(features[rows]), kind="stable")]
        divide(order[:cut], first, middle)
        divide(order[cut:], middle, last)

    for i in range(n_classes):
        divide(np.flatnonzero(labels == i), i * count, (i + 1) * count)
    return _at_each_level(smallest, levels)


def _at_each_level(smallest, levels):
    """Convert memberships in the smallest clusters, a tensor or an array, to memberships in those of all levels."""
    if len(levels) == 1:  # otherwise, a product with C * C constants
        return smallest
    parts = [np.repeat(np.eye(count, dtype=np.float32), levels[-1] // count, axis=0) for count in levels]
    return smallest @ np.concatenate(parts, axis=1)


def _principal_component(features):
    """Return the first principal component of features, [M, F]: [M]; the most unusual row determines its sign."""
    centered = features - features.mean(axis=0)
    direction = centered[np.argmax(np.square(centered).sum(axis=1))]
    for _ in range(_POWER_ITERATIONS):
        direction = centered.T @ (centered @ direction)
        direction = direction / max(np.linalg.norm(direction), 1e-12)
    return centered @ direction
