"""G and D at different image sizes: the shapes of their layers, which are named by resolution."""

import pytest

from model import shapes
from model.discriminator import discriminator
from model.generator import generator
from model.graph_mode import tf

STRIDED = {"upsample": "transposed", "downsample": "stride", "output_filters": 0, "kernel": 5}


@pytest.mark.parametrize(
    "size, resolutions, changes",
    (
        (8, ["4x4", "8x8"], {}),
        (8, ["4x4", "8x8"], STRIDED),
        (24, ["6x6", "12x12", "24x24"], STRIDED),
        ("64x96", ["4x6", "8x12", "16x24", "32x48", "64x96"], {}),
        ("24x16", ["6x4", "12x8", "24x16"], STRIDED),
        ("20x12", ["10x6", "20x12"], {}),
        ("20x12", ["10x6", "20x12"], STRIDED),
        ("16x64", ["4x16", "8x32", "16x64"], {}),
    ),
)
def test_shapes_and_names(graph, settings, size, resolutions, changes):
    network = settings.network._replace(image_size=size, filters=2, d_norm="none", clusters=0, **changes)
    height, width = (int(side) for side in resolutions[-1].split("x"))
    classes = tf.one_hot([0, 1, 0], 2)
    images = generator(tf.zeros([3, 100]), network, classes, training=True)
    assert images.shape.as_list()[1:] == [height, width, 3]
    assert discriminator(images, network, classes).shape.as_list() == [3, 1]
    variables = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    layers = {
        scope: list(dict.fromkeys(name.split("/")[1] for name in variables if name.startswith(scope)))
        for scope in ("generator", "discriminator")
    }
    assert layers["generator"] == resolutions + ["output"] * (network.output_filters > 0)
    assert layers["discriminator"] == [*reversed(resolutions[1:]), "logit"]
    base, maps = shapes.base_resolution(network), shapes.feature_maps(network, network.d_width)
    assert "{}x{}".format(*base) == resolutions[0] and len(maps) == len(resolutions) - 1
    assert variables["discriminator/logit/dense/kernel"] == [base[0] * base[1] * maps[0], 1]
