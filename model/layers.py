"""The layers both networks are made of, on `tf.get_variable` and `tf.nn`.

Batch normalisation: Ioffe & Szegedy 2015, arXiv 1502.03167; by class: de Vries et al. 2017, arXiv 1707.00683. Layer
normalisation: Ba et al. 2016, arXiv 1607.06450. Spectral normalisation: Miyato et al. 2018, arXiv 1802.05957.
Transposed convolution: Dumoulin & Visin 2016, arXiv 1603.07285; against its checkerboards: Odena et al. 2016,
distill.pub/2016/deconv-checkerboard. Glorot & Bengio 2010; He et al. 2015, arXiv 1502.01852.
"""

import math

import numpy as np
import tensorflow.compat.v1 as tf

from model import replicas

# Collection of what spectral normalisation moves: pairs of a variable and the value it is to have next.
POWER_ITERATIONS = "power_iterations"

ACTIVATIONS = {
    "leaky_relu": lambda x, leak: tf.nn.leaky_relu(x, alpha=leak),
    "relu": lambda x, leak: tf.nn.relu(x),
    "elu": lambda x, leak: tf.nn.elu(x),
    "tanh": lambda x, leak: tf.nn.tanh(x),
}


def activation(x, kind, leak):
    """Apply the activation `kind`, a key of ACTIVATIONS; `leak` is the slope of leaky_relu below zero."""
    return ACTIVATIONS[kind](x, leak)


def initializer(kind, stddev, transposed=False):
    """Return the initialiser `kind` of a weight.

    'normal', 'truncated_normal' and 'uniform' have the standard deviation `stddev`; 'glorot' and 'he' take theirs from
    the weight's shape. A transposed kernel is [height, width, out, in]: what flows into it is its last dimension.
    """
    if kind == "normal":
        return tf.random_normal_initializer(stddev=stddev)
    if kind == "truncated_normal":
        # Cut at two sigma, a normal keeps 0.8796 of its spread: widen it, so that `stddev` is what the weights have.
        return tf.truncated_normal_initializer(stddev=stddev / 0.87962566103423978)
    if kind == "uniform":
        limit = math.sqrt(3.0) * stddev
        return tf.random_uniform_initializer(-limit, limit)
    if kind == "glorot":
        return tf.variance_scaling_initializer(scale=1.0, mode="fan_avg", distribution="truncated_normal")
    if kind == "he":
        fan = "fan_out" if transposed else "fan_in"
        return tf.variance_scaling_initializer(scale=2.0, mode=fan, distribution="truncated_normal")
    raise ValueError("unknown init %r" % kind)


def _add_bias(x):
    bias = tf.get_variable("bias", [x.shape[-1]], initializer=tf.zeros_initializer())
    return tf.nn.bias_add(x, bias)


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


def dense(x, units, init, use_bias, name, spectral=False):
    """Multiply [N, inputs] by a learnt matrix: [N, units]."""
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [x.shape[-1], units], initializer=init)
        x = tf.matmul(x, spectrally_normalised(kernel) if spectral else kernel)
        return _add_bias(x) if use_bias else x


def conv2d(x, filters, kernel_size, stride, init, use_bias, name, spectral=False):
    """Convolve [N, H, W, C] with zero padding: [N, ceil(H / stride), ceil(W / stride), filters]."""
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [kernel_size, kernel_size, x.shape[-1], filters], initializer=init)
        kernel = spectrally_normalised(kernel) if spectral else kernel
        x = tf.nn.conv2d(x, kernel, strides=[1, stride, stride, 1], padding="SAME")
        return _add_bias(x) if use_bias else x


# How a pixel is spread over those it becomes when a picture is doubled in height and width, in each direction.
NEAREST = (1.0, 1.0)  # over two, alike
BILINEAR = (0.25, 0.75, 0.75, 0.25)  # over four, fading into the neighbours


def spread(kernel, weights):
    """Widen a kernel, [n, n, ...], by n' - 1 where there are n' weights: its convolution with them, both ways.

    A transposed convolution with the result is a convolution, by `kernel`, of the picture doubled in size.
    """
    n = int(kernel.shape[0])
    one_way = np.zeros((n + len(weights) - 1, n), np.float32)
    for i in range(n):
        one_way[i : i + len(weights), i] = weights
    return _both_ways(kernel, one_way)


def _both_ways(kernel, one_way):
    """Multiply a kernel, [n, n, ...], by an array, [m, n], along its height and along its width: [m, m, ...]."""
    (m, n), shape = one_way.shape, [int(size) for size in kernel.shape[2:]]
    # As one product with a matrix: sums of shifted kernels took longer than the layer itself.
    matrix = tf.constant(np.kron(one_way, one_way))  # [m * m, n * n]
    return tf.reshape(tf.matmul(matrix, tf.reshape(kernel, [n * n, -1])), [m, m, *shape])


def conv2d_transpose(x, filters, kernel_size, init, use_bias, name, spread_by=None):
    """Convolve [N, H, W, C] with fractional stride 1/2: [N, 2 H, 2 W, filters].

    spread_by: NEAREST or BILINEAR, which widens the learnt kernel so that no pixel can differ from the next one only
    because of its place in the picture; see `spread`. None: the kernel is as it is learnt.
    """
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [kernel_size, kernel_size, filters, x.shape[-1]], initializer=init)
        kernel = spread(kernel, spread_by) if spread_by else kernel
        if filters < FEW:
            x = _pixels_of_doubled(x, kernel)
        else:
            height, width = x.shape[1], x.shape[2]
            shape = tf.stack([tf.shape(x)[0], 2 * height, 2 * width, filters])
            x = tf.nn.conv2d_transpose(x, kernel, output_shape=shape, strides=[1, 2, 2, 1], padding="SAME")
            x.set_shape([None, 2 * height, 2 * width, filters])
        return _add_bias(x) if use_bias else x


# Processors compute this many feature maps at a time, so that a layer of 3 takes as long as one of 16.
FEW = 16


def _pixels_of_doubled(x, kernel):
    """Return what tf.nn.conv2d_transpose makes of x, [N, H, W, C], by `kernel`, [n, n, filters, C], for few filters.

    Each pixel becomes 2x2: all four are feature maps of one convolution, which are then put in their places. With the
    3 maps of a picture, a step of the network as it comes took 0.92 to 0.95 times as long, sampling 0.77 times.
    """
    n, filters, channels = (int(kernel.shape[i]) for i in (0, 2, 3))
    padding = (n - 2) // 2
    reach = (n - 1 - padding) // 2
    one_way = np.zeros((2 * reach + 1, 2, n), np.float32)
    for tap in range(2 * reach + 1):
        for pixel in range(2):
            place = pixel - 2 * (tap - reach) + padding
            if 0 <= place < n:
                one_way[tap, pixel, place] = 1.0
    kernels = _both_ways(kernel, one_way.reshape(-1, n))
    kernels = tf.reshape(kernels, [2 * reach + 1, 2, 2 * reach + 1, 2, filters, channels])
    kernels = tf.transpose(kernels, [0, 2, 5, 1, 3, 4])
    kernels = tf.reshape(kernels, [2 * reach + 1, 2 * reach + 1, channels, 4 * filters])
    return tf.depth_to_space(tf.nn.conv2d(x, kernels, strides=[1, 1, 1, 1], padding="SAME"), 2)


def average_pool(x):
    """Average each 2x2 square of [N, H, W, C]: [N, H / 2, W / 2, C]."""
    return tf.nn.avg_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")


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
