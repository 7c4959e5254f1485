"""The layers both networks are made of, on `tf.get_variable` and `tf.nn`.

Transposed convolution: Dumoulin & Visin 2016, arXiv 1603.07285; against its checkerboards: Odena et al. 2016,
distill.pub/2016/deconv-checkerboard. Glorot & Bengio 2010; He et al. 2015, arXiv 1502.01852.
"""

import math

import numpy as np
import tensorflow.compat.v1 as tf

from model.norms import spectrally_normalised

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


# Processors compute this many feature maps at a time, so that a layer of 3 takes as long as one of 16.
FEW = 16


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


def _pixels_of_doubled(x, kernel):
    """Return what tf.nn.conv2d_transpose makes of x, [N, H, W, C], by `kernel`, [n, n, filters, C], for few filters.

    Each pixel becomes 2x2: all four are feature maps of one convolution, which are then put in their places. With the
    3 maps of a picture, a step of the network as it comes took 0.92 to 0.95 times as long, sampling 0.77 times.
    """
    n, filters, channels = (int(kernel.shape[i]) for i in (0, 2, 3))
    padding = (n - 2) // 2
    reach = (n - 1 - padding) // 2
    taps = 2 * reach + 1
    one_way = np.zeros((taps, 2, n), np.float32)
    for tap in range(taps):
        for pixel in range(2):
            place = pixel - 2 * (tap - reach) + padding
            if 0 <= place < n:
                one_way[tap, pixel, place] = 1.0
    kernels = _both_ways(kernel, one_way.reshape(-1, n))
    kernels = tf.reshape(kernels, [taps, 2, taps, 2, filters, channels])
    kernels = tf.transpose(kernels, [0, 2, 5, 1, 3, 4])
    kernels = tf.reshape(kernels, [taps, taps, channels, 4 * filters])
    return tf.depth_to_space(tf.nn.conv2d(x, kernels, strides=[1, 1, 1, 1], padding="SAME"), 2)


def average_pool(x):
    """Average each 2x2 square of [N, H, W, C]: [N, H / 2, W / 2, C]."""
    return tf.nn.avg_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
