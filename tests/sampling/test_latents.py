"""Noise, and the classes of samples."""

import numpy as np
import pytest

from utils.errors import UserError
from utils.sampling import latents


def test_noise_is_uniform_in_its_range():
    z = latents.noise(0, latents.SAMPLES, 1000, 6)
    assert z.shape == (1000, 6) and z.dtype == np.float32 and -1 <= z.min() < -0.99 and 0.99 < z.max() < 1
    assert abs(z.mean()) < 0.03 and z.std() == pytest.approx(np.sqrt(1 / 3), rel=0.03)


def test_more_samples_only_add_to_fewer():
    assert np.array_equal(latents.noise(3, 1, 100, 7)[:10], latents.noise(3, 1, 10, 7))


def test_seeds_and_uses_have_different_noise():
    uses = {latents.TRAINING_GRID, latents.SAMPLES, latents.STATISTICS, latents.MEASURING}
    assert len(uses) == 4
    assert len({latents.noise(seed, use, 2, 6).tobytes() for seed in (3, 4) for use in uses}) == 8


def test_noise_is_that_of_earlier_versions():
    """The same sample_seed gives the same images, of whatever version the program is."""
    z = latents.noise(7, latents.SAMPLES, 2, 2)
    assert z.ravel() == pytest.approx([-0.5489822, -0.2827981, 0.5984663, 0.9207126], abs=1e-6)


def test_a_row_for_each_class():
    z = latents.noise(0, latents.SAMPLES, 10, 6)
    rows, labels, columns = latents.rows_of_classes(z, 10, [2, 0, 1])
    assert columns == 4 and labels.tolist() == [2] * 4 + [0] * 4 + [1] * 4 and labels.dtype == np.int32
    assert all(np.array_equal(rows[start : start + 4], z[:4]) for start in (0, 4, 8))


@pytest.mark.parametrize(
    "classes, count, columns",
    ((10, 64, 7), (20, 64, 8), (200, 64, 14), (200, 400, 20), (1000, 1, 31), (3, 1, 1), (1, 9, 9)),
)
def test_many_classes_share_rows(classes, count, columns):
    """So that the grid is never much higher than wide."""
    z = latents.noise(0, latents.SAMPLES, count, 2)
    rows, labels, wide = latents.rows_of_classes(z, count, list(range(classes)))
    assert wide == columns and len(rows) == len(labels) and len(labels) / wide < 4 * wide + 1
    assert wide % (len(labels) // classes) == 0  # whole classes


def test_without_classes_there_are_no_rows_of_them():
    z = latents.noise(0, latents.SAMPLES, 10, 6)
    rows, labels, columns = latents.rows_of_classes(z, 7, [])
    assert np.array_equal(rows, z[:7]) and labels.tolist() == [0] * 7 and columns == 0


@pytest.mark.parametrize(
    "text, expected",
    (("", [0, 1, 2]), ("red", [2]), ("red, blue", [2, 0]), ("a,b", [1]), ("red,,", [2]), ('red,"a,b"', [2, 1])),
)
def test_class_indices(text, expected):
    assert latents.class_indices(text, ["blue", "a,b", "red"]) == expected


def test_without_classes_none_can_be_chosen():
    assert latents.class_indices("", []) == []
    with pytest.raises(UserError, match=r"classes = 'red', but this network is unconditional; train with conditional"):
        latents.class_indices("red", [])


def test_an_unknown_class_is_named():
    with pytest.raises(UserError) as raised:
        latents.class_indices("bleu", ["blue", "red"])
    assert str(raised.value) == "classes: no class 'bleu'; did you mean blue?"
    with pytest.raises(UserError, match=r"no class 'x'; the classes are blue, red$"):
        latents.class_indices("x", ["blue", "red"])
