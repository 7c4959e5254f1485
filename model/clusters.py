"""Clusters: groups of similar images that G learns to keep apart, although nobody has labeled them.

Images, or the images of each class, are halved by their features, again and again, into 2, 4, 8, ... clusters. The
signs of the first elements of z select the half at each level, so that z alone determines the cluster of a sample. The
feature critic compares the samples of each cluster with its images. Without clusters, G tends to learn a few kinds of
images whose features have the right mean.

Clusters as classes of a conditional GAN: Sage et al. 2018, arXiv 1712.04407; Liu et al. 2020, arXiv 2006.10728. Here,
clusters are a function of z, and D does not see them.
"""

import numpy as np

from model import shapes
from model.graph_mode import tf

MIN_IMAGES = 16  # smaller groups are not formed, because G would memorize them
SHARPNESS = 20.0  # slope of the border between two halves; the steeper it is, the fewer frames a walk needs to cross it
_POWER_ITERATIONS = 30


def memberships(z, network, classes=None):
    """Return how much each z belongs to each cluster, [N, C * K] float32: nearly one-hot; rows sum to 1.

    z: [N, z_dim] float32, uniform in [-1, 1]. classes: [N, C] float32, fractions of classes, or None (C is 1). The K
    clusters of a class are adjacent.
    """
    n_classes = 1 if classes is None else int(classes.shape[1])
    levels = shapes.cluster_levels(network, n_classes)
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


def one_hot(z, network, classes=None):
    """Return the cluster of each z, [N, C * K] float32; arguments: see `memberships`."""
    soft = memberships(z, network, classes)
    return tf.one_hot(tf.argmax(soft, axis=1), int(soft.shape[1]))


def group(features, count, labels, n_classes):
    """Divide the images of each class into `count` clusters of similar features, a power of two.

    Return how much each image belongs to each cluster, [M, n_classes * count] float32; rows sum to 1. features: [M, F],
    labels: [M], class indices, both NumPy arrays. Each group is halved along its first principal component (Boley 1998,
    "Principal direction divisive partitioning"), but at the median instead of the mean, so that all clusters of a class
    have the same number of images. If a group is too small to be halved, its clusters share its images.
    """
    members = np.zeros((len(features), n_classes * count), np.float32)

    def divide(rows, first, last):
        middle, cut = (first + last) // 2, len(rows) // 2
        if last - first == 1 or cut < MIN_IMAGES:
            members[rows, first:last] = 1.0 / (last - first)
            return
        order = rows[np.argsort(_principal_component(features[rows]), kind="stable")]
        divide(order[:cut], first, middle)
        divide(order[cut:], middle, last)

    for i in range(n_classes):
        divide(np.flatnonzero(labels == i), i * count, (i + 1) * count)
    return members


def _principal_component(features):
    """Return the first principal component of features, [M, F]: [M]; the most unusual row determines its sign."""
    centered = features - features.mean(axis=0)
    direction = centered[np.argmax(np.square(centered).sum(axis=1))]
    for _ in range(_POWER_ITERATIONS):
        direction = centered.T @ (centered @ direction)
        direction = direction / max(np.linalg.norm(direction), 1e-12)
    return centered @ direction
