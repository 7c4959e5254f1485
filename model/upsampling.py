"""The transposed convolution by which G doubles its feature maps, and how it is computed quickly.

Arithmetic of transposed convolutions: Dumoulin & Visin 2016, arXiv 1603.07285. Checkerboards and how to avoid them:
Odena et al. 2016, distill.pub/2016/deconv-checkerboard. To change the networks you only need `conv2d_transpose`; what
follows it is about kernels.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from model.layers import add_bias

# How each pixel is spread over those it becomes when an image is doubled in height and width, in each direction.
NEAREST = (1.0, 1.0)  # over two, equally
BILINEAR = (0.25, 0.75, 0.75, 0.25)  # over four, fading into the neighbors


def conv2d_transpose(x, filters, size, weights, blur_filter=None):
    """Convolve [N, H, W, C] with fractional stride 1/2: [N, 2 H, 2 W, filters].

    size: height and width of the learned kernel. weights: a layers.KernelSpec. blur_filter: NEAREST or BILINEAR, which
    widens the kernel so that no pixel can differ from its neighbor only because of its position; see `blur_kernel`.
    None: the kernel is used as it is learned.
    """
    with tf.variable_scope("conv"):
        kernel = tf.get_variable("kernel", [size, size, filters, x.shape[-1]], initializer=weights.initializer)
        kernel = blur_kernel(kernel, blur_filter) if blur_filter else kernel
        if filters < MIN_TRANSPOSED_FILTERS:
            x = _as_plain_convolution(x, kernel)
        else:
            height, width = x.shape[1], x.shape[2]
            shape = tf.stack([tf.shape(x)[0], 2 * height, 2 * width, filters])
            x = tf.nn.conv2d_transpose(x, kernel, output_shape=shape, strides=[1, 2, 2, 1], padding="SAME")
            x.set_shape([None, 2 * height, 2 * width, filters])
        return add_bias(x) if weights.use_bias else x


def blur_kernel(kernel, weights):
    """Convolve a kernel, [n, n, ...], with m weights in both directions: [n + m - 1, n + m - 1, ...].

    A transposed convolution by the result equals a convolution, by `kernel`, of the image doubled in size.
    """
    n = int(kernel.shape[0])
    matrix = np.zeros((n + len(weights) - 1, n), np.float32)
    for i in range(n):
        matrix[i : i + len(weights), i] = weights
    return _multiply_both_sides(kernel, matrix)


def _multiply_both_sides(kernel, matrix):
    """Multiply a kernel, [n, n, ...], by a matrix, [m, n], along its height and along its width: [m, m, ...]."""
    (m, n), shape = matrix.shape, [int(size) for size in kernel.shape[2:]]
    # One matrix product: sums of shifted kernels took longer than the layer itself.
    both = tf.constant(np.kron(matrix, matrix))  # [m * m, n * n]
    return tf.reshape(tf.matmul(both, tf.reshape(kernel, [n * n, -1])), [m, m, *shape])


# Below this many output maps a plain convolution is faster: oneDNN computes 16 at a time, so 3 take as long as 16.
MIN_TRANSPOSED_FILTERS = 16


def _as_plain_convolution(x, kernel):
    """Return what tf.nn.conv2d_transpose makes of x, [N, H, W, C], by `kernel`, [n, n, filters, C], for few filters.

    Each pixel becomes 2x2 pixels: all four are computed as feature maps of one convolution, then moved into place. With
    the 3 maps of an image, a step of the default network took 0.92 to 0.95 times as long, sampling 0.77 times.
    """
    n, filters, channels = (int(kernel.shape[i]) for i in (0, 2, 3))
    padding = (n - 2) // 2
    reach = (n - 1 - padding) // 2
    taps = 2 * reach + 1
    matrix = np.zeros((taps, 2, n), np.float32)
    for tap in range(taps):
        for pixel in range(2):
            position = pixel - 2 * (tap - reach) + padding
            if 0 <= position < n:
                matrix[tap, pixel, position] = 1.0
    kernels = _multiply_both_sides(kernel, matrix.reshape(-1, n))
    kernels = tf.reshape(kernels, [taps, 2, taps, 2, filters, channels])
    kernels = tf.transpose(kernels, [0, 2, 5, 1, 3, 4])
    kernels = tf.reshape(kernels, [taps, taps, channels, 4 * filters])
    return tf.depth_to_space(tf.nn.conv2d(x, kernels, strides=[1, 1, 1, 1], padding="SAME"), 2)
