"""The layers of both networks, built on `tf.get_variable` and `tf.nn`.

Initial weights: Glorot & Bengio 2010; He et al. 2015, arXiv 1502.01852. The transposed convolution is in upsampling.py,
normalization in norms.py.
"""

import math
from typing import Any, NamedTuple

from model.graph_mode import tf
from model.norms import spectral_norm

ACTIVATIONS = {
    "leaky_relu": lambda x, leak: tf.nn.leaky_relu(x, alpha=leak),
    "relu": lambda x, leak: tf.nn.relu(x),
    "elu": lambda x, leak: tf.nn.elu(x),
    "tanh": lambda x, leak: tf.nn.tanh(x),
}


class KernelSpec(NamedTuple):
    """How a layer creates its weights."""

    initializer: Any  # initializer of the kernel; see `initializer`
    use_bias: bool
    spectral: bool = False  # divide the kernel by its largest singular value


def activation(x, network):
    """Apply the activation of the network settings; `leak` is the slope of leaky_relu below zero."""
    return ACTIVATIONS[network.activation](x, network.leak)


def initializer(kind, stddev, transposed=False):
    """Return a kernel initializer of the given kind.

    'normal', 'truncated_normal' and 'uniform' have the standard deviation `stddev`; 'glorot' and 'he' compute theirs
    from the kernel's shape. transposed: the kernel is [height, width, out, in], as in tf.nn.conv2d_transpose.
    """
    limit = math.sqrt(3.0) * stddev
    return {
        "normal": tf.random_normal_initializer(stddev=stddev),
        # Truncation at two sigma reduces the standard deviation of a normal distribution to 0.8796 of its value.
        "truncated_normal": tf.truncated_normal_initializer(stddev=stddev / 0.87962566103423978),
        "uniform": tf.random_uniform_initializer(-limit, limit),
        "glorot": tf.variance_scaling_initializer(1.0, "fan_avg", "truncated_normal"),
        "he": tf.variance_scaling_initializer(2.0, "fan_out" if transposed else "fan_in", "truncated_normal"),
    }[kind]


def add_bias(x):
    """Add a learned bias to each channel, the last dimension of x."""
    bias = tf.get_variable("bias", [x.shape[-1]], initializer=tf.zeros_initializer())
    return tf.nn.bias_add(x, bias)


def dense(x, units, spec, name="dense"):
    """Multiply x, [N, inputs], by a learned matrix: [N, units]; add a bias if `spec`, a KernelSpec, has one."""
    with tf.variable_scope(name):
        kernel = tf.get_variable("kernel", [x.shape[-1], units], initializer=spec.initializer)
        x = tf.matmul(x, spectral_norm(kernel) if spec.spectral else kernel)
        return add_bias(x) if spec.use_bias else x


def conv2d(x, filters, size, stride, spec):
    """Convolve x, [N, H, W, C], with zero padding: [N, ceil(H / stride), ceil(W / stride), filters].

    size: height and width of the kernel. spec: a KernelSpec; a bias is added if it has one.
    """
    with tf.variable_scope("conv"):
        kernel = tf.get_variable("kernel", [size, size, x.shape[-1], filters], initializer=spec.initializer)
        kernel = spectral_norm(kernel) if spec.spectral else kernel
        x = tf.nn.conv2d(x, kernel, strides=[1, stride, stride, 1], padding="SAME")
        return add_bias(x) if spec.use_bias else x


def excite(x, source, units, network):
    """Multiply each feature map of x, [N, H, W, C], by a number from 0 to 2 that depends on source, [N, h, w, S].

    units: size of the hidden layer. Skip-layer excitation: Liu et al. 2021, arXiv 2101.04775; here, the sigmoid is
    doubled, so that it is about 1 at first.
    """
    init = initializer("he", network.init_stddev)  # whatever network.init is: scales differ from the first step on
    spec = KernelSpec(init, use_bias=True)
    with tf.variable_scope("excitation"):
        source = tf.reshape(source, [-1, source.shape[1] * source.shape[2] * source.shape[3]])
        hidden = activation(dense(source, units, spec, "hidden"), network)
        scales = 2.0 * tf.sigmoid(dense(hidden, x.shape[-1], spec, "scales"))  # [N, C]
        return x * scales[:, None, None, :]


def average_pool(x):
    """Average each 2x2 square of [N, H, W, C]: [N, H / 2, W / 2, C]."""
    return tf.nn.avg_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
