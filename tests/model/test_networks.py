"""G and D: shapes, sizes, and that each network setting reaches the graph."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import read

from model import layers, upsampling
from model.discriminator import discriminator
from model.generator import generator
from model.layers import KernelSpec, feature_maps


def build_both(network, n=3, training=True):
    """Return (images, logits) of both networks for n z."""
    images = generator(tf.random_uniform([n, network.z_dim], -1, 1), network, training=training)
    return images, discriminator(images, network)


def shape_of(graph, name):
    return graph.get_tensor_by_name(name + ":0").shape.as_list()[1:]


def operations(graph, kind, scope=""):
    return [op for op in graph.get_operations() if op.type == kind and op.name.startswith(scope)]


def test_the_default_generator(graph, settings):
    generator(tf.zeros([2, 100]), settings.network, training=True)
    # One fused batch norm behind each resolution but the last, on the paper's shapes at a quarter of its width.
    shapes = [op.outputs[0].shape.as_list()[1:] for op in operations(graph, "FusedBatchNormV3")]
    assert shapes == [[4, 4, 256], [8, 8, 128], [16, 16, 64], [32, 32, 32], [64, 64, 16]]
    assert shape_of(graph, "generator/Tanh") == [64, 64, 3]


def test_the_generator_of_the_papers_figure_1(graph, settings):
    network = settings.network._replace(filters=128, kernel=5, upsample="transposed", output_filters=0)
    generator(tf.zeros([2, 100]), network, training=True)
    shapes = [op.outputs[0].shape.as_list()[1:] for op in operations(graph, "FusedBatchNormV3")]
    assert shapes == [[4, 4, 1024], [8, 8, 512], [16, 16, 256], [32, 32, 128]]
    kernels = [v.shape.as_list() for v in tf.global_variables() if v.op.name.endswith("conv/kernel")]
    assert kernels == [[5, 5, 512, 1024], [5, 5, 256, 512], [5, 5, 128, 256], [5, 5, 3, 128]]


def test_the_default_discriminator_pools_behind_the_activation(graph, settings):
    discriminator(tf.zeros([2, 64, 64, 3]), settings.network)
    pools = operations(graph, "AvgPool")
    assert [op.outputs[0].shape.as_list()[1:] for op in pools] == [
        [32, 32, 16],
        [16, 16, 32],
        [8, 8, 64],
        [4, 4, 128],
    ]
    assert {op.inputs[0].op.type for op in pools} == {"LeakyRelu"}
    assert all(op.get_attr("strides") == [1, 1, 1, 1] for op in operations(graph, "Conv2D"))
    assert [v.shape.as_list()[:2] for v in tf.global_variables() if v.op.name.endswith("conv/kernel")] == [[3, 3]] * 4
    assert len(operations(graph, "FusedBatchNormV3")) == 3
    assert not [v for v in tf.global_variables() if "64x64/batch_norm" in v.name]


@pytest.mark.parametrize("kernel", (4, 5))
def test_the_strided_discriminator(graph, settings, kernel):
    discriminator(tf.zeros([2, 64, 64, 3]), settings.network._replace(downsample="stride", kernel=kernel))
    convolutions = operations(graph, "Conv2D")
    assert [op.outputs[0].shape.as_list()[1:] for op in convolutions] == [
        [32, 32, 16],
        [16, 16, 32],
        [8, 8, 64],
        [4, 4, 128],
    ]
    assert not operations(graph, "AvgPool")
    assert [v.shape.as_list()[:2] for v in tf.global_variables() if v.op.name.endswith("conv/kernel")] == [
        [kernel] * 2
    ] * 4


@pytest.mark.parametrize("downsample, kernel", (("average", 3), ("stride", 4)))
@pytest.mark.parametrize("upsample, g_kernel", (("smooth", 3), ("transposed", 4)))
def test_parameter_counts(graph, settings, downsample, kernel, upsample, g_kernel):
    build_both(settings.network._replace(downsample=downsample, upsample=upsample))
    size = {"generator": 0, "discriminator": 0}
    for variable in tf.trainable_variables():
        size[variable.name.split("/")[0]] += variable.shape.num_elements()
    of_norms = 2 * (256 + 128 + 64 + 32)
    of_g = g_kernel**2 * (256 * 128 + 128 * 64 + 64 * 32 + 32 * 16) + 2 * 16 + 3**2 * 16 * 3 + 3
    assert size["generator"] == 100 * 4096 + of_g + of_norms
    weights = kernel**2 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 128) + 16
    assert size["discriminator"] == weights + 2 * (32 + 64 + 128) + 2048 + 1


@pytest.mark.parametrize("size", (8, 16, 32, 64, 128, 256))
@pytest.mark.parametrize("channels", (1, 3))
def test_shapes_and_ranges(graph, tiny, size, channels):
    network = tiny.network._replace(image_size=size, channels=channels, filters=2, max_filters=8)
    images, logits = build_both(network)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        images, logits = session.run([images, logits])
    assert images.shape == (3, size, size, channels) and images.dtype == np.float32
    assert logits.shape == (3, 1) and logits.dtype == np.float32
    assert -1 <= images.min() < images.max() <= 1


def test_reuse_adds_no_variable(graph, tiny):
    build_both(tiny.network)
    names = [v.name for v in tf.global_variables()]
    build_both(tiny.network)
    build_both(tiny.network, training=False)
    assert [v.name for v in tf.global_variables()] == names


@pytest.mark.parametrize("size", (2, 3, 4, 5, 6, 7, 8, 15))
def test_few_maps_come_of_a_convolution_that_is_the_transposed_one(graph, size):
    random = np.random.RandomState(0)
    pixels = tf.constant(random.normal(size=(2, 6, 5, 7)), tf.float32)
    found = upsampling.conv2d_transpose(pixels, 3, size, KernelSpec(tf.random_normal_initializer(), False))
    kernel, wanted = tf.global_variables()[0], tf.constant(random.normal(size=(2, 12, 10, 3)), tf.float32)
    expected = tf.nn.conv2d_transpose(pixels, kernel, output_shape=[2, 12, 10, 3], strides=[1, 2, 2, 1])
    ends = [[x, *tf.gradients(x * wanted, [pixels, kernel])] for x in (found, expected)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found, expected = session.run(ends)
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_only_the_images_themselves_are_few_maps(graph, settings):
    generator(tf.zeros([2, 100]), settings.network._replace(output_filters=0), training=True)
    assert len(operations(graph, "Conv2DBackpropInput", "generator/")) == 3
    assert len(operations(graph, "Conv2D", "generator/64x64/")) == len(operations(graph, "Conv2D")) == 1


def doubling(n, weights):
    """Return the matrix [2 n, n] that doubles a line of n pixels: bilinearly, or each of them twice."""
    matrix, reach = np.zeros((2 * n, n)), len(weights) // 2 - 1
    for i in range(n):
        for j, weight in enumerate(weights, 2 * i - reach):
            if 0 <= j < 2 * n:
                matrix[j, i] = weight
    return matrix


@pytest.mark.parametrize("filters", (3, upsampling.MIN_TRANSPOSED_FILTERS))
@pytest.mark.parametrize("weights, border", ((upsampling.NEAREST, 0), (upsampling.BILINEAR, 2)))
def test_a_spread_kernel_is_a_convolution_of_the_doubled_image(graph, weights, border, filters):
    assert doubling(3, upsampling.BILINEAR)[1:5].tolist() == [
        [0.75, 0.25, 0],
        [0.25, 0.75, 0],
        [0, 0.75, 0.25],
        [0, 0.25, 0.75],
    ]
    pixels = np.random.RandomState(0).normal(size=(2, 6, 5, 3))
    with tf.variable_scope("x"):
        init = tf.random_normal_initializer()
        found = upsampling.conv2d_transpose(
            tf.constant(pixels, tf.float32), filters, 3, KernelSpec(init, False), weights
        )
    kernel = tf.global_variables()[0]
    doubled = tf.constant(np.einsum("ai,bj,nijc->nabc", doubling(6, weights), doubling(5, weights), pixels), tf.float32)
    # A transposed convolution turns its kernel about, and counts its channels the other way round.
    expected = tf.nn.conv2d(doubled, tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2]), strides=[1] * 4, padding="SAME")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found, expected = session.run([found, expected])
    inner = slice(border, -border or None)  # beyond the border there is 0, not what doubling would put there
    assert found.shape == (2, 12, 10, filters)
    assert found[:, inner, inner] == pytest.approx(expected[:, inner, inner], abs=1e-5)


@pytest.mark.parametrize("upsample, smooth", (("smooth", True), ("transposed", False)))
def test_a_smooth_generator_cannot_make_checkerboards_of_nothing(graph, upsample, smooth):
    """A flat map comes out flat, but for the border, whatever the kernel."""
    for weights in (upsampling.NEAREST, upsampling.BILINEAR):
        with tf.variable_scope(str(len(weights))):
            size, blur_filter = (3, weights) if smooth else (4, None)
            kernel = KernelSpec(tf.random_normal_initializer(), use_bias=False)
            x = upsampling.conv2d_transpose(tf.ones([1, 8, 8, 5]), 2, size, kernel, blur_filter)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            inner = session.run(x)[0, 4:-4, 4:-4]
        assert (np.ptp(inner, axis=(0, 1)) < 1e-4).all() == smooth


def test_max_filters_caps_the_doubling(settings):
    network = settings.network._replace(image_size=256, filters=64)
    assert feature_maps(network) == [1024, 1024, 512, 256, 128, 64]
    assert feature_maps(network._replace(max_filters=128)) == [128, 128, 128, 128, 128, 64]
    assert feature_maps(network._replace(image_size=8)) == [64]


def test_d_is_as_wide_as_d_width_says(graph, settings):
    network = settings.network._replace(filters=6, max_filters=12, d_width=0.25)
    assert feature_maps(network, network.d_width) == [3, 3, 3, 2]
    assert feature_maps(network, 0.01) == [1, 1, 1, 1]
    discriminator(generator(tf.zeros([2, 100]), network, training=True), network)
    kernels = [v.shape.as_list() for v in tf.global_variables() if v.op.name.endswith("conv/kernel")]
    assert [shape[3] for shape in kernels if shape[:2] == [3, 3]][-4:] == [2, 3, 3, 3]


def test_kernel_and_z_dim_reach_the_graph(graph, tiny):
    build_both(tiny.network._replace(kernel=5, z_dim=7, upsample="transposed"))
    shapes = {v.op.name: v.shape.as_list() for v in tf.global_variables()}
    assert shapes["generator/8x8/conv/kernel"][:2] == [5, 5]
    assert shapes["generator/4x4/dense/kernel"][0] == 7
    assert shapes["discriminator/8x8/conv/kernel"][:2] == [3, 3]  # the kernel of the average-pooling D stays


@pytest.mark.parametrize(
    "kind, operation", (("leaky_relu", "LeakyRelu"), ("relu", "Relu"), ("elu", "Elu"), ("tanh", "Tanh"))
)
def test_activation_reaches_both_networks(graph, tiny, kind, operation):
    build_both(tiny.network._replace(activation=kind))
    assert len(operations(graph, operation, "generator/")) == 3 + (kind == "tanh")  # at 4x4, 8x8 and 16x16
    assert len(operations(graph, operation, "discriminator/")) == 2
    assert graph.get_tensor_by_name("generator/Tanh:0").shape.as_list() == [3, 16, 16, 3]


def test_leak_is_the_slope_below_zero(graph, tiny):
    build_both(tiny.network._replace(leak=0.3))
    assert {round(op.get_attr("alpha"), 6) for op in operations(graph, "LeakyRelu")} == {0.3}
    with tf.Session() as session:
        assert session.run(layers.activation(tf.constant([-2.0, 2.0]), "leaky_relu", 0.3)) == pytest.approx([-0.6, 2.0])


# What |weight| / stddev reaches at most: a normal has a tail, the others are cut.
@pytest.mark.parametrize(
    "init, tail", (("normal", (3.5, 7)), ("truncated_normal", (2.2, 2.2740)), ("uniform", (1.72, 1.7321)))
)
def test_initialisation_with_a_given_deviation(graph, settings, init, tail):
    build_both(settings.network._replace(init=init, init_stddev=0.05))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for name in ("generator/4x4/dense/kernel", "generator/8x8/conv/kernel", "discriminator/8x8/conv/kernel"):
            weights = read(session, name)
            assert abs(weights.mean()) < 0.001
            assert weights.std() == pytest.approx(0.05, rel=0.01)
            assert tail[0] < np.abs(weights).max() / 0.05 < tail[1]


@pytest.mark.parametrize("init, inputs_only", (("glorot", False), ("he", True)))
def test_initialisation_by_the_shape(graph, settings, init, inputs_only):
    build_both(settings.network._replace(init=init))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for name, fan_in, fan_out in (
            ("generator/4x4/dense/kernel", 100, 4096),
            ("generator/8x8/conv/kernel", 9 * 256, 9 * 128),
            ("discriminator/8x8/conv/kernel", 9 * 64, 9 * 128),
        ):
            variance = 2.0 / fan_in if inputs_only else 2.0 / (fan_in + fan_out)
            assert read(session, name).std() == pytest.approx(variance**0.5, rel=0.01)
