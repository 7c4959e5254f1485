"""What holds the networks in check: batch, layer and spectral normalisation.

Batch normalisation: Ioffe & Szegedy 2015, arXiv 1502.03167; by class: de Vries et al. 2017, arXiv 1707.00683. Layer
normalisation: Ba et al. 2016, arXiv 1607.06450. Spectral normalisation: Miyato et al. 2018, arXiv 1802.05957.
"""

import tensorflow.compat.v1 as tf

from model import replicas

# Collection of what spectral normalisation moves: pairs of a variable and the value it is to have next.
POWER_ITERATIONS = "power_iterations"


def spectrally_normalised(kernel):
    """Divide a kernel, [..., out], by its largest singular value as a matrix [-1, out]: one step of the power method.

    The step's result joins POWER_ITERATIONS: whoever trains assigns it, so that the next one starts from there.
    """
    matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
    u = replicas.state("u", [1, kernel.shape[-1]], tf.random_normal_initializer())
    v = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(u, matrix, transpose_b=True)))
    next_u = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(v, matrix)))
    tf.add_to_collection(POWER_ITERATIONS, (u, next_u))
    return kernel / tf.reduce_sum(tf.matmul(v, matrix) * next_u)


def layer_norm(x, epsilon, name):
    """Normalise each picture of [N, H, W, C] to mean 0 and variance 1, then scale and shift its channels as learnt."""
    with tf.variable_scope(name):
        gamma, beta = _scale_and_shift([x.shape[-1]])
        mean, variance = tf.nn.moments(x, [1, 2, 3], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


def _scale_and_shift(shape):
    gamma = tf.get_variable("gamma", shape, initializer=tf.ones_initializer())
    return gamma, tf.get_variable("beta", shape, initializer=tf.zeros_initializer())


def _normalise(x, gamma, beta, epsilon, shared):
    """Return batch norm by the statistics of the batch, its mean, and its variance, unbiased."""
    if not (shared and replicas.is_one_of_several()):
        return tf.nn.fused_batch_norm(x, gamma, beta, epsilon=epsilon, is_training=True)
    mean, mean_square = replicas.mean(_moments(x))
    variance = tf.maximum(mean_square - tf.square(mean), 0.0)
    scale = gamma * tf.rsqrt(variance + epsilon)
    count = _values_of_channel(x) * replicas.count()
    return _affine(x, scale, beta - mean * scale), mean, variance * count / (count - 1.0)


def _values_of_channel(x):
    return tf.cast(tf.size(x) // tf.shape(x)[3], tf.float32)


# The kernel of batch norm goes over its input once and uses all cores; the same of plain operations took a fifth of a
# step. Told mean 0 and variance 1, it is nothing but a product and a sum.
_LEAST_EPSILON = 1.001e-5  # that it takes


def _affine(x, scale, offset):
    """Return x * scale + offset, a scale and an offset for each channel of [N, H, W, C]."""
    zeros = tf.zeros_like(scale)
    y, _, _ = tf.nn.fused_batch_norm(
        x, scale, offset, zeros, zeros + (1.0 - _LEAST_EPSILON), _LEAST_EPSILON, is_training=False
    )
    return y


def _moments(x):
    """Return the mean of each channel of [N, H, W, C], and that of its squares."""
    channels = [x.shape[-1]]
    _, mean, variance = tf.nn.fused_batch_norm(x, tf.ones(channels), tf.zeros(channels), is_training=True)
    count = _values_of_channel(x)
    mean_square = variance * (count - 1.0) / count + tf.square(mean)
    with tf.get_default_graph().gradient_override_map({"IdentityN": "MomentsOfChannels"}):
        return tf.identity_n([x, tf.stop_gradient(mean), tf.stop_gradient(mean_square)])[1:]


@tf.RegisterGradient("MomentsOfChannels")
def _gradient_of_moments(operation, _, of_mean, of_mean_square):
    """Return the gradients of `_moments`: 1 / n of the one, and 2 x / n of the other."""
    x = operation.inputs[0]
    count = _values_of_channel(x)
    return [_affine(x, 2.0 * of_mean_square / count, of_mean / count), None, None]


def batch_norm(x, training, momentum, epsilon, averages, name, classes=None, shared=True):
    """Normalise each channel of [N, H, W, C] to mean 0 and variance 1, then scale and shift it by learnt amounts.

    training: by the statistics of this batch. Otherwise by their moving averages, so that a picture does not depend on
    its batch; this needs `averages`. With both, the updates of the averages join `tf.GraphKeys.UPDATE_OPS`.
    momentum: what the averages keep of their old value. classes: [N, K] float32, the class of each picture as a row of
    a unit matrix; each class has amounts of its own. None: they are the same for all. shared: with several replicas the
    batch is that of all of them together; otherwise each has its own, and the averages move by the mean of theirs.
    """
    with tf.variable_scope(name):
        channels = [x.shape[-1]]
        gamma, beta = _scale_and_shift(channels if classes is None else [classes.shape[-1], *channels])
        if averages:
            mean = replicas.state("moving_mean", channels, tf.zeros_initializer())
            variance = replicas.state("moving_variance", channels, tf.ones_initializer())
        if classes is not None:
            gamma, beta = (tf.matmul(classes, amounts)[:, None, None, :] for amounts in (gamma, beta))
        if not training:
            scale = gamma * tf.rsqrt(variance + epsilon)
            offset = beta - mean * scale
            return _affine(x, scale, offset) if classes is None else x * scale + offset
        if classes is None:
            x, batch_mean, batch_variance = _normalise(x, gamma, beta, epsilon, shared)
        else:
            x, batch_mean, batch_variance = _normalise(x, tf.ones(channels), tf.zeros(channels), epsilon, shared)
            x = x * gamma + beta
        if averages:
            if not shared:
                batch_mean, batch_variance = replicas.mean([batch_mean, batch_variance])
            for average, value in ((mean, batch_mean), (variance, batch_variance)):
                # Not as a difference: where nothing of the old value is kept, nothing of its rounding must be.
                update = average.assign(momentum * average + (1.0 - momentum) * value)
                tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        return x
