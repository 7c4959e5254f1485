"""Inputs of G: the noise z, and the classes of conditional samples."""

import math

import numpy as np

from utils.errors import UserError
from utils.sampling import class_names

# One key for each use of noise, mixed with the seed: no two uses share their z.
TRAINING_GRID, SAMPLES, STATISTICS, MEASURING, NEIGHBORS = 0, 1, 2, 3, 4
_ROWS = 4096  # drawn at a time if only some are needed


def noise(seed, use, count, z_dim):
    """Return z, [count, z_dim] float32, uniform in [-1, 1); use: one of the keys above.

    A smaller count gives the first rows of a larger one.
    """
    return np.random.RandomState([seed, use]).uniform(-1.0, 1.0, (count, z_dim)).astype(np.float32)


def noise_rows(seed, use, numbers, z_dim):
    """Return the rows of `noise` with these numbers, [len(numbers), z_dim] float32; the other rows are not kept."""
    random, numbers = np.random.RandomState([seed, use]), np.asarray(numbers)
    rows = np.empty((len(numbers), z_dim), np.float32)
    for start in range(0, numbers.max() + 1, _ROWS):
        block = random.uniform(-1.0, 1.0, (_ROWS, z_dim))
        is_here = (numbers >= start) & (numbers < start + _ROWS)
        rows[is_here] = block[numbers[is_here] - start]
    return rows


def rows_of_classes(z, count, class_indices):
    """Return (z, labels, columns) for a grid of at least `count` samples, the same number of each class.

    z: [N, z_dim] float32, N >= count. Without class_indices, return the first `count` rows of z, labels 0, and
    columns 0. Otherwise each class gets the same z in a row of the grid, or in part of a row if the grid would become
    too narrow: columns compare the classes.
    """
    if not class_indices:
        return z[:count], np.zeros(count, np.int32), 0
    each = -(-count // len(class_indices))
    columns = each * max(1, int(math.sqrt(len(class_indices) / each)))
    return np.tile(z[:each], (len(class_indices), 1)), np.repeat(np.int32(class_indices), each), columns


def class_indices(text, classes):
    """Return the indices of the classes named in `text`, such as 'role,person'; all of them for ''.

    Raise UserError for an unknown name, or if the network is unconditional (classes is empty).
    """
    names = [text] if text in classes else [part.strip() for _, part, _ in class_names.split(text, ",")]
    wanted = [name for name in names if name]
    if wanted and not classes:
        raise UserError(f"classes = {text!r}, but this network is unconditional; train with conditional = 1")
    return [class_names.class_index(name, classes, "classes") for name in wanted] or list(range(len(classes)))
