"""Noise, and the classes of samples."""

import numpy as np
import pytest

from utils.errors import UserError
from utils.sampling import class_names, latents, picks


def test_noise_is_uniform():
    z = latents.noise(0, latents.SAMPLES, range(1000), 6)
    assert z.shape == (1000, 6) and z.dtype == np.float32 and -1 <= z.min() < -0.99 and 0.99 < z.max() < 1
    assert abs(z.mean()) < 0.03 and z.std() == pytest.approx(np.sqrt(1 / 3), rel=0.03)


def test_more_noise_keeps_the_first_rows():
    assert np.array_equal(latents.noise(3, 1, range(100), 7)[:10], latents.noise(3, 1, range(10), 7))


def test_noise_differs_by_seed_and_use():
    uses = {latents.TRAINING_GRID, latents.SAMPLES, latents.STATISTICS, latents.MEASURING}
    assert len(uses) == 4
    assert len({latents.noise(seed, use, range(2), 6).tobytes() for seed in (3, 4) for use in uses}) == 8


def test_noise_equals_earlier_versions():
    """The same sample_seed gives the same samples in all versions."""
    z = latents.noise(7, latents.SAMPLES, range(2), 2)
    assert z.ravel() == pytest.approx([-0.5489822, -0.2827981, 0.5984663, 0.9207126], abs=1e-6)


def test_grids_of_classes():
    chosen, columns = picks.of_classes(10, [2, 0, 1])
    assert columns == 4 and chosen == [(label, number) for label in (2, 0, 1) for number in range(4)]


@pytest.mark.parametrize(
    "classes, count, columns",
    ((10, 64, 7), (20, 64, 8), (200, 64, 14), (200, 400, 20), (1000, 1, 31), (3, 1, 1), (1, 9, 9)),
)
def test_many_classes_share_rows(classes, count, columns):
    """Grids are never much higher than wide."""
    chosen, wide = picks.of_classes(count, range(classes))
    assert wide == columns and len(chosen) / wide < 4 * wide + 1
    assert wide % (len(chosen) // classes) == 0  # every row has complete classes


def test_grids_without_classes():
    assert picks.of_classes(7, []) == ([(0, number) for number in range(7)], 0)


@pytest.mark.parametrize(
    "text, expected",
    (("", [0, 1, 2]), ("red", [2]), ("red, blue", [2, 0]), ("a,b", [1]), ("red,,", [2]), ('red,"a,b"', [2, 1])),
)
def test_class_indices(text, expected):
    assert class_names.class_indices(text, ["blue", "a,b", "red"]) == expected


def test_class_indices_of_an_unconditional_network():
    assert class_names.class_indices("", []) == []
    with pytest.raises(UserError, match=r"classes = 'red', but this network is unconditional; train with conditional"):
        class_names.class_indices("red", [])


def test_unknown_class():
    with pytest.raises(UserError) as raised:
        class_names.class_indices("bleu", ["blue", "red"])
    assert str(raised.value) == "classes: no class 'bleu'; did you mean blue?"
    with pytest.raises(UserError, match=r"no class 'x'; the classes are blue, red$"):
        class_names.class_indices("x", ["blue", "red"])


def test_no_more_rows_are_drawn_than_needed(monkeypatch):
    """A step's batch-norm statistics need few rows, which may be long."""
    sizes = []

    class Spy(np.random.RandomState):
        def uniform(self, low, high, size):
            sizes.append(size)
            return super().uniform(low, high, size)

    monkeypatch.setattr(np.random, "RandomState", Spy)
    latents.noise(3, latents.STATISTICS, range(3), 7)
    latents.noise(3, latents.SAMPLES, [4097], 7)
    assert sizes == [(3, 7), (4096, 7), (2, 7)]


def test_some_rows_equal_those_of_all_noise():
    z = latents.noise(3, latents.SAMPLES, range(9000), 7)
    numbers = [8191, 0, 4096, 4095, 0, 8192]
    assert np.array_equal(latents.noise(3, latents.SAMPLES, numbers, 7), z[numbers])
    assert latents.noise(3, latents.SAMPLES, [0], 1).shape == (1, 1)
