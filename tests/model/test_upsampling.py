"""The transposed convolution and its faster equivalent."""

import numpy as np
import pytest

from model import upsampling
from model.graph_mode import tf
from model.layers import KernelSpec


@pytest.mark.parametrize("size", (2, 3, 4, 5, 8, 15))
def test_plain_convolution_for_few_maps_equals_the_transposed_one(graph, size):
    random = np.random.RandomState(0)
    pixels = tf.constant(random.normal(size=(2, 6, 5, 7)), tf.float32)
    result = upsampling.conv2d_transpose(pixels, 3, size, KernelSpec(tf.random_normal_initializer(), False))
    kernel, weights = tf.global_variables()[0], tf.constant(random.normal(size=(2, 12, 10, 3)), tf.float32)
    expected = tf.nn.conv2d_transpose(pixels, kernel, output_shape=[2, 12, 10, 3], strides=[1, 2, 2, 1])
    ends = [[x, *tf.gradients(x * weights, [pixels, kernel])] for x in (result, expected)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for value, expected in zip(*session.run(ends)):
            np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-3)


def doubling(n, blur_filter):
    """Return the matrix [2 n, n] that upsamples a row of n pixels with a filter."""
    matrix, reach = np.zeros((2 * n, n)), len(blur_filter) // 2 - 1
    for i in range(n):
        for j, weight in enumerate(blur_filter, 2 * i - reach):
            if 0 <= j < 2 * n:
                matrix[j, i] = weight
    return matrix


@pytest.mark.parametrize("filters", (3, upsampling.MIN_TRANSPOSED_FILTERS))
@pytest.mark.parametrize("blur_filter, border", ((upsampling.NEAREST, 0), (upsampling.BILINEAR, 2)))
def test_blurred_kernel_equals_a_convolution_of_the_doubled_image(graph, blur_filter, border, filters):
    assert doubling(3, upsampling.BILINEAR)[1:5].tolist() == [
        [0.75, 0.25, 0],
        [0.25, 0.75, 0],
        [0, 0.75, 0.25],
        [0, 0.25, 0.75],
    ]
    pixels = np.random.RandomState(0).normal(size=(2, 6, 5, 3))
    spec = KernelSpec(tf.random_normal_initializer(), use_bias=False)
    result = upsampling.conv2d_transpose(tf.constant(pixels, tf.float32), filters, 3, spec, blur_filter)
    kernel = tf.global_variables()[0]
    doubled = np.einsum("ai,bj,nijc->nabc", doubling(6, blur_filter), doubling(5, blur_filter), pixels)
    doubled = tf.constant(doubled, tf.float32)
    # A transposed convolution reverses its kernel and swaps its channels.
    expected = tf.nn.conv2d(doubled, tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2]), strides=[1] * 4, padding="SAME")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        result, expected = session.run([result, expected])
    inner = slice(border, -border or None)  # the convolution pads with zeros beyond the border
    assert result.shape == (2, 12, 10, filters)
    assert result[:, inner, inner] == pytest.approx(expected[:, inner, inner], abs=1e-5)


@pytest.mark.parametrize("upsample, smooth", (("smooth", True), ("transposed", False)))
def test_smooth_kernels_leave_flat_maps_flat(graph, upsample, smooth):
    """Random kernels turn a flat map into a checkerboard only if upsample = 'transposed'; the border is excluded."""
    for blur_filter in (upsampling.NEAREST, upsampling.BILINEAR):
        with tf.variable_scope(str(len(blur_filter))):
            spec = KernelSpec(tf.random_normal_initializer(), use_bias=False)
            x = tf.ones([1, 8, 8, 5])
            x = upsampling.conv2d_transpose(x, 2, 3 if smooth else 4, spec, blur_filter if smooth else None)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            inner = session.run(x)[0, 4:-4, 4:-4]
        assert (np.ptp(inner, axis=(0, 1)) < 1e-4).all() == smooth
