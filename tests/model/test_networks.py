"""G and D: shapes, numbers of parameters, and the effect of each network setting."""

import numpy as np
import pytest

from model import layers
from model.discriminator import discriminator
from model.generator import generator
from model.graph_mode import tf
from model.shapes import feature_maps


def build_both(network, n=3, training=True):
    """Return (images, logits) of both networks for n random z."""
    images = generator(tf.random_uniform([n, network.z_dim], -1, 1), network, training=training)
    return images, discriminator(images, network)


def shape_of(graph, name):
    return graph.get_tensor_by_name(name + ":0").shape.as_list()[1:]


def operations(graph, kind, scope=""):
    return [op for op in graph.get_operations() if op.type == kind and op.name.startswith(scope)]


def test_the_default_generator(graph, settings):
    generator(tf.zeros([2, 100]), settings.network, training=True)
    # One fused batch norm per resolution, with the paper's resolutions and a quarter of its feature maps.
    shapes = [op.outputs[0].shape.as_list()[1:] for op in operations(graph, "FusedBatchNormV3")]
    assert shapes == [[4, 4, 256], [8, 8, 128], [16, 16, 64], [32, 32, 32], [64, 64, 16]]
    assert shape_of(graph, "generator/Tanh") == [64, 64, 3]


def test_the_generator_of_the_papers_figure_1(graph, settings):
    network = settings.network._replace(filters=128, kernel=5, upsample="transposed", output_filters=0)
    network = network._replace(skip_excitation=0)
    generator(tf.zeros([2, 100]), network, training=True)
    shapes = [op.outputs[0].shape.as_list()[1:] for op in operations(graph, "FusedBatchNormV3")]
    assert shapes == [[4, 4, 1024], [8, 8, 512], [16, 16, 256], [32, 32, 128]]
    kernels = [v.shape.as_list() for v in tf.global_variables() if v.op.name.endswith("conv/kernel")]
    assert kernels == [[5, 5, 512, 1024], [5, 5, 256, 512], [5, 5, 128, 256], [5, 5, 3, 128]]


def test_the_default_discriminator_pools_after_the_activation(graph, settings):
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


@pytest.mark.parametrize(
    "upsample, g_kernel, downsample, d_kernel", (("smooth", 3, "stride", 4), ("transposed", 4, "average", 3))
)
def test_parameter_counts(graph, settings, upsample, g_kernel, downsample, d_kernel):
    build_both(settings.network._replace(downsample=downsample, upsample=upsample, image_size=32))
    size = {"generator": 0, "discriminator": 0}
    for variable in tf.trainable_variables():
        size[variable.name.split("/")[0]] += variable.shape.num_elements()
    g_convolutions = g_kernel**2 * (128 * 64 + 64 * 32 + 32 * 16) + 3**2 * 16 * 3 + 3
    excitation = (2048 + 1) * 16 + (16 + 1) * 16  # at 32x32
    assert size["generator"] == (100 + 32) * 2048 + g_convolutions + 2 * (128 + 64 + 32 + 16) + excitation
    d_convolutions = d_kernel**2 * (3 * 16 + 16 * 32 + 32 * 64) + 16
    assert size["discriminator"] == d_convolutions + 2 * (32 + 64) + 1024 + 1


@pytest.mark.parametrize("size, channels", ((8, 3), (16, 1), (64, 4)))
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
    network = tiny.network._replace(image_size=8)
    build_both(network)
    names = [v.name for v in tf.global_variables()]
    build_both(network)
    build_both(network, training=False)
    assert [v.name for v in tf.global_variables()] == names


def test_only_the_image_is_computed_by_a_plain_convolution(graph, settings):
    generator(tf.zeros([2, 100]), settings.network._replace(output_filters=0), training=True)
    assert len(operations(graph, "Conv2DBackpropInput", "generator/")) == 3
    assert len(operations(graph, "Conv2D", "generator/64x64/")) == len(operations(graph, "Conv2D")) == 1


@pytest.mark.parametrize("conditional", (0, 1))
def test_skip_excitation_scales_the_maps_of_high_resolutions(graph, settings, conditional):
    """A scale is 1 if its logit is 0."""
    z = tf.constant(np.random.RandomState(0).uniform(-1, 1, (2, 100)), tf.float32)
    network, classes = settings.network._replace(conditional=conditional), tf.eye(2) if conditional else None
    both = [generator(z, network._replace(skip_excitation=value), classes) for value in (1, 0)]
    logits = [v for v in tf.trainable_variables() if "excitation/scales" in v.op.name]
    scaled = {v.op.name: v.shape.as_list() for v in logits if v.op.name.endswith("kernel")}
    names = ["generator/32x32/excitation/scales/kernel", "generator/64x64/excitation/scales/kernel"]
    assert scaled == dict(zip(names, ([32, 32], [16, 16])))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert not np.array_equal(*session.run(both))
        for variable in logits:
            variable.load(np.zeros(variable.shape.as_list()), session)
        np.testing.assert_array_equal(*session.run(both))


def test_d_width_is_the_width_of_d_relative_to_g(graph, settings):
    network = settings.network._replace(filters=6, max_filters=12, d_width=0.25)
    assert feature_maps(network, network.d_width) == [3, 3, 3, 2]
    assert feature_maps(network, 0.01) == [1, 1, 1, 1]
    discriminator(generator(tf.zeros([2, 100]), network, training=True), network)
    kernels = [v.shape.as_list() for v in tf.global_variables() if v.op.name.endswith("conv/kernel")]
    assert [shape[3] for shape in kernels if shape[:2] == [3, 3]][-4:] == [2, 3, 3, 3]


def test_kernel_and_z_dim_set_the_shapes_of_weights(graph, tiny):
    build_both(tiny.network._replace(kernel=5, z_dim=7, upsample="transposed", image_size=8))
    shapes = {v.op.name: v.shape.as_list() for v in tf.global_variables()}
    assert shapes["generator/8x8/conv/kernel"][:2] == [5, 5]
    assert shapes["generator/4x4/dense/kernel"][0] == 7
    assert shapes["discriminator/8x8/conv/kernel"][:2] == [3, 3]  # D with average pooling ignores the setting


@pytest.mark.parametrize(
    "kind, operation", (("leaky_relu", "LeakyRelu"), ("relu", "Relu"), ("elu", "Elu"), ("tanh", "Tanh"))
)
def test_activation_applies_to_both_networks(graph, tiny, kind, operation):
    build_both(tiny.network._replace(activation=kind, image_size=8))
    assert len(operations(graph, operation, "generator/")) == 2 + (kind == "tanh")  # at 4x4 and 8x8
    assert len(operations(graph, operation, "discriminator/")) == 1
    assert graph.get_tensor_by_name("generator/Tanh:0").shape.as_list() == [3, 8, 8, 3]


def test_leak_is_the_slope_below_zero(graph, tiny):
    network = tiny.network._replace(leak=0.3, image_size=8)
    build_both(network)
    assert {round(op.get_attr("alpha"), 6) for op in operations(graph, "LeakyRelu")} == {0.3}
    with tf.Session() as session:
        assert session.run(layers.activation(tf.constant([-2.0, 2.0]), network)) == pytest.approx([-0.6, 2.0])


INITIALIZED = ("generator/4x4/dense/kernel", "generator/8x8/conv/kernel", "discriminator/8x8/conv/kernel")


def initial_weights(network):
    """Return {name: initial value} of the variables named in INITIALIZED."""
    build_both(network._replace(image_size=16, filters=128))  # the lowest-resolution layers of the default network
    variables = [v for v in tf.global_variables() if v.op.name in INITIALIZED]
    with tf.Session() as session:
        session.run([v.initializer for v in variables])
        return session.run({v.op.name: v for v in variables})


# tail: limits of the largest |weight| / stddev; 'normal' has a tail, the other distributions are truncated.
@pytest.mark.parametrize(
    "init, tail", (("normal", (3.5, 7)), ("truncated_normal", (2.2, 2.2740)), ("uniform", (1.72, 1.7321)))
)
def test_initializers_with_a_given_standard_deviation(graph, settings, init, tail):
    for weights in initial_weights(settings.network._replace(init=init, init_stddev=0.05)).values():
        assert abs(weights.mean()) < 0.001
        assert weights.std() == pytest.approx(0.05, rel=0.01)
        assert tail[0] < np.abs(weights).max() / 0.05 < tail[1]


@pytest.mark.parametrize("init, inputs_only", (("glorot", False), ("he", True)))
def test_initializers_that_depend_on_the_shape(graph, settings, init, inputs_only):
    fans = dict(zip(INITIALIZED, ((100, 4096), (9 * 256, 9 * 128), (9 * 64, 9 * 128))))
    for name, weights in initial_weights(settings.network._replace(init=init)).items():
        fan_in, fan_out = fans[name]
        variance = 2.0 / fan_in if inputs_only else 2.0 / (fan_in + fan_out)
        assert weights.std() == pytest.approx(variance**0.5, rel=0.01)
