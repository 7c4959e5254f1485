"""The transposed convolution that doubles the sides of G's feature maps, and a fast way to compute it.

Transposed-convolution arithmetic: Dumoulin & Visin 2016, arXiv 1603.07285. Checkerboards and how to avoid them:
Odena et al. 2016, distill.pub/2016/deconv-checkerboard. To change the networks, you only need `conv2d_transpose`; the
rest of the module computes kernels.
"""

import numpy as np

from model.graph_mode import tf
from model.layers import add_bias

# Filters for each direction, which interpolate an image when its height and width double.
NEAREST = (1.0, 1.0)  # each pixel becomes two equal ones
BILINEAR = (0.25, 0.75, 0.75, 0.25)  # each pixel blends into its neighbors


def conv2d_transpose(x, filters, size, spec, blur_filter=None):
    """Convolve [N, H, W, C] with fractional stride 1/2: [N, 2 H, 2 W, filters].

    size: height and width of the learned kernel. spec: a layers.KernelSpec. blur_filter: NEAREST or BILINEAR; it widens
    the kernel so that no pixel can differ from its neighbor only because of its position, see `blur_kernel`. None: use
    the kernel as learned.
    """
    with tf.variable_scope("conv"):
        kernel = tf.get_variable("kernel", [size, size, filters, x.shape[-1]], initializer=spec.initializer)
        kernel = blur_kernel(kernel, blur_filter) if blur_filter else kernel
        if filters < MIN_TRANSPOSED_FILTERS:
            x = _as_plain_convolution(x, kernel)
        else:
            height, width = x.shape[1], x.shape[2]
            shape = tf.stack([tf.shape(x)[0], 2 * height, 2 * width, filters])
            x = tf.nn.conv2d_transpose(x, kernel, output_shape=shape, strides=[1, 2, 2, 1], padding="SAME")
            x.set_shape([None, 2 * height, 2 * width, filters])
        return add_bias(x) if spec.use_bias else x


def blur_kernel(kernel, blur_filter):
    """Convolve a kernel, [n, n, ...], with a filter of length m in both directions: [n + m - 1, n + m - 1, ...].

    A transposed convolution with the result is equivalent to upsampling with the filter, then convolving with `kernel`.
    """
    rows = np.eye(int(kernel.shape[0]))
    return _multiply_both_sides(kernel, np.float32([np.convolve(row, blur_filter) for row in rows]).T)


def _multiply_both_sides(kernel, matrix):
    """Multiply a kernel, [n, n, ...], by a matrix, [m, n], along its height and its width: [m, m, ...]."""
    (m, n), shape = matrix.shape, [int(size) for size in kernel.shape[2:]]
    # This is a single matrix product, because summing shifted kernels took longer than the layer itself.
    both = tf.constant(np.kron(matrix, matrix))  # [m * m, n * n]
    return tf.reshape(tf.matmul(both, tf.reshape(kernel, [n * n, -1])), [m, m, *shape])


# With fewer output maps than this minimum, a plain convolution is faster: oneDNN computes 16 maps at a time, so that
# 3 maps take as long as 16.
MIN_TRANSPOSED_FILTERS = 16


def _as_plain_convolution(x, kernel):
    """Return tf.nn.conv2d_transpose of x, [N, H, W, C], with `kernel`, [n, n, filters, C]; fast for few filters.

    Each pixel becomes 2x2 pixels: one convolution computes all four as feature maps, then they move into place. With
    the 3 maps of an image, this shortened a step of the default network by 5% to 8%, and sampling by 23%.
    """
    n, filters, channels = (int(kernel.shape[i]) for i in (0, 2, 3))
    padding = (n - 2) // 2
    reach = (n - 1 - padding) // 2
    taps = 2 * reach + 1
    positions = np.arange(2) - 2 * (np.arange(taps)[:, None] - reach) + padding  # [taps, 2]: each pixel's kernel row
    kernels = _multiply_both_sides(kernel, np.float32(positions.reshape(-1, 1) == np.arange(n)))
    kernels = tf.reshape(kernels, [taps, 2, taps, 2, filters, channels])
    kernels = tf.transpose(kernels, [0, 2, 5, 1, 3, 4])
    kernels = tf.reshape(kernels, [taps, taps, channels, 4 * filters])
    return tf.depth_to_space(tf.nn.conv2d(x, kernels, strides=[1, 1, 1, 1], padding="SAME"), 2)
