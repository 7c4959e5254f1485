"""The noise z, the input of G: uniform, and as a function of Gaussian noise, in which directions make sense."""

import math

import numpy as np

# One key for each use of noise, combined with the seed, so that no two uses share a z.
TRAINING_GRID, SAMPLES, STATISTICS, MEASURING, NEIGHBORS, PROJECTION = 0, 1, 2, 3, 4, 5
_ROWS = 4096  # the most rows drawn at a time, even if only some of them are needed
_EDGE = 1 - 2.0**-24  # the largest |z| with a finite Gaussian
_erf = np.vectorize(math.erf, otypes=[np.float64])


def noise(seed, use, numbers, z_dim):
    """Return z, [len(numbers), z_dim] float32, uniform in [-1, 1): the rows at the indices `numbers`.

    The rows form an endless random sequence for each seed and use; rows that are not requested are discarded. use: one
    of the keys above.
    """
    random, numbers = np.random.RandomState([seed, use]), np.asarray(numbers)
    rows = np.empty((len(numbers), z_dim), np.float32)
    count = numbers.max() + 1
    for start in range(0, count, _ROWS):
        stop = min(start + _ROWS, count)
        block = random.uniform(-1.0, 1.0, (stop - start, z_dim))
        is_here = (numbers >= start) & (numbers < stop)
        rows[is_here] = block[numbers[is_here] - start]
    return rows


def to_gaussian(z):
    """Return g with erf(g / sqrt 2) = z: Gaussian if z, of any shape, is uniform in [-1, 1]."""
    z = np.clip(np.asarray(z, np.float64), -_EDGE, _EDGE)
    low, high = np.full(z.shape, -6.0), np.full(z.shape, 6.0)
    for _ in range(50):  # bisection, to 1e-14
        middle = (low + high) / 2
        is_below = _erf(middle / math.sqrt(2)) < z
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return (low + high) / 2


def to_uniform(gaussian):
    """Return z = erf(g / sqrt 2), float32 in [-1, 1], of any shape."""
    return np.asarray(_erf(gaussian / math.sqrt(2)), np.float32)
