"""What G is given: the noise z of each use, and the classes of conditional samples."""

import math

import numpy as np

from utils.errors import UserError
from utils.sampling import class_names

# One key per use of the noise, mixed with the seed: no two uses share their z.
TRAINING_GRID, SAMPLES, STATISTICS, MEASURING, NEIGHBORS = 0, 1, 2, 3, 4
_ROWS = 4096  # that are drawn at a time where only some are needed


def noise(seed, use, count, z_dim):
    """Return z, [count, z_dim] float32, uniform in [-1, 1). The rows of a smaller count are the first of a larger one.

    use: one of the keys above.
    """
    return np.random.RandomState([seed, use]).uniform(-1.0, 1.0, (count, z_dim)).astype(np.float32)


def noise_rows(seed, use, numbers, z_dim):
    """Return the rows of `noise` with these numbers, [len(numbers), z_dim] float32, without keeping all before them."""
    random, numbers = np.random.RandomState([seed, use]), np.asarray(numbers)
    rows = np.empty((len(numbers), z_dim), np.float32)
    for start in range(0, numbers.max() + 1, _ROWS):
        block = random.uniform(-1.0, 1.0, (_ROWS, z_dim))
        is_here = (numbers >= start) & (numbers < start + _ROWS)
        rows[is_here] = block[numbers[is_here] - start]
    return rows


def rows_of_classes(z, count, class_indices):
    """Return (z, labels, columns) for a grid of at least `count` samples, equally many of each chosen class.

    z: [N, z_dim] float32, N >= count. class_indices: if empty, the result is the first `count` rows of z,
    labels of 0, and columns = 0. Otherwise each class has the same z, in a row of the grid; or in part of a row if
    that makes the grid less narrow. So columns compare the classes.
    """
    if not class_indices:
        return z[:count], np.zeros(count, np.int32), 0
    each = -(-count // len(class_indices))
    columns = each * max(1, int(math.sqrt(len(class_indices) / each)))
    return np.tile(z[:each], (len(class_indices), 1)), np.repeat(np.int32(class_indices), each), columns


def class_indices(text, classes):
    """Return the indices of the classes named in `text`, such as 'role,person'; '' means all of them.

    Raise UserError if the network is unconditional (classes is empty), or for an unknown name.
    """
    names = [text] if text in classes else [part.strip() for _, part, _ in class_names.split(text, ",")]
    wanted = [name for name in names if name]
    if wanted and not classes:
        raise UserError(f"classes = {text!r}, but this network is unconditional; train with conditional = 1")
    return [class_names.label_of(name, classes, "classes") for name in wanted] or list(range(len(classes)))
