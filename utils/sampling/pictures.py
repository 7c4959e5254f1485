"""Run a Sampler (model/): z and classes in, uint8 pictures, grids and PNG files out."""

import os
import sys

import numpy as np
from tqdm import tqdm

from utils.output import files
from utils.output.pictures import blank, place, png, to_uint8
from utils.output.terminal import can_show_bar
from utils.sampling import latents

_REFRESH_SAMPLES = 256  # that the batch-norm statistics of the averaged G are computed from
_MIN_REFRESH_BATCH = 16  # however large the pictures: the variance of one or two samples is useless


def generate(session, sampler, z, labels):
    """Yield G's pictures as arrays [n, H, W, C] uint8, in the order of z, [N, z_dim] float32, and labels, [N] int32.

    Every run has the same number of rows, the last one padded: so a picture does not depend on N, bit for bit.
    """
    size = _batch_size(sampler)
    for start in range(0, len(z), size):
        rows, row_labels = z[start : start + size], labels[start : start + size]
        padded, padded_labels = np.zeros((size, z.shape[1]), np.float32), np.zeros(size, np.int32)
        padded[: len(rows)], padded_labels[: len(rows)] = rows, row_labels
        images = session.run(sampler.images, {sampler.z: padded, sampler.labels: padded_labels})
        yield to_uint8(images[: len(rows)])


def refresh(session, sampler, labels):
    """Compute the batch-norm statistics of the averaged G for its present weights. G itself keeps its own: no effect.

    labels: [n] int32, those of all pictures. z is the same each time, so the statistics depend on the weights alone.
    """
    if sampler.refresh is None:
        return
    size = max(_batch_size(sampler), _MIN_REFRESH_BATCH)
    rounds = -(-_REFRESH_SAMPLES // size)
    z = latents.noise(0, latents.STATISTICS, rounds * size, _z_dim(sampler))
    # Each class as often as among the pictures, spread evenly over the rounds.
    spread = np.sort(labels)[np.linspace(0, len(labels) - 1, rounds * size).astype(int)]
    for i in range(rounds):
        kept = i / (i + 1.0)  # so that the averages end as the plain means over the rounds
        feed = {sampler.z: z[i::rounds], sampler.labels: spread[i::rounds], sampler.kept: kept}
        session.run(sampler.refresh, feed)


def write_samples(session, sampler, run, rows, step):
    """Write the samples that the settings `run` ask for; return a line that says which and where.

    The grid is sample_<step>_seed<seed>.png in samples_dir. With run.single, each picture is also a file of its own,
    <name of the grid>/<name of the grid>_<number>.png. rows: class indices, one row of the grid each; [] if the network
    is unconditional. step: of the checkpoint. Raise OSError where a file cannot be written.
    """
    z = latents.noise(run.sample_seed, latents.SAMPLES, run.num_samples, _z_dim(sampler))
    z, labels, columns = latents.rows_of_classes(z, run.num_samples, rows)
    name = f"sample_{step:08d}_seed{run.sample_seed}"
    grid_path, single_folder = os.path.join(run.samples_dir, name + ".png"), os.path.join(run.samples_dir, name)
    if run.single:
        os.makedirs(single_folder, exist_ok=True)
    grid, columns = blank(len(z), sampler.images.shape.as_list()[1:], columns or run.grid_columns)
    number = 0
    with tqdm(total=len(z), unit=" pictures", file=sys.stdout, disable=not can_show_bar()) as bar:
        for chunk in generate(session, sampler, z, labels):
            for picture in chunk:
                place(grid, columns, number, picture)
                if run.single:
                    files.write(os.path.join(single_folder, f"{name}_{number:05d}.png"), png(picture))
                number += 1
            bar.update(len(chunk))
    files.write(grid_path, png(grid))
    return f"{len(z)} pictures in {grid_path}" + (f", and each as a file in {single_folder}" if run.single else "")


def _z_dim(sampler):
    return int(sampler.z.shape[1])


def _batch_size(sampler):
    """Return how many pictures are generated at a time: fewer where they are larger."""
    size = int(sampler.images.shape[1])
    return max(1, min(64, 64 * 64 * 64 // (size * size)))
