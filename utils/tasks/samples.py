"""Plain samples: a grid, and with `single` or `picks` a file of each image."""

import csv
import io
import os
import textwrap
from typing import Any, NamedTuple

import numpy as np

from utils.config.startup import counted, entry
from utils.output import files
from utils.output.alpha import composite
from utils.output.animation import with_text
from utils.output.images import blank, place, png
from utils.sampling import latents, naming, picks
from utils.tasks.task import Task


def _describe(run):
    what = f"samples {run.picks}" if run.picks else counted(run.num_samples, "sample")
    request = naming.announced(run, _kind(run), "picks" if run.picks else "classes" if run.classes else "")
    lines = [f"Generating {what} with {naming.checkpoint_name(run)}", entry("Grid", request.grid)]
    return [*lines, entry("Single files", request.single_folder + os.sep)] if run.single or run.picks else lines


def _kind(run):
    """Return the part of the names that tells these grids from others of the same samples."""
    layout = "_labelled" * run.label_grid + (f"_columns{run.grid_columns}" if run.grid_columns else "")
    return ("picks" if run.picks else f"n{run.num_samples}") + layout


def _check(run):
    if run.picks:
        picks.parse(run.picks, None)


class _Rows(NamedTuple):
    """The samples of a grid."""

    z: Any  # [N, z_dim] float32
    labels: Any  # [N] int32
    numbers: Any  # [N], the number of each row of z
    columns: int  # 0: the same number as rows
    parts: Any  # names of classes, or picks, for the names of files


def _rows(generator, run):
    """Return the _Rows that the settings `run` ask for: the picks, or the first samples of the seed."""
    classes = generator.classes
    if run.picks:
        chosen = list(dict.fromkeys(picks.parse(run.picks, classes)))  # each once, as its file
        numbers = [pick.number for pick in chosen]
        z = generator.noise(numbers, run.sample_seed, run.truncation)
        return _Rows(z, np.int32([pick.label for pick in chosen]), numbers, 0, [pick.text(classes) for pick in chosen])
    indices = latents.class_indices(run.classes, classes)
    z = generator.noise(range(run.num_samples), run.sample_seed, run.truncation)
    z, labels, columns = latents.rows_of_classes(z, run.num_samples, indices)
    numbers = np.arange(len(z)) % (len(z) // (len(indices) or 1))
    return _Rows(z, labels, numbers, columns, [classes[i] for i in indices] if run.classes else [])


def write_samples(generator, run):
    """Write the samples that the settings `run` ask for; yield lines that say which and where.

    A grid, with run.single or run.picks also a file of each sample, and for classes a CSV file that says where they are
    in the grid; naming.py has the names. Raise UserError if a file of other weights would be lost, OSError if one
    cannot be written.
    """
    classes, rows = generator.classes, _rows(generator, run)
    request = naming.request(run, generator, _kind(run), rows.parts)
    singles = []
    if run.single or run.picks:
        singles = request.singles([classes[i] for i in rows.labels] if classes else [""] * len(rows.z), rows.numbers)
    naming.check_overwrite([request.grid, *singles], request.metadata)
    if singles:
        os.makedirs(request.single_folder, exist_ok=True)
    # With label_grid, each image has a line of text above it.
    texts = [picks.Pick(*pair).caption(classes) for pair in zip(rows.labels, rows.numbers)] if run.label_grid else None
    cell = composite(np.zeros(generator.image_shape, np.uint8), generator.background)
    shape = with_text(cell, "").shape if texts else cell.shape
    grid, columns = blank(len(rows.z), shape, rows.columns or run.grid_columns)
    for number, image in enumerate(generator.stream(rows.z, rows.labels)):
        shown = composite(image, generator.background)
        place(grid, columns, number, with_text(shown, texts[number]) if texts else shown)
        if singles:
            files.write(singles[number], png(image, request.metadata))
    files.write(request.grid, png(grid, request.metadata))
    yield f"{counted(len(rows.z), 'sample')} in {request.grid}" + (
        f", and each as a file in {request.single_folder}" if singles else ""
    )
    if classes and not run.picks:
        files.write(request.class_list, class_list(rows.labels, columns, classes))
        names = [classes[label] for label in dict.fromkeys(rows.labels.tolist())]
        shown = textwrap.shorten(", ".join(names), 200, placeholder=" ...")
        yield f"Classes from the top: {shown}; {request.class_list} lists where each is in the grid."


def class_list(labels, columns, classes):
    """Return a CSV file, bytes, that says where each class begins in a grid: its row and column, counted from 0.

    labels: [N], of the images in the order of the grid; classes: all names.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["row", "column", "class"])
    for start in np.flatnonzero(np.diff(labels, prepend=-1)):
        rows.writerow([start // columns, start % columns, classes[labels[start]]])
    return text.getvalue().encode("utf-8", "surrogateescape")


TASK = Task(
    name="plain samples",
    setting="",
    uses=(
        "num_samples", "single", "sample_seed", "truncation", "classes", "picks", "label_grid", "grid_columns",
        "precision",
    ),
    describe=_describe,
    run=write_samples,
    memory_setting="num_samples",
    check=_check,
)  # fmt: skip
