"""Normalization: batch, layer and spectral.

Batch normalization: Ioffe & Szegedy 2015, arXiv 1502.03167; by class: de Vries et al. 2017, arXiv 1707.00683. Layer
normalization: Ba et al. 2016, arXiv 1607.06450. Spectral normalization: Miyato et al. 2018, arXiv 1802.05957.
"""

from model import fused_norm, replicas
from model.graph_mode import tf

# Collection of pairs: the variable that holds the vector of a power iteration, and the vector's next value.
POWER_ITERATIONS = "power_iterations"


def spectral_norm(kernel):
    """Divide a kernel, [..., out], by the largest singular value of its matrix, [-1, out].

    One step of a power iteration estimates this value. The next vector of the iteration is added to the collection
    POWER_ITERATIONS; D's update assigns this vector, so that the next update continues the iteration.
    """
    matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
    u = replicas.synced_variable("u", [1, kernel.shape[-1]], tf.random_normal_initializer())
    v = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(u, matrix, transpose_b=True)))
    next_u = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(v, matrix)))
    tf.add_to_collection(POWER_ITERATIONS, (u, next_u))
    return kernel / tf.reduce_sum(tf.matmul(v, matrix) * next_u)


def power_iterations():
    """Return a pair for each power iteration: the variable that holds its vector, and the vector's next value."""
    pairs = {}
    for u, next_u in tf.get_collection(POWER_ITERATIONS):  # all passes through D compute the same value; keep the first
        pairs.setdefault(u.op.name, (u, next_u))
    return list(pairs.values())


def layer_norm(x, epsilon):
    """Normalize each image of [N, H, W, C] to mean 0 and variance 1; apply a learned scale and shift per channel."""
    with tf.variable_scope("layer_norm"):
        gamma, beta = _scale_and_shift([x.shape[-1]])
        mean, variance = tf.nn.moments(x, [1, 2, 3], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def _scale_and_shift(shape):
    gamma = tf.get_variable("gamma", shape, initializer=tf.ones_initializer())
    return gamma, tf.get_variable("beta", shape, initializer=tf.zeros_initializer())


def batch_norm(x, network, momentum=None, training=True, classes=None):
    """Normalize each channel of [N, H, W, C] to mean 0 and variance 1; apply a learned scale and shift.

    momentum: decay of the moving averages; None: no moving averages. training: normalize by the statistics of this
    batch, and add the updates of the averages to `tf.GraphKeys.UPDATE_OPS`; otherwise normalize by the averages, so
    that an image does not depend on its batch. classes: [N, K] float32, one-hot: each class has its own scale and
    shift; or None. With sync_batch_norm, replicas normalize by the statistics of all their images; without it, each
    replica uses its own images, and the moving averages use the mean of the replicas' statistics.
    """
    epsilon, shared = network.bn_epsilon, network.sync_batch_norm
    with tf.variable_scope("batch_norm"):
        channels = [x.shape[-1]]
        gamma, beta = _scale_and_shift(channels if classes is None else [classes.shape[-1], *channels])
        if momentum is not None:
            mean = replicas.synced_variable("moving_mean", channels, tf.zeros_initializer())
            variance = replicas.synced_variable("moving_variance", channels, tf.ones_initializer())
        if classes is not None:
            gamma, beta = (tf.matmul(classes, rows)[:, None, None, :] for rows in (gamma, beta))
        if not training:
            scale = gamma * tf.rsqrt(variance + epsilon)
            offset = beta - mean * scale
            return fused_norm.affine(x, scale, offset) if classes is None else x * scale + offset
        scale, shift = (gamma, beta) if classes is None else (tf.ones(channels), tf.zeros(channels))
        x, batch_mean, batch_variance = fused_norm.normalize_batch(x, scale, shift, epsilon, shared)
        if classes is not None:
            x = x * gamma + beta
        if momentum is not None:
            if not shared:
                batch_mean, batch_variance = replicas.all_reduce_mean([batch_mean, batch_variance])
            for average, value in ((mean, batch_mean), (variance, batch_variance)):
                # A sum, not a difference: with momentum 0, no rounding error of the old value may remain.
                update = average.assign(momentum * average + (1.0 - momentum) * value)
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        return x


# Each function normalizes D's feature maps, [N, H, W, C]; 'spectral' normalizes the kernels instead, in layers.py.
D_NORMS = {
    "batch": batch_norm,
    "layer": lambda x, network: layer_norm(x, network.bn_epsilon),
    "spectral": lambda x, network: x,
    "none": lambda x, network: x,
}
