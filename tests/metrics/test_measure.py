"""Measuring: what is compared, what is kept, which checkpoint is the best, and that failures end nothing."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import InMemory

from utils.checkpoints.manifest import State
from utils.data.prepare import Pictures
from utils.errors import UserError
from utils.metrics import distances as metrics
from utils.metrics import features as inception
from utils.metrics import measure, nearest
from utils.training.quality import Quality


def pictures_of(array):
    return Pictures(InMemory(array), np.zeros(len(array), np.int32), ["a"], "", None)


@pytest.fixture
def reals():
    coarse = np.random.RandomState(0).randint(0, 256, (40, 4, 4, 3)).astype(np.uint8)
    return np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)


@pytest.fixture
def small_inception(tmp_path):
    """A frozen graph with the tensors of Inception's: its features are the means of the four quarters of a picture."""
    with tf.Graph().as_default() as graph:
        one = tf.placeholder(tf.float32, [1, None, None, 3], name="ExpandDims")  # as in the real file, of one picture
        resized = tf.image.resize_bilinear(one, [4, 4])
        tf.reshape(tf.nn.avg_pool(resized, 2, 2, "VALID"), [-1, 1, 1, 12], name="pool_3")
        path = tmp_path / "small.pb"
        path.write_bytes(graph.as_graph_def().SerializeToString())
    return str(path)


class FakeSampler:
    """A sampler and a session whose pictures are these."""

    def __init__(self, pictures):
        self.images, self.z, self.labels = tf.placeholder(tf.float32, [None, *pictures.shape[1:]]), "z", "labels"
        self._pictures, self._at = pictures, 0

    def run(self, _, feed):
        rows = len(feed["z"])
        found = np.zeros((rows, *self._pictures.shape[1:]), np.float32)
        some = self._pictures[self._at : self._at + rows]
        found[: len(some)] = some / 127.5 - 1
        self._at = (self._at + rows) % -(-len(self._pictures) // rows * rows)
        return found


def measured(measurer, pictures):
    sampler = FakeSampler(pictures)
    return measurer(sampler, sampler)


@pytest.fixture
def run(tiny, tmp_path):
    return tiny.run._replace(cache_dir=str(tmp_path / "cache"))


def test_samples_that_are_the_pictures_are_at_no_distance(graph, tiny, run, reals, small_inception):
    run = run._replace(inception_graph=small_inception)
    measurer = measure.Measurer(pictures_of(reals), run, tiny.network, 1000)
    assert measurer.count == 40
    found = measured(measurer, measurer.reals())
    assert found.values["swd"] == pytest.approx(0, abs=1e-3)
    assert found.values["ms_ssim"] == pytest.approx(found.real_ms_ssim, abs=1e-6)
    assert found.values["fid"] == pytest.approx(0, abs=1e-3)
    assert (found.values["precision"], found.values["recall"]) == (1, 1)
    worse = measured(measurer, np.repeat(reals[:1], 40, axis=0))
    assert worse.values["swd"] > 50 and worse.values["ms_ssim"] > 0.99 and worse.values["fid"] > 100
    assert worse.values["kid"] > found.values["kid"] and worse.values["recall"] < 0.5
    assert set(worse.values) == set(measure.COLUMNS)


def test_of_larger_records_the_middle_is_compared(tiny, run):
    records = np.zeros((5, 20, 20, 3), np.uint8)
    records[:, 2:18, 2:18] = 200
    measurer = measure.Measurer(pictures_of(records), run, tiny.network, 4)
    assert measurer.reals().shape == (4, 16, 16, 3) and (measurer.reals() == 200).all()


def test_the_same_pictures_are_compared_each_time(tiny, run, reals):
    first, again = (measure.Measurer(pictures_of(reals), run, tiny.network, 10) for _ in range(2))
    assert first.count == 10 and np.array_equal(first.reals(), again.reals())
    assert len({picture.tobytes() for picture in first.reals()}) == 10


def test_the_protocol_says_what_the_figures_are_of(tiny, run, reals, small_inception):
    words = measure.Measurer(pictures_of(reals), run, tiny.network, 30).protocol()
    assert words == "N = 30 samples against 30 pictures, 16x16, crop = center, mirror = 0; MS-SSIM over 1 scale"
    run = run._replace(inception_graph=small_inception, crop="random")
    words = measure.Measurer(pictures_of(reals), run, tiny.network, 30).protocol()
    digest = inception.Inception(small_inception).hash
    assert "crop = random" in words and "features by small.pb (sha256 %s), resized to 299x299" % digest in words
    assert "an FID of fewer than 2048 is too high" in words and len(digest) == 16
    many = np.zeros((measure.ENOUGH, 16, 16, 3), np.uint8)
    assert "too high" not in measure.Measurer(pictures_of(many), run, tiny.network, 3000).protocol()


def test_features_are_those_of_the_graph(reals, small_inception):
    network = inception.Inception(small_inception)
    found = network(reals)
    assert found.shape == (40, 12)
    assert found[0, :3] == pytest.approx(reals[0, :8, :8].mean(axis=(0, 1)), rel=0.1)
    grey = network(reals[..., :1])
    assert grey[:, 0] == pytest.approx(grey[:, 1]) and grey[:, 0] == pytest.approx(network(reals)[:, 0])


def test_features_of_the_real_pictures_are_kept(graph, tiny, run, reals, small_inception, monkeypatch):
    run, calls = run._replace(inception_graph=small_inception), []
    plain = inception.Inception.__call__
    monkeypatch.setattr(inception.Inception, "__call__", lambda self, x: calls.append(len(x)) or plain(self, x))
    first = measured(measure.Measurer(pictures_of(reals), run, tiny.network, 40), reals).values
    assert calls == [40, 40]  # the pictures and the samples
    assert measured(measure.Measurer(pictures_of(reals), run, tiny.network, 40), reals).values == first
    assert len(calls) == 3  # the samples alone
    (name,) = os.listdir(run.cache_dir)
    path = os.path.join(run.cache_dir, name)
    with open(path, "r+b") as file:
        file.truncate(100)
    assert measured(measure.Measurer(pictures_of(reals), run, tiny.network, 40), reals).values == first
    measured(measure.Measurer(pictures_of(255 - reals), run, tiny.network, 40), reals)
    assert len(calls) == 7 and len(os.listdir(run.cache_dir)) == 2  # other pictures, other features


@pytest.mark.parametrize("content", (None, b"", b"rubbish" * 100, "no such tensors"))
def test_a_file_that_is_no_inception_is_named(tiny, run, reals, tmp_path, content):
    path = tmp_path / "a.pb"
    if content == "no such tensors":
        with tf.Graph().as_default() as graph:
            tf.constant(1.0, name="a")
            content = graph.as_graph_def().SerializeToString()
    if content is not None:
        path.write_bytes(content)
    run = run._replace(inception_graph=str(path))
    with pytest.raises(UserError, match=r"inception_graph = .*a\.pb (cannot be read|is not a frozen graph)"):
        measure.Measurer(pictures_of(reals), run, tiny.network, 10)


@pytest.mark.parametrize(
    "metric, value, least, expected",
    (
        ("fid", 1.0, 1.0, True),
        ("fid", 1.05, 1.0, True),
        ("fid", 1.06, 1.0, False),
        ("kid", -0.95, -1.0, True),
        ("kid", -0.94, -1.0, False),
        ("swd", 1.25, 1.0, True),
        ("swd", 1.26, 1.0, False),
        ("swd", 0.5, 1.0, True),
        ("swd", np.nan, 1.0, False),
    ),
)
def test_what_is_as_good_as_far_as_the_metric_can_tell_is_the_better_one(metric, value, least, expected):
    assert measure.better(metric, value, least) == expected


class FakeOutputs:
    def __init__(self, values):
        self.state, self._values = State(), list(values)

    def measure(self, step, measurer):
        value = self._values.pop(0)
        if isinstance(value, Exception):
            raise value
        return measure.Measured({"swd": value, "ms_ssim": 0.3}, 0.3, np.full((2, 8, 8, 3), 99, np.uint8))


def fake_measurer():
    measurer = measure.Measurer.__new__(measure.Measurer)
    measurer.of, measurer.reals = "these", lambda: np.full((2, 8, 8, 3), 99, np.uint8)
    return measurer


class FakeProgress:
    measured = ""

    def say(self, line):
        raise AssertionError(line)


def test_the_best_is_kept_and_a_failure_ends_nothing(run, capsys):
    outputs = FakeOutputs([10.0, 8.0, 9.9, 10.1, RuntimeError("out of luck"), MemoryError(), np.nan, 8.3])
    measurer = fake_measurer()
    quality, progress, found = Quality(measurer, outputs, run), FakeProgress(), []
    for step in range(200, 1800, 200):
        row = {"step": step}
        is_best = quality.measure(row, progress)
        found.append((is_best, outputs.state.best.step, outputs.state.best.least, row.get("swd")))
    assert found[:4] == [(True, 200, 10, 10), (True, 400, 8, 8), (True, 600, 8, 9.9), (False, 600, 8, 10.1)]
    assert found[4] == found[5] == (False, 600, 8, None)
    assert found[6][:3] == (False, 600, 8) and found[7] == (True, 1600, 8, 8.3)
    assert progress.measured == "swd 8.3"
    said = capsys.readouterr().err.strip().split("\n")
    assert [line for line in said if line] == [
        "main.py: the quality at step 1000 cannot be measured (out of luck); training goes on",
        "main.py: the quality at step 1200 cannot be measured (MemoryError); training goes on",
    ]


def test_a_first_measure_that_is_no_number_is_not_the_best(run):
    outputs = FakeOutputs([np.nan, 5.0])
    quality = Quality(fake_measurer(), outputs, run)
    assert not quality.measure({"step": 200}, FakeProgress()) and outputs.state.best is None
    assert quality.measure({"step": 400}, FakeProgress()) and outputs.state.best.step == 400


def test_what_is_compared_has_a_name(tiny, run, reals, small_inception):
    names = {
        measure.Measurer(pictures_of(reals), r, tiny.network, n).of
        for r in (run, run._replace(crop="pad"))
        for n in (5, 6)
    }
    names.add(measure.Measurer(pictures_of(reals), run._replace(inception_graph=small_inception), tiny.network, 5).of)
    assert len(names) == 5
    assert measure.Measurer(pictures_of(reals), run, tiny.network, 5).of in names


def test_when_it_is_measured(run):
    quality = Quality(None, FakeOutputs([]), run._replace(metrics_every=50))
    assert [quality.is_due(step, False) for step in (49, 50, 51, 100)] == [False, True, False, True]
    assert quality.is_due(51, True)
    assert not Quality(None, FakeOutputs([]), run._replace(metrics_every=0)).is_due(100, True)


def test_another_metric_chooses_anew(run):
    outputs = FakeOutputs([9.0])
    outputs.state = State(best=measure_best("fid", 3.0))
    assert Quality(fake_measurer(), outputs, run).measure({"step": 7}, FakeProgress())
    assert outputs.state.best[:4] == (7, "swd", "these", 9.0) and outputs.state.former == (1,)
    assert measure.metric_of(run) == "swd" and measure.metric_of(run._replace(inception_graph="x")) == "fid"
    assert measure.metric_of(run._replace(inception_graph="x", best_metric="kid")) == "kid"


def measure_best(metric, value):
    from utils.checkpoints.manifest import Best

    return Best(1, metric, "these", value, value, 1)


def test_the_nearest_pictures(reals):
    samples = np.uint8(np.clip(reals[[7, 3, 30]] * 0.95 + 2.0, 0, 255))
    indices, distances = nearest.nearest(samples, InMemory(reals), 16)
    assert indices.shape == distances.shape == (3, nearest.NEAREST)
    assert indices[:, 0].tolist() == [7, 3, 30] and (np.diff(distances, axis=1) >= 0).all()
    expected = np.sqrt(np.mean((samples[0] / 1.0 - reals[7]) ** 2))
    assert distances[0, 0] == pytest.approx(expected, rel=1e-3)
    sheet = nearest.sheet(samples, InMemory(reals), 16, indices)
    assert sheet.shape == (2 * 16, 2 * (16 * 5 + 4), 3)
    assert np.array_equal(sheet[:16, :16], samples[0]) and np.array_equal(sheet[:16, 20:36], reals[7])
    assert (sheet[:16, 16:20] == 255).all()


def test_the_nearest_of_many_are_found_in_pieces(reals, monkeypatch):
    whole = nearest.nearest(reals[:5], InMemory(reals), 16)
    monkeypatch.setattr(nearest, "_CHUNK", 16 * 16 * 3 * 7)
    pieces = nearest.nearest(reals[:5], InMemory(reals), 16)
    assert np.array_equal(whole[0], pieces[0]) and whole[1] == pytest.approx(pieces[1])
    few = nearest.nearest(reals[:5], InMemory(reals[:2]), 16)
    assert few[0].shape == (5, 2)


def test_descriptors_of_every_size_and_colour():
    for size in (8, 16, 64):
        for channels in (1, 3):
            pictures = np.random.RandomState(0).randint(0, 256, (4, size, size, channels)).astype(np.uint8)
            assert metrics.Descriptors(pictures).distance(metrics.Descriptors(pictures)) == 0
