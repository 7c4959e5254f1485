"""The noise z, the input of G."""

import numpy as np

# One key for each use of noise, combined with the seed, so that no two uses share a z.
TRAINING_GRID, SAMPLES, STATISTICS, MEASURING, NEIGHBORS = 0, 1, 2, 3, 4
_ROWS = 4096  # the most rows drawn at a time, even if only some of them are needed


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
