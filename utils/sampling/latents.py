"""What G is given: the noise z of each use, and the classes of conditional samples."""

import math

import numpy as np

from utils.errors import UserError
from utils.sampling import class_names

# One key per use of the noise, mixed with the seed: no two uses share their z.
TRAINING_GRID, SAMPLES, STATISTICS, MEASURING, NEIGHBOURS = 0, 1, 2, 3, 4
_ROWS = 4096  # that are drawn at a time where only some are needed


def noise(seed, use, count, z_dim):
    """Return z, [count, z_dim] float32, uniform in [-1, 1). The rows of a smaller count are the first of a larger one.

    use: one of the keys above.
    """
    return np.random.RandomState([seed, use]).uniform(-1.0, 1.0, (count, z_dim)).astype(np.float32)


def noise_of(seed, use, numbers, z_dim):
    """Return the rows of `noise` with these numbers, [len(numbers), z_dim] float32, without keeping all before them."""
    random, rows, wanted = np.random.RandomState([seed, use]), {}, set(numbers)
    for start in range(0, max(numbers) + 1, _ROWS):
        block = random.uniform(-1.0, 1.0, (_ROWS, z_dim))
        rows.update((number, block[number - start].copy()) for number in wanted if start <= number < start + _ROWS)
    return np.asarray([rows[number] for number in numbers], np.float32)


def rows_of_classes(z, count, chosen):
    """Return (z, labels, columns) for a grid of at least `count` samples, equally many of each chosen class.

    z: [N, z_dim] float32, N >= count. chosen: class indices; if empty, the result is the first `count` rows of z,
    labels of 0, and columns = 0. Otherwise each class has the same z, in a row of the grid; or in part of a row if
    that makes the grid less narrow. So columns compare the classes.
    """
    if not chosen:
        return z[:count], np.zeros(count, np.int32), 0
    each = -(-count // len(chosen))
    columns = each * max(1, int(math.sqrt(len(chosen) / each)))
    return np.tile(z[:each], (len(chosen), 1)), np.repeat(np.int32(chosen), each), columns


def chosen_classes(text, classes):
    """Return the indices of the classes named in `text`, such as 'role,person'; '' means all of them.

    Raise UserError if the network is unconditional (classes is empty), or for an unknown name.
    """
    names = [text] if text in classes else [part.strip() for _, part, _ in class_names.split(text, ",")]
    wanted = [name for name in names if name]
    if wanted and not classes:
        raise UserError(f"classes = {text!r}, but this network is unconditional; train with conditional = 1")
    return [class_names.label_of(name, classes, "classes") for name in wanted] or list(range(len(classes)))
