"""Noise, and the classes of samples."""

import numpy as np
import pytest

from utils.errors import UserError
from utils.sampling import latents


def test_noise_is_uniform():
    z = latents.noise(0, latents.SAMPLES, 1000, 6)
    assert z.shape == (1000, 6) and z.dtype == np.float32 and -1 <= z.min() < -0.99 and 0.99 < z.max() < 1
    assert abs(z.mean()) < 0.03 and z.std() == pytest.approx(np.sqrt(1 / 3), rel=0.03)


def test_more_noise_keeps_the_first_rows():
    assert np.array_equal(latents.noise(3, 1, 100, 7)[:10], latents.noise(3, 1, 10, 7))


def test_noise_differs_by_seed_and_use():
    uses = {latents.TRAINING_GRID, latents.SAMPLES, latents.STATISTICS, latents.MEASURING}
    assert len(uses) == 4
    assert len({latents.noise(seed, use, 2, 6).tobytes() for seed in (3, 4) for use in uses}) == 8


def test_noise_equals_earlier_versions():
    """Equal sample_seeds give equal samples in all versions."""
    z = latents.noise(7, latents.SAMPLES, 2, 2)
    assert z.ravel() == pytest.approx([-0.5489822, -0.2827981, 0.5984663, 0.9207126], abs=1e-6)


def test_rows_of_classes():
    z = latents.noise(0, latents.SAMPLES, 10, 6)
    rows, labels, columns = latents.rows_of_classes(z, 10, [2, 0, 1])
    assert columns == 4 and labels.tolist() == [2] * 4 + [0] * 4 + [1] * 4 and labels.dtype == np.int32
    assert all(np.array_equal(rows[start : start + 4], z[:4]) for start in (0, 4, 8))


@pytest.mark.parametrize(
    "classes, count, columns",
    ((10, 64, 7), (20, 64, 8), (200, 64, 14), (200, 400, 20), (1000, 1, 31), (3, 1, 1), (1, 9, 9)),
)
def test_many_classes_share_rows(classes, count, columns):
    """Grids are never much higher than wide."""
    z = latents.noise(0, latents.SAMPLES, count, 2)
    rows, labels, wide = latents.rows_of_classes(z, count, list(range(classes)))
    assert wide == columns and len(rows) == len(labels) and len(labels) / wide < 4 * wide + 1
    assert wide % (len(labels) // classes) == 0  # whole classes


def test_rows_without_classes():
    z = latents.noise(0, latents.SAMPLES, 10, 6)
    rows, labels, columns = latents.rows_of_classes(z, 7, [])
    assert np.array_equal(rows, z[:7]) and labels.tolist() == [0] * 7 and columns == 0


@pytest.mark.parametrize(
    "text, expected",
    (("", [0, 1, 2]), ("red", [2]), ("red, blue", [2, 0]), ("a,b", [1]), ("red,,", [2]), ('red,"a,b"', [2, 1])),
)
def test_class_indices(text, expected):
    assert latents.class_indices(text, ["blue", "a,b", "red"]) == expected


def test_class_indices_of_an_unconditional_network():
    assert latents.class_indices("", []) == []
    with pytest.raises(UserError, match=r"classes = 'red', but this network is unconditional; train with conditional"):
        latents.class_indices("red", [])


def test_unknown_class():
    with pytest.raises(UserError) as raised:
        latents.class_indices("bleu", ["blue", "red"])
    assert str(raised.value) == "classes: no class 'bleu'; did you mean blue?"
    with pytest.raises(UserError, match=r"no class 'x'; the classes are blue, red$"):
        latents.class_indices("x", ["blue", "red"])


def test_noise_rows_equal_rows_of_all_noise():
    z = latents.noise(3, latents.SAMPLES, 9000, 7)
    numbers = [8191, 0, 4096, 4095, 0, 8192]
    assert np.array_equal(latents.noise_rows(3, latents.SAMPLES, numbers, 7), z[numbers])
    assert latents.noise_rows(3, latents.SAMPLES, [0], 1).shape == (1, 1)
