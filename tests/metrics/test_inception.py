"""Features by a frozen graph, and their cache."""

import os

import pytest
import tensorflow.compat.v1 as tf
from small import FakeSampler, blocky, pictures_of, write_inception

from utils.errors import UserError
from utils.metrics import inception
from utils.metrics.measure import Measurer


@pytest.fixture
def small_inception(tmp_path):
    return write_inception(tmp_path / "small.pb")


def test_features_are_those_of_the_graph(small_inception):
    network, pictures = inception.Inception(small_inception), blocky()
    values = network(pictures)
    assert values.shape == (40, 12)
    assert values[0, :3] == pytest.approx(pictures[0, :8, :8].mean(axis=(0, 1)), rel=0.1)
    grey = network(pictures[..., :1])
    assert grey[:, 0] == pytest.approx(grey[:, 1]) and grey[:, 0] == pytest.approx(values[:, 0])


def test_features_of_the_real_pictures_are_cached(tiny, small_inception, tmp_path, monkeypatch):
    cache, calls = tmp_path / "cache", []
    settings = tiny._replace(run=tiny.run._replace(inception_graph=small_inception, cache_dir=str(cache)))
    plain = inception.Inception.__call__
    monkeypatch.setattr(inception.Inception, "__call__", lambda self, x: calls.append(len(x)) or plain(self, x))

    def measured(pictures):
        sampler = FakeSampler(blocky())
        return Measurer(pictures_of(pictures), settings, 40)(sampler, sampler).values

    first = measured(blocky())
    assert calls == [40, 40]  # the pictures and the samples
    assert measured(blocky()) == first
    assert len(calls) == 3  # the samples alone
    (name,) = os.listdir(str(cache))
    with open(str(cache / name), "r+b") as file:
        file.truncate(100)
    assert measured(blocky()) == first
    measured(255 - blocky())
    assert len(calls) == 7 and len(os.listdir(str(cache))) == 2  # different pictures, different features


def test_a_cache_that_cannot_be_written_is_no_error(small_inception, tmp_path):
    network = inception.Inception(small_inception)
    (tmp_path / "file").write_bytes(b"")
    values = inception.cached(network, blocky(), str(tmp_path / "file" / "cache"))
    assert values == pytest.approx(network(blocky()))


@pytest.mark.parametrize("content", (None, b"", b"rubbish" * 100, "no such tensors"))
def test_a_file_that_is_not_inception_is_named(tiny, tmp_path, content):
    path = tmp_path / "a.pb"
    if content == "no such tensors":
        with tf.Graph().as_default() as graph:
            tf.constant(1.0, name="a")
            content = graph.as_graph_def().SerializeToString()
    if content is not None:
        path.write_bytes(content)
    settings = tiny._replace(run=tiny.run._replace(inception_graph=str(path)))
    with pytest.raises(UserError, match=r"inception_graph = .*a\.pb (cannot be read|is not a frozen graph)"):
        Measurer(pictures_of(blocky()), settings, 10)
