"""Image sizes, feature maps and weights, computed without TensorFlow."""

import ast

import pytest

from model import shapes
from model.discriminator import discriminator
from model.generator import generator
from model.graph_mode import tf


def test_possible_sizes():
    squares = [size for size in range(2000) if shapes.is_possible(size)]
    assert squares[:12] == [8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56] and squares[-2:] == [896, 1024]
    assert {8, 16, 32, 64, 128, 256, 512, 1024} <= set(squares)  # the sizes that earlier versions accepted
    for size in ("64x96", "96x64", "48x80", "16x64", "256x1024", "80x112", "896x1024"):
        assert shapes.is_possible(size), size
    for size in ("64x72", "60x96", "16x72", "8x6", "512x2048", "65x65", "0x64", "100x200"):
        assert not shapes.is_possible(size), size


def test_max_filters_limits_the_feature_maps(settings):
    network = settings.network._replace(image_size=256, filters=64)
    assert shapes.feature_maps(network) == [1024, 1024, 512, 256, 128, 64]
    assert shapes.feature_maps(network._replace(max_filters=128)) == [128, 128, 128, 128, 128, 64]
    assert shapes.feature_maps(network._replace(image_size=8)) == [64]


@pytest.mark.parametrize(
    "changes",
    (
        {},
        {"image_size": "32x48", "max_filters": 32, "channels": 1, "clusters": 0},
        {"clusters": 8, "cluster_levels": "all"},
        {"image_size": 16, "d_width": 0.7, "filters": 3},
        {"image_size": 32, "upsample": "transposed", "downsample": "stride", "kernel": 5, "output_filters": 0},
        {"image_size": "64x96", "output_filters": 0},
        {"skip_excitation": 0},
    ),
)
def test_weights_and_activations_are_those_of_the_networks(graph, settings, changes):
    network = settings.network._replace(**changes)
    discriminator(generator(tf.zeros([1, network.z_dim]), network, training=True), network)
    kernels = [v for v in tf.trainable_variables() if v.op.name.endswith("/kernel")]
    assert shapes.count_weights(network) == sum(v.shape.num_elements() for v in kernels)
    sizes = {"generator": 0, "discriminator": 0}
    for op in graph.get_operations():
        is_counted = op.type in ("Tanh", "LeakyRelu") or (op.type == "Mul" and "/excitation/" in op.name)
        if is_counted and op.outputs[0].shape.ndims == 4:  # without the hidden layer of an excitation
            sizes[op.name.split("/")[0]] += op.outputs[0].shape.num_elements()
    assert shapes.count_activations(network) == (sizes["generator"], sizes["discriminator"])


def test_the_module_imports_nothing():
    """utils/ imports model.shapes before it imports TensorFlow."""
    for path in (shapes.__file__, shapes.__file__.replace("shapes.py", "__init__.py")):
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
