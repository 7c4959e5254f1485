"""Clusters: groups of similar images that an unconditional G learns to keep apart, although nobody has labeled them.

Images are grouped by their features, into equally many. z determines the cluster of a sample, so that G has no other
input: cluster i if the i-th element of z is the largest of the first K. The feature critic then compares samples of a
cluster with its images. Without clusters, G tends to learn a few kinds of images that together have the right mean.

Clusters as classes of a conditional GAN: Sage et al. 2018, arXiv 1712.04407; Liu et al. 2020, arXiv 2006.10728. Here
they belong to z, and D does not see them.
"""

import numpy as np

from model import shapes
from model.graph_mode import tf

MIN_IMAGES = 16  # smaller groups are not divided, because G would memorize them
SHARPNESS = 5.0  # in `memberships`; near the border of two clusters, G interpolates between them
_ITERATIONS = 30  # of the power iteration


def memberships(z, network):
    """Return how much each z belongs to each cluster, [N, K] float32: nearly one-hot; rows sum to 1.

    z: [N, z_dim] float32, uniform in [-1, 1]; K clusters, at most z_dim.
    """
    count = shapes.num_clusters(network)
    return tf.nn.softmax(z[:, :count] * (SHARPNESS * count))  # the two largest differ by 2 / (K + 1) on average


def one_hot(z, network):
    """Return the cluster of each z, [N, K] float32."""
    count = shapes.num_clusters(network)
    return tf.one_hot(tf.argmax(z[:, :count], axis=1), count)


def group(features, count):
    """Divide images into clusters of similar features: [M, count] float32, how much each image belongs to each cluster.

    features: [M, F], a NumPy array. Each group is halved at the median of its first principal component (Boley 1998,
    "Principal direction divisive partitioning"), so that all clusters have the same number of images. Clusters share
    the images of a group that is too small to be halved: rows sum to 1.
    """
    members = np.zeros((len(features), count), np.float32)

    def divide(rows, first, last):
        middle = (first + last) // 2
        cut = len(rows) * (middle - first) // (last - first)
        if middle == first or cut < MIN_IMAGES:
            members[rows, first:last] = 1.0 / (last - first)
            return
        order = rows[np.argsort(_principal_component(features[rows]), kind="stable")]
        divide(order[:cut], first, middle)
        divide(order[cut:], middle, last)

    divide(np.arange(len(features)), 0, count)
    return members


def _principal_component(features):
    """Return the first principal component of features, [M, F]: [M]; its sign is that of the most unusual row."""
    centered = features - features.mean(axis=0)
    direction = centered[np.argmax(np.square(centered).sum(axis=1))]
    for _ in range(_ITERATIONS):
        direction = centered.T @ (centered @ direction)
        direction = direction / max(np.linalg.norm(direction), 1e-12)
    return centered @ direction
