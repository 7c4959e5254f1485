"""Whether samples are varied, from features; and copies of training images, from their thumbnails."""

import numpy as np
import pytest
from conftest import InMemory
from small import blocky

from utils.metrics import diversity, nearest


def clusters(counts, spread=0.05):
    """Return features around corners of a cube, so many at each: [N, 8] float32, and the corners' numbers."""
    rows = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.RandomState(0).randn(len(rows), 8) * spread
    return (np.eye(8)[rows] + noise).astype(np.float32), rows.astype(np.int32)


def test_how_many_are_distinct():
    apart = np.eye(8, dtype=np.float32) * 100
    assert diversity.vendi_score(apart, 1.0) == pytest.approx(8)
    assert diversity.vendi_score(np.concatenate([apart[:2]] * 4), 1.0) == pytest.approx(2)
    assert diversity.vendi_score(np.concatenate([apart, apart[:4]]), 1.0) == pytest.approx(12 / 2 ** (2 / 3))
    assert diversity.vendi_score(apart, 1e9) == pytest.approx(1)
    assert np.isnan(diversity.vendi_score(apart, 0.0)) and np.isnan(diversity.vendi_score(apart * np.nan, 1.0))


def test_the_spacing_is_the_distance_of_the_nearest_others():
    points = np.float32([[0, 0], [3, 4], [100, 0], [100, 7]])
    assert diversity.median_nn_distance(points) == pytest.approx(6)  # the median of 5, 5, 7, 7
    assert diversity.median_nn_distance(points[:1]) == 0


@pytest.mark.parametrize("gone", (0, 1, 2, 3))
def test_a_class_that_samples_do_not_show(gone):
    reals, labels = clusters([20, 40, 60, 80])
    counts = [0 if i == gone else 50 for i in range(4)]
    fakes, of_fakes = clusters(counts, spread=0.2)
    shares = diversity.shares_of_classes(reals, labels, fakes)
    assert [of_reals for _, of_reals in shares.values()] == [0.1, 0.2, 0.3, 0.4]
    assert [share for share, _ in shares.values()] == pytest.approx(np.array(counts) / len(of_fakes), abs=0.03)


def test_classes_that_cannot_be_told_apart_are_left_out():
    reals, labels = clusters([40, 40, 40])
    mixed = np.random.RandomState(1).permutation(labels)
    assert diversity.shares_of_classes(reals, mixed, reals) == {}
    few = np.concatenate([np.arange(diversity.MIN_CLASS_IMAGES - 1), np.arange(40, 120)])
    assert set(diversity.shares_of_classes(reals[few], labels[few], reals)) == {1, 2}
    assert diversity.shares_of_classes(reals, np.zeros(120, np.int32), reals) == {}
    assert set(diversity.shares_of_classes(reals, labels - 1, reals)) == {0, 1}  # -1: without a class
    assert diversity.shares_of_classes(reals * np.nan, labels, reals) == {}
    assert diversity.shares_of_classes(reals * 0, labels, reals) == {}


@pytest.mark.parametrize("noise, expected", ((0, 1.0), (10, 1.0), (300, 0.0)))
def test_copies_with_noise_are_copies(noise, expected):
    copies, reals = nearest.CopyDetector(InMemory(blocky(40, 32))), blocky(40, 32)
    noisy = reals[::-1] + noise * np.random.RandomState(0).randn(*reals.shape)
    assert copies.share(np.uint8(np.clip(noisy, 0, 255))) == expected and copies.searched == 1
    assert copies.share(np.concatenate([reals[:10], 255 - reals[:30]])) == 0.25


def test_of_many_images_some_are_searched(monkeypatch):
    monkeypatch.setattr(nearest, "COPIES_AMONG", 10)
    copies = nearest.CopyDetector(InMemory(blocky(40)))
    assert copies.searched == 0.25 and copies.share(blocky(40)) == 0.25
