"""The feature critic: G also learns how its samples differ from real images in the features of a pretrained network.

The critic is the witness function of the kernel distance (MMD) with the kernel (1 + x y / F)^2 of F features x, y:
E[k(x, fake)] - E[k(x, real)], high for features that are more frequent among samples than among real images. G lowers
it, so that the features of samples get the means and correlations that they have in the images. The critic has no
weights: it can neither overfit nor win, as D can.

Kernel distance as G's loss: Li et al. 2015, arXiv 1502.02761. Moments of pretrained features: Santos et al. 2019, arXiv
1904.02762. A pretrained network beside D: Kumari et al. 2022, arXiv 2112.09130. Unlike these, the critic neither
replaces D nor learns; docs/results.md compares it with trained discriminators of the same features.
"""

from typing import Any, Callable, NamedTuple

import numpy as np

from model import clusters, replicas, shapes
from model.graph_mode import tf

RATIO = 3.0  # norm of the critic's gradient at the samples, relative to the norm of D's gradient
GROUP_WEIGHT = 5.0  # least weight of the means of a sample's groups, relative to the mean features of all images
MEMORY = 0.99  # decay of the samples' moments, per update of G
MIN_SCALE = 0.1  # minimum unit of features, because the features of a single image do not vary
BOUND = 4.0  # smooth bound of standardized features, so that no single image dominates the moments


class RealFeatures(NamedTuple):
    """The features of real images, and the function that computes the features of samples."""

    build: Callable  # adds the network to the graph: [N, H, W, C] float32 in [-1, 1] -> [N, F] float32
    values: Any  # [M, F] float32, a NumPy array
    labels: Any  # [M] int32, a NumPy array: class indices
    shift: float  # the fraction of their sides by which the images were shifted at random, as samples have to be


def build_critic(images, reals, groups=None, network=None, n_classes=1):
    """Return the critic's loss for G, a float32 scalar, and functions that build the updates of the samples' moments.

    images: [N, H, W, C] float32 in [-1, 1], samples, shifted as the real images were. reals: the RealFeatures. groups:
    [N, K] float32, 0 or 1, or None: the mean features of each group are compared as well. Groups are the classes, or
    the network's clusters of all images or of each class (see clusters.py). n_classes: 1 without classes.
    """
    center, scale = reals.values.mean(axis=0), reals.values.std(axis=0)
    scale = BOUND * np.maximum(scale, max(0.1 * scale.mean(), MIN_SCALE))  # features that hardly vary stay small
    x = BOUND * tf.tanh((reals.build(images) - center) / scale)  # [N, F]
    real = BOUND * np.tanh((reals.values - center) / scale)  # [M, F]
    samples, size = tf.stop_gradient(replicas.all_gather(x)), real.shape[1]
    n = tf.cast(tf.shape(samples)[0], tf.float32)
    with tf.variable_scope("feature_critic"):
        mean, mean_update = _excess("mean", tf.reduce_mean(samples, 0), real.mean(axis=0))
        moment = tf.matmul(samples, samples, transpose_a=True) / n
        second, second_update = _excess("second", moment, real.T @ real / len(real))
        updates = [mean_update, second_update]
        if groups is not None:
            labels = reals.labels if n_classes > 1 else np.zeros(len(real), np.int32)
            members = clusters.group(real, labels, network, n_classes)  # [M, K]
            # Rare groups count less: their means would consist of the last sample.
            weights = np.float32(1.0 / np.maximum(members.mean(axis=0), 1.0 - MEMORY))  # [K]
            real_means = weights[:, None] * (members.T @ real) / len(real)
            moment = tf.matmul(replicas.all_gather(groups) * weights, samples, transpose_a=True) / n
            group_means, group_update = _excess("classes", moment, real_means)  # as in checkpoints of version 0.14
            weight = max(1.0, GROUP_WEIGHT / len(shapes.cluster_counts(network, n_classes)))  # weight of each level
            mean = mean + weight * tf.matmul(groups, group_means)  # [N, F]
            updates.append(group_update)
        witness = tf.reduce_sum(x * (2.0 * mean / size + tf.matmul(x, second) / size**2), axis=1)  # [N]
    return tf.reduce_mean(witness), updates


def _excess(name, moment, real_moment):
    """Return the excess of the samples' moment over the real moment, averaged over recent updates, and a function.

    The function builds the update of the average; call it where all operations that read the average have run.
    """
    variable = replicas.synced_variable(name, real_moment.shape, tf.zeros_initializer())
    excess = MEMORY * variable.read_value() + (1.0 - MEMORY) * (moment - np.float32(real_moment))
    return excess, lambda: variable.assign(excess)


def add_gradient(g_loss, critic_loss, images, loss_scale=None):
    """Return a loss whose gradient at `images` is g_loss's gradient plus critic_loss's, RATIO times as long.

    images: samples, which both losses depend on. loss_scale: the LossScale of float16, or None. The value of the loss
    has no meaning.
    """
    factor = loss_scale.read() if loss_scale else 1.0
    gradients = [tf.gradients(loss * factor, images)[0] / factor for loss in (g_loss, critic_loss)]
    d_square, critic_square = replicas.all_reduce_mean([tf.reduce_sum(tf.square(gradient)) for gradient in gradients])
    weight = RATIO * tf.math.divide_no_nan(tf.sqrt(d_square), tf.sqrt(critic_square))  # a ratio of squares may overflow
    return tf.reduce_sum(images * tf.stop_gradient(gradients[0] + weight * gradients[1]))
