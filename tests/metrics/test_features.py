"""Features by a frozen graph, and their cache."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from small import FakeGenerator, blocky, images_of, write_inception

from utils.metrics import efficientnet, features
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


def test_the_default_graph_does_not_notice_the_network(run):
    before = len(tf.get_default_graph().get_operations())
    features.open_network(run)(blocky())
    assert len(tf.get_default_graph().get_operations()) == before


def test_features_of_the_real_images_are_cached(tiny, run, monkeypatch):
    calls, plain = [], features.Network.__call__
    monkeypatch.setattr(features.Network, "__call__", lambda self, x: calls.append(len(x)) or plain(self, x))

    def measured(images):
        sampler = FakeGenerator(blocky())
        measurer = Measurer(images_of(images), tiny._replace(run=run), 40, features.open_network(run))
        return measurer(sampler).values

    first = measured(blocky())
    assert calls == [40, 40]  # the images and the samples
    assert measured(blocky()) == first
    assert len(calls) == 3  # the samples alone
    (name,) = os.listdir(run.cache_dir)
    with open(os.path.join(run.cache_dir, name), "r+b") as file:
        file.truncate(100)
    assert measured(blocky()) == first
    measured(255 - blocky())
    assert len(calls) == 7 and len(os.listdir(run.cache_dir)) == 2  # different images, different features


def test_a_cache_that_cannot_be_written_is_no_error(run, tmp_path):
    network = features.open_network(run)
    (tmp_path / "file").write_bytes(b"")
    values = features.cached(network, blocky(), str(tmp_path / "file" / "cache"))
    assert values == pytest.approx(network(blocky()))


def test_features_of_another_network_are_not_taken_from_the_cache(run):
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
def test_which_network_the_settings_mean(run, monkeypatch, setting, graph, installed, expected):
    monkeypatch.setattr(efficientnet, "path", lambda: "weights" if installed else "")
    assert features.network_of(run._replace(metrics_network=setting, inception_graph=graph)) == expected
