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
    network, images = features.open_network(run), blocky()
    values = network(images)
    assert values.shape == (40, 12) and values.dtype == np.float32
    assert values[0, :3] == pytest.approx(images[0, :8, :8].mean(axis=(0, 1)), rel=0.1)
    gray = network(images[..., :1])
    assert gray[:, 0] == pytest.approx(gray[:, 1]) and gray[:, 0] == pytest.approx(values[:, 0])


def test_the_network_adds_nothing_to_the_default_graph(run):
    before = len(tf.get_default_graph().get_operations())
    features.open_network(run)(blocky())
    assert len(tf.get_default_graph().get_operations()) == before


def test_features_of_the_real_images_are_cached(tiny, run, monkeypatch):
    calls, plain = [], features.Network.__call__
    monkeypatch.setattr(ms_ssim, "MsSsim", lambda shape: lambda images: 0.3)
    monkeypatch.setattr(features.Network, "__call__", lambda self, x: calls.append(len(x)) or plain(self, x))

    def measured(images):
        measurer = Measurer(image_dataset(images), tiny._replace(run=run), 40, features.open_network(run))
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
    network = features.open_network(run)
    (tmp_path / "file").write_bytes(b"")
    values = features.cached(network, blocky(), str(tmp_path / "file" / "cache"))
    assert values == pytest.approx(network(blocky()))


def test_each_network_has_its_own_files_in_the_cache(run):
    network = features.open_network(run)
    first = features.cached(network, blocky(), run.cache_dir)
    network.cache_key = "another"
    features.cached(network, blocky(), run.cache_dir)
    assert len(os.listdir(run.cache_dir)) == 2 and len(first) == 40


@pytest.mark.parametrize(
    "setting, graph, installed, expected",
    (
        ("auto", "a.pb", True, features.INCEPTION),
        ("auto", "", True, features.EFFICIENTNET),
        ("auto", "", False, features.PATCHES),
        ("none", "a.pb", True, features.NONE),
        ("efficientnet", "a.pb", False, features.EFFICIENTNET),
    ),
)
def test_choose_network(run, monkeypatch, setting, graph, installed, expected):
    monkeypatch.setattr(efficientnet, "path", lambda: "weights" if installed else "")
    assert features.choose_network(run._replace(metrics_network=setting, inception_graph=graph)) == expected


def test_a_network_that_cannot_run_is_named(run):
    with pytest.raises(UserError, match=r"inception_graph = small\.pb cannot be run"):
        features.open_network(run)(np.zeros((1, 0, 0, 3), np.uint8))
