"""Run a Sampler (model/): z and classes in, uint8 pictures, grids and PNG files out."""

import csv
import io
import itertools
import os
import sys
import textwrap
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from utils.config.startup import layout
from utils.output import files
from utils.output.alpha import on_background
from utils.output.animation import with_text
from utils.output.images import blank, place, png, to_uint8
from utils.output.terminal import can_show_bar
from utils.sampling import latents, naming, picks

_REFRESH_SAMPLES = 256  # that the batch-norm statistics of the averaged G are computed from
_MIN_REFRESH_BATCH = 16  # however large the pictures: the variance of one or two samples is useless


def generate(session, sampler, z, labels):
    """Yield G's pictures as arrays [n, H, W, C] uint8, in the order of z, [N, z_dim] float32, and of their classes.

    labels: [N] int32, the index of each picture's class, or [N, n_classes] float32, the shares of classes. Every run
    has the same number of rows, the last one padded: so a picture does not depend on N, bit for bit. With C 4, colours
    are premultiplied by alpha.
    """
    size = _batch_size(*_sides(sampler))
    for start in range(0, len(z), size):
        rows, row_labels = z[start : start + size], labels[start : start + size]
        padded = np.zeros((size, z.shape[1]), np.float32)
        padded_labels = np.zeros((size, *labels.shape[1:]), labels.dtype)
        padded[: len(rows)], padded_labels[: len(rows)] = rows, row_labels
        classes = sampler.labels if labels.ndim == 1 else sampler.classes
        images = session.run(sampler.images, {sampler.z: padded, classes: padded_labels})
        yield to_uint8(images[: len(rows)])


def refresh(session, sampler, labels):
    """Compute the batch-norm statistics of the averaged G for its present weights. G itself keeps its own: no effect.

    labels: [n] int32, those of all pictures. z is the same each time, so the statistics depend on the weights alone.
    """
    if sampler.refresh is None:
        return
    size = refresh_batch(*_sides(sampler))
    rounds = -(-_REFRESH_SAMPLES // size)
    z = latents.noise(0, latents.STATISTICS, rounds * size, z_dim_of(sampler))
    # Each class as often as among the pictures, spread evenly over the rounds.
    spread = np.sort(labels)[np.linspace(0, len(labels) - 1, rounds * size).astype(int)]
    for i in range(rounds):
        kept = i / (i + 1.0)  # so that the averages end as the plain means over the rounds
        feed = {sampler.z: z[i::rounds], sampler.labels: spread[i::rounds], sampler.kept: kept}
        session.run(sampler.refresh, feed)


def refresh_batch(height, width):
    """Return how many samples `refresh` draws at a time."""
    return max(_batch_size(height, width), _MIN_REFRESH_BATCH)


def with_progress(session, sampler, z, labels):
    """Yield what `generate` does picture by picture, [H, W, C] uint8, with a progress bar."""
    drawn = itertools.chain.from_iterable(generate(session, sampler, z, labels))
    return tqdm(drawn, total=len(z), unit=" pictures", file=sys.stdout, disable=not can_show_bar())


class _Rows(NamedTuple):
    """What a grid shows."""

    z: Any  # [N, z_dim] float32
    labels: Any  # [N] int32
    numbers: Any  # [N] the number of each row of z
    columns: int  # 0: as many as rows
    kind: str  # for the name, as are the parts
    parts: Any


def _rows(run, classes, chosen, z_dim):
    """Return the _Rows that the settings `run` ask for: the picks, or the first samples of the seed."""
    if run.picks:
        chosen_picks = list(dict.fromkeys(picks.parse(run.picks, classes)))  # each once, as its file
        numbers = [pick.number for pick in chosen_picks]
        z = latents.noise_of(run.sample_seed, latents.SAMPLES, numbers, z_dim)
        labels = np.int32([pick.label for pick in chosen_picks])
        return _Rows(z, labels, numbers, 0, "picks", [pick.text(classes) for pick in chosen_picks])
    z = latents.noise(run.sample_seed, latents.SAMPLES, run.num_samples, z_dim)
    z, labels, columns = latents.rows_of_classes(z, run.num_samples, chosen)
    numbers = np.arange(len(z)) % (len(z) // (len(chosen) or 1))
    parts = [classes[i] for i in chosen] if run.classes else []
    return _Rows(z, labels, numbers, columns, f"n{run.num_samples}", parts)


def write_samples(session, sampler, run, selected, chosen):
    """Write the samples that the settings `run` ask for; return lines that say which and where.

    A grid, with run.single or run.picks also a file of each picture, and for classes a CSV file that says where they
    are in the grid; naming.py has the names. selected: the select.Selected of the weights. chosen: class indices; [] if
    the network is unconditional. Raise UserError where a file of other weights would be lost, OSError where one cannot
    be written.
    """
    classes = selected.manifest.saved.classes
    rows = _rows(run, classes, chosen, z_dim_of(sampler))
    request = naming.request(run, selected, rows.kind + layout(run), rows.parts)
    singles = request.singles([classes[i] for i in rows.labels] if classes else [""] * len(rows.z), rows.numbers)
    singles = singles if run.single or run.picks else []
    naming.refuse_others([request.grid, *singles], request.note)
    if singles:
        os.makedirs(request.single_folder, exist_ok=True)
    # With label_grid, each picture has a line of text above it.
    texts = [picks.Pick(*pair).caption(classes) for pair in zip(rows.labels, rows.numbers)] if run.label_grid else None
    cell = on_background(np.zeros(sampler.images.shape.as_list()[1:], np.uint8), run.background)
    shape = with_text(cell, "").shape if texts else cell.shape
    grid, columns = blank(len(rows.z), shape, rows.columns or run.grid_columns)
    z = rows.z * np.float32(run.truncation)
    for number, picture in enumerate(with_progress(session, sampler, z, rows.labels)):
        shown = on_background(picture, run.background)
        place(grid, columns, number, with_text(shown, texts[number]) if texts else shown)
        if singles:
            files.write(singles[number], png(picture, request.note))
    files.write(request.grid, png(grid, request.note))
    lines = [f"{len(z)} {'pictures' if len(z) > 1 else 'picture'} in {request.grid}"]
    if singles:
        lines[0] += f", and each as a file in {request.single_folder}"
    if chosen and not run.picks:
        files.write(request.class_list, class_list(rows.labels, columns, classes))
        names = textwrap.shorten(", ".join(classes[i] for i in chosen), 200, placeholder=" ...")
        lines.append(f"Classes from the top: {names}; {request.class_list} says where each is in the grid.")
    return lines


def class_list(labels, columns, classes):
    """Return a CSV file, bytes, that says where each class begins in a grid: its row and column, counted from 0.

    labels: [N], of the pictures in the order of the grid; classes: all names.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["row", "column", "class"])
    for start in np.flatnonzero(np.diff(labels, prepend=-1)):
        rows.writerow([start // columns, start % columns, classes[labels[start]]])
    return text.getvalue().encode("utf-8", "surrogateescape")


def z_dim_of(sampler):
    return int(sampler.z.shape[1])


def _sides(sampler):
    return (int(side) for side in sampler.images.shape[1:3])


def _batch_size(height, width):
    """Return how many pictures are generated at a time: fewer where they are larger."""
    return max(1, min(64, 64 * 64 * 64 // (height * width)))
