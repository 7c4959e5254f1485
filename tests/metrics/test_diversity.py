"""The diversity of samples, computed from features, and copies of training images, found by thumbnails."""

import numpy as np
import pytest
from conftest import InMemory
from small import blocky

from utils.metrics import diversity, nearest


def clusters(counts, spread=0.05):
    """Return features around the corners of a cube, `counts` per corner: [N, 8] float32, and the corner indices."""
    rows = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.RandomState(0).randn(len(rows), 8) * spread
    return (np.eye(8)[rows] + noise).astype(np.float32), rows.astype(np.int32)


def test_vendi_score():
    apart = np.eye(8, dtype=np.float32) * 100
    assert diversity.vendi_score(apart, 1.0) == pytest.approx(8)
    assert diversity.vendi_score(np.concatenate([apart[:2]] * 4), 1.0) == pytest.approx(2)
    assert diversity.vendi_score(np.concatenate([apart, apart[:4]]), 1.0) == pytest.approx(12 / 2 ** (2 / 3))
    assert diversity.vendi_score(apart, 1e9) == pytest.approx(1)
    assert np.isnan(diversity.vendi_score(apart, 0.0)) and np.isnan(diversity.vendi_score(apart * np.nan, 1.0))


def test_median_nn_distance():
    points = np.float32([[0, 0], [3, 4], [100, 0], [100, 7]])
    assert diversity.median_nn_distance(points) == pytest.approx(6)  # the median of the distances 5, 5, 7, 7
    assert diversity.median_nn_distance(points[:1]) == 0


@pytest.mark.parametrize("missing", (0, 1, 2, 3))
def test_a_missing_class(missing):
    reals, labels = clusters([20, 40, 60, 80])
    counts = [0 if i == missing else 50 for i in range(4)]
    fakes, fake_labels = clusters(counts, spread=0.2)
    fractions = diversity.class_fractions(reals, labels, fakes)
    assert [real for _, real in fractions.values()] == [0.1, 0.2, 0.3, 0.4]
    assert [fake for fake, _ in fractions.values()] == pytest.approx(np.array(counts) / len(fake_labels), abs=0.03)


def test_classes_that_are_not_recognized_are_left_out():
    reals, labels = clusters([40, 40, 40])
    mixed = np.random.RandomState(1).permutation(labels)
    assert diversity.class_fractions(reals, mixed, reals) == {}
    few = np.concatenate([np.arange(diversity.MIN_CLASS_IMAGES - 1), np.arange(40, 120)])
    assert set(diversity.class_fractions(reals[few], labels[few], reals)) == {1, 2}
    assert diversity.class_fractions(reals, np.zeros(120, np.int32), reals) == {}
    assert set(diversity.class_fractions(reals, labels - 1, reals)) == {0, 1}  # -1: no class
    assert diversity.class_fractions(reals * np.nan, labels, reals) == {}
    assert diversity.class_fractions(reals * 0, labels, reals) == {}


@pytest.mark.parametrize("noise, expected", ((0, 1.0), (10, 1.0), (300, 0.0)))
def test_copies_with_noise_are_copies(noise, expected):
    reals = blocky(40, 32)
    copies = nearest.CopyDetector(InMemory(reals), (32, 32))
    noisy = reals[::-1] + noise * np.random.RandomState(0).randn(*reals.shape)
    assert copies.fraction(np.uint8(np.clip(noisy, 0, 255))) == expected and copies.searched == 1
    assert copies.fraction(np.concatenate([reals[:10], 255 - reals[:30]])) == 0.25


def test_copies_are_searched_among_some_of_many_images(monkeypatch):
    monkeypatch.setattr(nearest, "MAX_COPY_IMAGES", 10)
    copies = nearest.CopyDetector(InMemory(blocky(40)), (16, 16))
    assert copies.searched == 0.25 and copies.fraction(blocky(40)) == 0.25
