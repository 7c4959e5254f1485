"""The training pictures nearest to samples."""

import numpy as np
import pytest
from conftest import InMemory
from small import blocky

from utils.metrics import nearest


def test_the_nearest_pictures():
    reals = blocky()
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


def test_a_memorised_picture_is_at_distance_zero():
    _, distances = nearest.nearest(blocky()[:2], InMemory(blocky()), 16)
    assert distances[:, 0] == pytest.approx(0, abs=1e-3) and (distances[:, 1] > 10).all()


def test_chunks_give_the_same_pictures(monkeypatch):
    reals = blocky()
    whole = nearest.nearest(reals[:5], InMemory(reals), 16)
    monkeypatch.setattr(nearest, "_CHUNK", 16 * 16 * 3 * 7)
    pieces = nearest.nearest(reals[:5], InMemory(reals), 16)
    assert np.array_equal(whole[0], pieces[0]) and whole[1] == pytest.approx(pieces[1])
    few = nearest.nearest(reals[:5], InMemory(reals[:2]), 16)
    assert few[0].shape == (5, 2)
