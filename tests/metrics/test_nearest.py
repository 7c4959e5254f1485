"""The training images nearest to samples."""

import numpy as np
import pytest
from conftest import InMemory
from small import blocky

from utils.metrics import nearest


def test_nearest_in_pixels():
    reals = blocky()
    samples = np.uint8(np.clip(reals[[7, 3, 30]] * 0.95 + 2.0, 0, 255))
    indices, distances = nearest.nearest_in_pixels(samples, InMemory(reals))
    assert indices.shape == distances.shape == (3, nearest.NEAREST)
    assert indices[:, 0].tolist() == [7, 3, 30] and (np.diff(distances, axis=1) >= 0).all()
    expected = np.sqrt(np.mean((samples[0] / 1.0 - reals[7]) ** 2))
    assert distances[0, 0] == pytest.approx(expected, rel=1e-3)
    sheet = nearest.sheet(samples, InMemory(reals), [indices])
    assert sheet.shape == (2 * 16, 2 * (16 * 5 + 4), 3)
    assert np.array_equal(sheet[:16, :16], samples[0]) and np.array_equal(sheet[:16, 20:36], reals[7])
    assert (sheet[:16, 16:20] == 255).all()


def test_rectangles_in_larger_records():
    reals = np.tile(blocky(40, 32), (1, 1, 2, 1))[:, :, :54]  # [40, 32, 54, 3]
    samples = np.ascontiguousarray(reals[[7, 3], 2:30, 6:48])  # the centers, [2, 28, 42, 3]
    indices, distances = nearest.nearest_in_pixels(samples, InMemory(reals))
    assert indices[:, 0].tolist() == [7, 3] and distances[:, 0] == pytest.approx(0, abs=1e-2)
    assert nearest.CopyDetector(InMemory(reals), (28, 42)).fraction(samples) == 1
    sheet = nearest.sheet(samples, InMemory(reals), [indices[:, :2]])
    assert sheet.shape == (28, 2 * (3 * 42 + 10), 3) and np.array_equal(sheet[:, 42 + 10 : 2 * 42 + 10], samples[0])


def test_a_memorized_image_is_at_distance_zero():
    _, distances = nearest.nearest_in_pixels(blocky()[:2], InMemory(blocky()))
    assert distances[:, 0] == pytest.approx(0, abs=1e-3) and (distances[:, 1] > 10).all()


def test_nearest_images_do_not_depend_on_chunks(monkeypatch):
    reals, taken = blocky(), []
    whole = nearest.nearest_in_pixels(reals[:5], InMemory(reals))
    monkeypatch.setattr(nearest, "_CHUNK", 16 * 16 * 3 * 7)
    take = InMemory.take
    monkeypatch.setattr(InMemory, "take", lambda self, indices: taken.append(len(indices)) or take(self, indices))
    pieces = nearest.nearest_in_pixels(reals[:5], InMemory(reals))
    assert np.array_equal(whole[0], pieces[0]) and whole[1] == pytest.approx(pieces[1])
    assert sum(taken) == 40 and max(taken) <= 7
    few = nearest.nearest_in_pixels(reals[:5], InMemory(reals[:2]))
    assert few[0].shape == (5, 2)


def means(images):
    """Return the mean color of each image."""
    return images.mean(axis=(1, 2))


def test_nearest_in_features():
    """The distance between mean colors is 0 for the same image with its blocks in different places."""
    reals = blocky()
    samples = np.concatenate([reals[[7, 3]][:, ::-1], 255 - reals[:1]])
    indices, distances = nearest.nearest_in_features(samples, InMemory(reals), means, means)
    assert indices.shape == distances.shape == (3, nearest.NEAREST) and indices[:2, 0].tolist() == [7, 3]
    assert distances[:2, 0] == pytest.approx(0, abs=1e-6) and (np.diff(distances, axis=1) >= 0).all()
    neighbors = [np.sort(np.linalg.norm(means(reals) - mean, axis=1))[1] for mean in means(reals)]
    expected = np.linalg.norm(means(samples)[2] - means(reals)[indices[2, 0]]) / np.median(neighbors)
    assert distances[2, 0] == pytest.approx(expected)
    two = nearest.sheet(samples, InMemory(reals), [indices, indices[:, :1]])
    assert two.shape == (2 * 16, 2 * (16 * 6 + 8), 3)
    assert np.array_equal(two[:16, 88:104], reals[7]) and (two[:16, 84:88] == 255).all()


def test_features_are_searched_among_some_of_many_images(monkeypatch):
    reals = blocky()
    monkeypatch.setattr(nearest, "MAX_FEATURE_IMAGES", 10)
    indices, _ = nearest.nearest_in_features(reals[:5], InMemory(reals), means, means, 10)
    assert len(np.unique(indices)) == 10 and indices.max() >= 10  # ten images from the whole data set, in random order
    one, distances = nearest.nearest_in_features(reals[:1], InMemory(reals[:1]), means, means)
    assert one.shape == distances.shape == (1, 1) and distances[0, 0] == pytest.approx(0, abs=1e-6)
