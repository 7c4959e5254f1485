"""Closed paths through latent space."""

import numpy as np
import pytest

from utils.sampling import latents
from utils.tasks import walk


def test_gaussian_round_trip():
    z = latents.noise(0, latents.SAMPLES, range(100), 50)
    gaussian = latents.to_gaussian(z)
    assert abs(gaussian.mean()) < 0.05 and gaussian.std() == pytest.approx(1, rel=0.03)
    assert latents.to_uniform(gaussian) == pytest.approx(z, abs=1e-6)
    assert (
        np.isfinite(latents.to_gaussian(np.float32([-1, 0, 1]))).all()
        and abs(latents.to_gaussian(np.zeros(1))[0]) < 1e-12
    )


def test_path_keeps_the_variance_of_z():
    """On a straight line, the variance would be halved midway between two points."""
    z = latents.noise(1, latents.SAMPLES, range(400), 100)
    frames = 4
    path, _ = walk.closed_path(z, np.zeros((400, 0)), np.arange(frames) / frames)
    path = path.reshape(400, frames, 100)
    assert np.abs(path).max() <= 1
    for share in range(frames):
        assert abs(path[:, share].mean()) < 0.01
        assert path[:, share].var() == pytest.approx(1 / 3, rel=0.03)
        # Check the distribution as well: each tenth of the range has the same number of values.
        assert np.histogram(path[:, share], 10, (-1, 1))[0] / 40000.0 == pytest.approx([0.1] * 10, abs=0.01)
    straight = (z[:-1] + z[1:]) / 2
    assert straight.var() == pytest.approx(1 / 6, rel=0.03)


def test_path_is_closed_smooth_and_contains_key_points():
    z = latents.noise(2, latents.SAMPLES, range(3), 100)
    path, classes = walk.closed_path(z, np.float32([[1, 0], [0, 1], [0, 1]]), np.arange(10) / 10)
    assert path.shape == (30, 100) and path.dtype == np.float32 and np.array_equal(path[::10], z)
    steps = np.linalg.norm(np.roll(path, -1, axis=0) - path, axis=1)
    assert steps.max() < 2 * steps.min()
    assert classes.shape == (30, 2) and classes[:10, 0] == pytest.approx(1 - np.arange(10) / 10)
    assert (classes[10:20] == [0, 1]).all() and classes[20:, 0] == pytest.approx(np.arange(10) / 10)


def test_slerp_between_parallel_points():
    a = np.float64([1, 2, 3])
    for b in (a, 2 * a, -a, np.zeros(3)):
        middle = walk.slerp(a, b, 0.5)
        assert middle == pytest.approx((a + b) / 2) or np.isfinite(middle).all()
    z = latents.noise(0, 0, range(1), 4)
    assert walk.closed_path(z, np.zeros((1, 0)), np.arange(5) / 5)[0] == pytest.approx(
        np.repeat(z, 5, axis=0), abs=1e-6
    )
