"""From records to batches: the order of the images, random windows and mirroring."""

import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import InMemory, without_optimizations

from utils.data import ImageDataset
from utils.data.batches import EpochShuffle, build_batches, reraise_input_errors
from utils.errors import UserError


def some_images(n=12, size=16, channels=3):
    """Return a data set and its array; all pixels differ, so that a wrong image or window is detected."""
    array = np.random.RandomState(0).randint(0, 256, (n, size, size, channels)).astype(np.uint8)
    return ImageDataset(InMemory(array), np.arange(n, dtype=np.int32) % 3 - 1, ["a", "b"], "", None), array


@pytest.fixture
def session(graph):
    """The default session of a fresh default graph."""
    with tf.Session(config=without_optimizations(tf.ConfigProto())) as session:
        yield session


@pytest.fixture
def choose(tiny):
    """A function that returns settings with the given image_size, mirror and seed."""

    def replace(image_size=16, mirror=0, seed=1):
        network, run = tiny.network._replace(image_size=image_size), tiny.run._replace(mirror=mirror, seed=seed)
        return tiny._replace(network=network, run=run)

    return replace


def run_batches(batches, start, count):
    """Return (images as integers 0..255, labels) of `count` batches after the first `start` images."""
    session = tf.get_default_session()
    session.run(batches.initializer, {batches.start: start})
    taken = [session.run([batches.images, batches.labels]) for _ in range(count)]
    images, labels = zip(*taken)
    assert np.min(images) >= -1 and np.max(images) <= 1
    return np.round(np.array(images) * 127.5 + 127.5).astype(np.uint8), np.array(labels)


@pytest.mark.parametrize("n", (1, 2, 7, 100))
def test_every_epoch_has_every_image_once(n):
    order = EpochShuffle(n, seed=5)
    taken = order.take(0, 5 * n).reshape(5, n)
    assert (np.sort(taken, axis=1) == np.arange(n)).all()
    if n == 100:
        assert len({tuple(epoch) for epoch in taken}) == 5
        assert not np.array_equal(taken[0], EpochShuffle(n, seed=6).take(0, n))


def test_any_batch_is_drawn_without_those_before():
    walked = np.concatenate([EpochShuffle(7, 1).take(start, 3) for start in range(0, 60, 3)])
    assert EpochShuffle(7, 1).take(31, 20).tolist() == walked[31:51].tolist()
    far = EpochShuffle(7, 1).take(7 * 10**12, 7)
    assert sorted(far) == list(range(7))


def test_batches_are_scaled_labelled_and_start_anywhere(session, choose):
    dataset, array = some_images()
    batches = build_batches(dataset, choose(seed=3), 5)
    assert batches.images.shape.as_list() == [5, 16, 16, 3] and batches.images.dtype == tf.float32
    assert batches.labels.shape.as_list() == [5] and batches.labels.dtype == tf.int32
    images, labels = run_batches(batches, 0, 6)
    assert (images.min(), images.max()) == (array.min(), array.max()) == (0, 255)
    indices = EpochShuffle(12, 3).take(0, 30).reshape(6, 5)
    assert np.array_equal(images, array[indices]) and np.array_equal(labels, dataset.labels[indices])
    images, labels = run_batches(batches, 20, 1)
    assert np.array_equal(images[0], array[indices[4]]) and np.array_equal(labels[0], dataset.labels[indices[4]])


def test_the_order_is_that_of_earlier_versions():
    """Changing this order would break the exact resuming of all existing runs."""
    assert EpochShuffle(10, 0).take(0, 20).tolist() == [8, 2, 4, 3, 6, 0, 9, 1, 5, 7, 0, 9, 3, 4, 5, 7, 8, 6, 1, 2]
    assert EpochShuffle(1000, 123).take(10**12 + 5, 5).tolist() == [192, 323, 897, 82, 835]


def test_windows_and_mirrors_are_those_of_earlier_versions(session, choose):
    dataset, _ = some_images(n=8, size=12)
    images, _ = run_batches(build_batches(dataset, choose(image_size=8, mirror=1, seed=3), 4), 20, 1)
    assert images[0, :, 0, 0].tolist() == [[181, 188, 42], [95, 45, 6], [163, 192, 95], [95, 108, 139]]


def test_fewer_images_than_a_batch_are_repeated(session, choose):
    dataset, array = some_images(n=2)
    images, _ = run_batches(build_batches(dataset, choose(), 4), 0, 3)
    assert images.shape[:2] == (3, 4)
    for i, image in enumerate(array):
        assert [(drawn == image).all() for drawn in images.reshape(12, 16, 16, 3)].count(True) == 6, i


def places(image, height=8, width=8):
    """Return {bytes of the window: (top, left)} of all windows of an image."""
    tops, lefts = range(image.shape[0] - height + 1), range(image.shape[1] - width + 1)
    return {image[y : y + height, x : x + width].tobytes(): (y, x) for y in tops for x in lefts}


def test_windows_are_drawn_from_everywhere_and_depend_on_the_place_in_the_data_only(session, choose):
    dataset, array = some_images(n=8, size=12)
    batches = build_batches(dataset, choose(image_size=8), 100)
    assert batches.images.shape.as_list() == [100, 8, 8, 3]
    images, _ = run_batches(batches, 0, 4)
    order = EpochShuffle(8, 1).take(0, 400)
    of_images = [places(image) for image in array]
    drawn = [of_images[i][window.tobytes()] for window, i in zip(images.reshape(-1, 8, 8, 3), order)]
    counts = np.zeros((5, 5), int)
    for y, x in drawn:
        counts[y, x] += 1
    assert counts.min() >= 3 and counts.max() <= 35  # about 16 each
    assert len(set(drawn[:4])) > 1  # the images of a batch do not share one window
    later, _ = run_batches(batches, 200, 2)
    assert np.array_equal(later, images[2:])


def test_windows_that_are_not_square(session, choose):
    array = np.random.RandomState(0).randint(0, 256, (4, 12, 15, 3)).astype(np.uint8)
    dataset = ImageDataset(InMemory(array), np.zeros(4, np.int32), ["a"], "", None)
    batches = build_batches(dataset, choose(image_size="8x12", mirror=1), 100)
    assert batches.images.shape.as_list() == [100, 8, 12, 3]
    images, _ = run_batches(batches, 0, 4)
    of_images, seen = [places(image, 8, 12) for image in array], set()
    for window, i in zip(images.reshape(-1, 8, 12, 3), EpochShuffle(4, 1).take(0, 400)):
        for turn in (1, -1):
            seen.add((turn, of_images[i].get(window[:, ::turn].tobytes())))
    seen = {(turn, place) for turn, place in seen if place}
    assert len(seen) == 5 * 4 * 2  # every place, both mirrored and not mirrored


def test_workers_get_the_rows_of_the_same_batches(session, choose):
    dataset, _ = some_images(n=8, size=12)
    settings = choose(image_size=8, mirror=1)
    whole, labels = run_batches(build_batches(dataset, settings, 6), 5, 9)
    rows = slice(2, 6)
    batches = build_batches(dataset, settings, 6, rows)
    assert batches.size == 6 and batches.images.shape[0] == batches.labels.shape[0] == 4
    local_images, local_labels = run_batches(batches, 5, 9)
    assert np.array_equal(local_images, whole[:, rows]) and np.array_equal(local_labels, labels[:, rows])


def test_half_of_the_images_are_mirrored_at_random(session, choose):
    dataset, array = some_images(n=8)
    batches = build_batches(dataset, choose(mirror=1), 100)
    images, _ = run_batches(batches, 0, 4)
    expected = array[EpochShuffle(8, 1).take(0, 400)]
    images = images.reshape(expected.shape)
    same = (images == expected).all((1, 2, 3))
    mirrored = (images == expected[:, :, ::-1]).all((1, 2, 3))
    assert (same ^ mirrored).all() and 150 < mirrored.sum() < 250
    later, _ = run_batches(batches, 200, 1)
    assert np.array_equal(later[0], images[200:300])


def test_window_and_mirror_are_drawn_independently(session, choose):
    """Half of the mirrored images use a window in the upper half."""
    dataset, array = some_images(n=1, size=17)
    images, _ = run_batches(build_batches(dataset, choose(mirror=1), 100), 0, 4)
    upper = mirrored = both = 0
    of_image = places(array[0], 16, 16)
    for window in images.reshape(-1, 16, 16, 3):
        turned = window.tobytes() not in of_image
        top = of_image[(window[:, ::-1] if turned else window).tobytes()][0] == 0
        upper, mirrored, both = upper + top, mirrored + turned, both + (top and turned)
    assert 150 < upper < 250 and 150 < mirrored < 250 and 70 < both < 130


def test_waiting_is_measured(session, choose):
    class Slow(InMemory):
        def take(self, indices):
            time.sleep(0.2)
            return super().take(indices)

    dataset, array = some_images()
    batches = build_batches(dataset._replace(records=Slow(array)), choose(), 4)
    session.run(batches.initializer, {batches.start: 0})
    assert 0.1 < session.run(batches.wait_seconds) < 60
    time.sleep(0.7)
    assert session.run(batches.wait_seconds) == 0  # the batch was ready before it was requested


def test_an_error_comes_out_as_it_was_raised(session, choose):
    class Lost(InMemory):
        def take(self, indices):
            raise UserError("a record is lost")

    dataset, array = some_images()
    batches = build_batches(dataset._replace(records=Lost(array)), choose(), 4)
    lost = pytest.raises(UserError, match=r"^a record is lost$")
    with lost, reraise_input_errors(batches):
        session.run(batches.initializer, {batches.start: 0})
        session.run(batches.images)
    with pytest.raises(tf.errors.DataLossError), reraise_input_errors(batches._replace(errors=[])):
        raise tf.errors.DataLossError(None, None, "another one")
