"""Latent vectors: the same seed and number always give the same z."""

import numpy as np

from utils.sampling import pictures as sampling


def test_more_samples_only_add_to_fewer():
    assert np.array_equal(sampling.noise(3, 1, 100, 7)[:10], sampling.noise(3, 1, 10, 7))
    assert not np.array_equal(sampling.noise(3, 1, 10, 7), sampling.noise(4, 1, 10, 7))
    assert not np.array_equal(sampling.noise(3, 1, 10, 7), sampling.noise(3, 0, 10, 7))
