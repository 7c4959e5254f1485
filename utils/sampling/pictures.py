"""Run a Sampler: noise in, uint8 pictures out."""

import difflib

import numpy as np

from utils.errors import UserError
from utils.output import pictures as images

# Keys of the uses of this noise, mixed with the seed.
TRAINING_GRID, SAMPLES, STATISTICS, MEASURING = 0, 1, 2, 3

_REFRESHED = 256  # samples that the statistics of batch norm are measured from
_LEAST = 16  # of them at a time, however large: statistics of one or two are none


def noise(seed, use, count, z_dim):
    """Return [count, z_dim] float32, uniform in [-1, 1); a larger count only adds to what a smaller one gives."""
    return np.random.RandomState([seed, use]).uniform(-1.0, 1.0, (count, z_dim)).astype(np.float32)


def rows_of_classes(z, count, chosen):
    """Return (z, labels, columns) of a sheet of `count` samples with a row for each chosen class, an index.

    All rows show the first rows of z, [N, z_dim], as many as it takes; without classes all stays as it is.
    """
    if not chosen:
        return z[:count], np.zeros(count, np.int32), 0
    columns = -(-count // len(chosen))
    return np.tile(z[:columns], (len(chosen), 1)), np.repeat(np.int32(chosen), columns), columns


def chosen_classes(text, classes):
    """Return the indices of the classes named in `text`, such as 'role,person'; '' for all."""
    wanted = [text] if text in classes else [name.strip() for name in text.split(",") if name.strip()]
    if wanted and not classes:
        raise UserError("classes = %r, but this network knows no classes; train with conditional = 1" % text)
    for name in wanted:
        if name not in classes:
            close = difflib.get_close_matches(name, classes, 1)
            hint = "; did you mean %s?" % close[0] if close else ""
            raise UserError("classes: no class %r; there are %s%s" % (name, ", ".join(classes), hint))
    return [classes.index(name) for name in wanted] or list(range(len(classes)))


def pictures(session, sampler, z, labels):
    """Yield G's pictures of z, [N, z_dim] float32, and labels, [N] int32, as arrays [n, H, W, C] uint8 in order.

    Each run gets the same number of rows, the last one filled up: so bit for bit, a picture does not depend on N.
    """
    chunk = _chunk(sampler)
    for start in range(0, len(z), chunk):
        rows, classes = z[start : start + chunk], labels[start : start + chunk]
        filled, filled_labels = np.zeros((chunk, z.shape[1]), np.float32), np.zeros(chunk, np.int32)
        filled[: len(rows)], filled_labels[: len(rows)] = rows, classes
        yield images.to_uint8(
            session.run(sampler.images, {sampler.z: filled, sampler.labels: filled_labels})[: len(rows)]
        )


def refresh(session, sampler, z_dim, labels):
    """Give the averaged G the batch-norm statistics that belong to its weights; a G that is not averaged has its own.

    labels: [N] int32, those of all pictures. The statistics follow from the weights alone: the same z each time.
    """
    if sampler.refresh is None:
        return
    chunk = max(_chunk(sampler), _LEAST)
    rounds = -(-_REFRESHED // chunk)
    z = noise(0, STATISTICS, rounds * chunk, z_dim)
    # The classes, each as often as among the pictures, and spread over the rounds.
    spread = np.sort(labels)[np.linspace(0, len(labels) - 1, rounds * chunk).astype(int)]
    for i in range(rounds):
        kept = i / (i + 1.0)  # so that the averages end as the plain means over the rounds
        feed = {sampler.z: z[i::rounds], sampler.labels: spread[i::rounds], sampler.kept: kept}
        session.run(sampler.refresh, feed)


def write(session, sampler, run, z_dim, rows, step):
    """Write the samples that `run` asks for of the checkpoint of `step`; return a line that says what was written.

    rows: the classes, indices, that have a row each; [] where the network knows none.
    """
    z = noise(run.sample_seed, SAMPLES, run.num_samples, z_dim)
    z, labels, columns = rows_of_classes(z, run.num_samples, rows)
    name = "sample_%08d_seed%d" % (step, run.sample_seed)
    chunks = pictures(session, sampler, z, labels)
    return images.write_samples(chunks, len(z), run.samples_dir, name, run.single, columns or run.grid_columns)


def _chunk(sampler):
    """Return how many pictures are made at a time."""
    size = int(sampler.images.shape[1])
    return max(1, min(64, 64 * 64 * 64 // (size * size)))
