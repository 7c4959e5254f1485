"""The layers that both networks are made of, on `tf.get_variable` and `tf.nn`.

Initial weights: Glorot & Bengio 2010; He et al. 2015, arXiv 1502.01852. The transposed convolution is in upsampling.py,
normalization in norms.py.
"""

import math
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf

from model.norms import spectral_norm

ACTIVATIONS = {
    "leaky_relu": lambda x, leak: tf.nn.leaky_relu(x, alpha=leak),
    "relu": lambda x, leak: tf.nn.relu(x),
    "elu": lambda x, leak: tf.nn.elu(x),
    "tanh": lambda x, leak: tf.nn.tanh(x),
}


class KernelSpec(NamedTuple):
    """How the weights of a layer are made."""

    initializer: Any  # of the kernel; see `initializer`
    use_bias: bool
    spectral: bool = False  # divide the kernel by its largest singular value


def feature_maps(network, width=1.0):
    """Return the number of feature maps at each resolution, from the lowest, see `base_resolution`, up.

    It is `filters` at half the size of the images and doubles at each lower resolution, up to `max_filters`; then it
    is multiplied by `width`.
    """
    doublings = range(min(network.height, network.width).bit_length() - 4, -1, -1)
    return [max(1, round(width * min(network.filters << n, network.max_filters))) for n in doublings]


def base_resolution(network):
    """Return the lowest resolution, height and width: the shorter side is 4 to 7, as in 4x4 for all powers of two."""
    doublings = len(feature_maps(network))
    return network.height >> doublings, network.width >> doublings


def activation(x, kind, leak):
    """Apply the activation `kind`, a key of ACTIVATIONS; `leak` is the slope of leaky_relu below zero."""
    return ACTIVATIONS[kind](x, leak)


def initializer(kind, stddev, transposed=False):
    """Return the initializer `kind` of a kernel.

    'normal', 'truncated_normal' and 'uniform' have the standard deviation `stddev`; 'glorot' and 'he' compute theirs
    from the kernel's shape. transposed: the kernel is [height, width, out, in], as tf.nn.conv2d_transpose has it.
    """
    if kind == "normal":
        return tf.random_normal_initializer(stddev=stddev)
    if kind == "truncated_normal":
        # Cut at two sigma, a normal distribution keeps 0.8796 of its standard deviation.
        return tf.truncated_normal_initializer(stddev=stddev / 0.87962566103423978)
    if kind == "uniform":
        limit = math.sqrt(3.0) * stddev
        return tf.random_uniform_initializer(-limit, limit)
    if kind == "glorot":
        return tf.variance_scaling_initializer(scale=1.0, mode="fan_avg", distribution="truncated_normal")
    if kind == "he":
        fan = "fan_out" if transposed else "fan_in"
        return tf.variance_scaling_initializer(scale=2.0, mode=fan, distribution="truncated_normal")
    raise ValueError(f"unknown init {kind!r}")


def add_bias(x):
    """Add a learned bias to each channel, the last dimension of x."""
    bias = tf.get_variable("bias", [x.shape[-1]], initializer=tf.zeros_initializer())
    return tf.nn.bias_add(x, bias)


def dense(x, units, weights, name="dense"):
    """Multiply [N, inputs] by a learned matrix: [N, units]."""
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [x.shape[-1], units], initializer=weights.initializer)
        x = tf.matmul(x, spectral_norm(kernel) if weights.spectral else kernel)
        return add_bias(x) if weights.use_bias else x


def conv2d(x, filters, size, stride, weights):
    """Convolve [N, H, W, C] with zero padding: [N, ceil(H / stride), ceil(W / stride), filters].

    size: height and width of the kernel.
    """
    with tf.variable_scope("conv"):
        kernel = tf.get_variable("kernel", [size, size, x.shape[-1], filters], initializer=weights.initializer)
        kernel = spectral_norm(kernel) if weights.spectral else kernel
        x = tf.nn.conv2d(x, kernel, strides=[1, stride, stride, 1], padding="SAME")
        return add_bias(x) if weights.use_bias else x


def average_pool(x):
    """Average each 2x2 square of [N, H, W, C]: [N, H / 2, W / 2, C]."""
    return tf.nn.avg_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
