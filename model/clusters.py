"""Clusters: groups of similar images that G learns to keep apart, although nobody has labeled them.

Images, or the images of each class, are halved by their features, again and again, into 2, 4, 8, ... clusters. The
signs of the first elements of z select the half at each level, so that z alone determines the clusters of a sample: one
at each level. The feature critic compares the samples of each cluster with its images. Without clusters, G tends to
learn a few kinds of images whose features have the right mean. What the clusters of a larger one have in common is
learned from all its images, because larger clusters have weights and means of their own.

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
    return _at_each_level(_smallest(z, network, classes), network, classes)


def one_hot(z, network, classes=None):
    """Return the clusters of each z, [N, clusters of all levels] float32, 0 or 1; arguments: see `memberships`."""
    smallest = _smallest(z, network, classes)
    return _at_each_level(tf.one_hot(tf.argmax(smallest, axis=1), int(smallest.shape[1])), network, classes)


def _smallest(z, network, classes):
    """Return how much each z belongs to each of the smallest clusters, [N, C * K]; those of a class are adjacent."""
    n_classes = 1 if classes is None else int(classes.shape[1])
    levels = (shapes.cluster_counts(network, n_classes)[-1] // n_classes).bit_length() - 1
    halves = np.arange(2**levels) >> np.arange(levels - 1, -1, -1)[:, None] & 1  # [levels, K]: 0 or 1 at each level
    signs = np.zeros((network.z_dim, 2**levels), np.float32)
    signs[:levels] = 2 * halves - 1
    # Matrix products, because every exported format has them. The softmax is the product, over the levels, of the
    # logistic functions of +-SHARPNESS z.
    of_z = tf.nn.softmax(tf.matmul(z, SHARPNESS / 2.0 * signs))  # [N, K]
    if classes is None:
        return of_z
    if levels == 0:  # otherwise, a matrix of C * C constants
        return classes
    repeated, tiled = np.repeat(np.eye(n_classes), 2**levels, axis=1), np.tile(np.eye(2**levels), n_classes)
    return tf.matmul(classes, np.float32(repeated)) * tf.matmul(of_z, np.float32(tiled))


def _at_each_level(smallest, network, classes):
    """Convert memberships in the smallest clusters to memberships in the clusters of all levels."""
    count = int(smallest.shape[1])
    levels = shapes.cluster_counts(network, 1 if classes is None else int(classes.shape[1]))
    if levels == [count]:
        return smallest
    return tf.matmul(smallest, np.concatenate([np.repeat(np.eye(n), count // n, axis=0) for n in levels], axis=1))


def group(features, labels, network, n_classes):
    """Divide the images of each class into clusters of similar features.

    Return whether each image is in each cluster, [M, clusters of all levels] bool. features: [M, F], labels: [M], class
    indices, both NumPy arrays. n_classes: 1 without classes. Each cluster is halved along its first principal component
    (Boley 1998, "Principal direction divisive partitioning"), but at the median instead of the mean, so that all
    clusters of a class have the same number of images at each level. Images whose cluster is too small to be halved are
    in no smaller one.
    """
    counts = shapes.cluster_counts(network, n_classes)
    cluster_of, count, members = labels, n_classes, []
    while True:
        if count in counts:
            members.append(cluster_of[:, None] == np.arange(count))
        if count == counts[-1]:
            return np.concatenate(members, axis=1)
        cluster_of, count = _halve(features, cluster_of, count), 2 * count


def _halve(features, cluster_of, count):
    """Return the new cluster of each image, after halving each of `count` clusters; -1: none."""
    halved = np.full_like(cluster_of, -1)
    for i in range(count):
        rows = np.flatnonzero(cluster_of == i)
        if len(rows) >= 2 * MIN_IMAGES:
            order = rows[np.argsort(_principal_component(features[rows]), kind="stable")]
            halved[order[: len(rows) // 2]], halved[order[len(rows) // 2 :]] = 2 * i, 2 * i + 1
    return halved


def _principal_component(features):
    """Return the first principal component of features, [M, F]: [M]; the most unusual row determines its sign."""
    centered = features - features.mean(axis=0)
    direction = centered[np.argmax(np.square(centered).sum(axis=1))]
    for _ in range(_POWER_ITERATIONS):
        direction = centered.T @ (centered @ direction)
        direction = direction / max(np.linalg.norm(direction), 1e-12)
    return centered @ direction
