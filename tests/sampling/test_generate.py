"""Pictures of a sampler: generated in batches, written as a grid and one by one."""

import collections
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from utils.output.pictures import to_uint8
from utils.sampling import latents
from utils.sampling.pictures import generate, refresh, write_samples

Sampler = collections.namedtuple("Sampler", "z labels images refresh kept")


def flat_sampler(size=2, channels=3):
    """A sampler whose pictures, [size, size, channels], are flat: z[0] / 2 + label / 4."""
    z, labels = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.int32, [None])
    values = z[:, 0] / 2 + tf.cast(labels, tf.float32) / 4
    images = tf.ones([1, size, size, channels]) * tf.reshape(values, [-1, 1, 1, 1])
    return Sampler(z, labels, images, None, None)


class Spy:
    """A session that remembers what it was fed."""

    def __init__(self, session=None):
        self.session, self.feeds = session, []

    def run(self, fetches, feed):
        self.feeds.append(feed)
        return self.session.run(fetches, feed) if self.session else None


def expected(z, labels):
    return to_uint8(z[:, 0] / 2 + labels / 4)


@pytest.mark.parametrize("count", (1, 63, 64, 65, 130))
def test_pictures_come_in_order_and_in_batches_of_one_size(graph, count):
    sampler, z = flat_sampler(), latents.noise(0, 0, count, 5)
    labels = np.arange(count, dtype=np.int32) % 3
    with tf.Session() as session:
        spy = Spy(session)
        pictures = np.concatenate(list(generate(spy, sampler, z, labels)))
    assert pictures.shape == (count, 2, 2, 3) and pictures.dtype == np.uint8
    assert np.array_equal(pictures[:, 1, 1, 2], expected(z, labels))
    assert {feed[sampler.z].shape for feed in spy.feeds} == {(64, 5)} and len(spy.feeds) == -(-count // 64)


def test_larger_pictures_come_in_smaller_batches(graph):
    for size, batch in ((64, 64), (128, 16), (1024, 1)):
        sampler = flat_sampler(size)
        with tf.Session() as session:
            spy = Spy(session)
            next(generate(spy, sampler, latents.noise(0, 0, 3, 5), np.zeros(3, np.int32)))
        assert spy.feeds[0][sampler.z].shape == (batch, 5)


def test_a_refresh_takes_256_samples_with_the_classes_of_all_pictures(graph):
    """By running means: after the last round each sample counts equally."""
    sampler, spy = flat_sampler()._replace(refresh="refresh", kept="kept"), Spy()
    labels = np.repeat(np.int32([0, 1, 2]), [50, 30, 20])
    refresh(spy, sampler, labels[::-1])
    assert [feed["kept"] for feed in spy.feeds] == pytest.approx([i / (i + 1) for i in range(4)])
    for feed in spy.feeds:
        shares = np.bincount(feed[sampler.labels]) / 64
        assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    z = np.concatenate([feed[sampler.z] for feed in spy.feeds])
    assert z.shape == (256, 5) and len({row.tobytes() for row in z}) == 256
    first = [feed[sampler.z] for feed in spy.feeds]
    refresh(spy, sampler, labels)
    assert all(np.array_equal(a, feed[sampler.z]) for a, feed in zip(first, spy.feeds[4:]))


def test_a_generator_without_an_average_is_not_refreshed(graph):
    spy = Spy()
    refresh(spy, flat_sampler(), np.zeros(4, np.int32))
    assert spy.feeds == []


@pytest.fixture
def run(tiny, tmp_path):
    return tiny.run._replace(samples_dir=str(tmp_path), num_samples=70, sample_seed=3, grid_columns=10)


@pytest.mark.parametrize("channels", (1, 3))
def test_samples_are_written_as_a_grid_and_one_by_one(graph, run, tmp_path, channels):
    with tf.Session() as session:
        line = write_samples(session, flat_sampler(channels=channels), run._replace(single=1), [], 12)
    name, values = "sample_00000012_seed3", expected(latents.noise(3, latents.SAMPLES, 70, 5), 0)
    grid = np.asarray(Image.open(str(tmp_path / (name + ".png")))).reshape(14, 20, channels)
    assert np.array_equal(grid[::2, ::2, 0].ravel(), values) and np.array_equal(grid[1::2, 1::2], grid[::2, ::2])
    names = sorted(os.listdir(str(tmp_path / name)))
    assert names == [f"{name}_{i:05d}.png" for i in range(70)]
    for i in (0, 66):
        assert (np.asarray(Image.open(str(tmp_path / name / names[i]))) == values[i]).all()
    assert line == f"70 pictures in {tmp_path / name}.png, and each as a file in {tmp_path / name}"


def test_samples_of_classes_have_a_row_each(graph, run, tmp_path):
    with tf.Session() as session:
        line = write_samples(session, flat_sampler(), run._replace(num_samples=5), [2, 0], 12)
    grid = np.asarray(Image.open(str(tmp_path / "sample_00000012_seed3.png")))[::2, ::2, 0]
    z = latents.noise(3, latents.SAMPLES, 3, 5)
    assert np.array_equal(grid, [expected(z, 2), expected(z, 0)])
    assert line.startswith("6 pictures in ") and os.listdir(str(tmp_path)) == ["sample_00000012_seed3.png"]
