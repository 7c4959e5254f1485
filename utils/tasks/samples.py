"""Plain samples: a grid, and with `single` or `picks` also a file for each sample."""

import csv
import io
import os
import textwrap

import numpy as np

from utils.config.startup import counted, entry
from utils.errors import UserError
from utils.output import files
from utils.output.alpha import composite
from utils.output.animation import with_text
from utils.output.fonts import choose_fonts, describe_missing
from utils.output.images import blank, place, png
from utils.sampling import class_names, naming, picks
from utils.tasks.task import Task


def _describe(run):
    if not run.picks and run.num_samples > picks.MAX_NUMBER:
        raise UserError(
            f"num_samples = {run.num_samples} is too high; samples are numbered up to {picks.MAX_NUMBER - 1}"
        )
    what = f"samples {run.picks}" if run.picks else counted(run.num_samples, "sample")
    request = naming.announced(run, _kind(run))
    lines = [f"Generating {what} with {naming.checkpoint_name(run)}", entry("Grid", request.path(".png"))]
    return [*lines, entry("Single files", request.path("") + os.sep)] if run.single or run.picks else lines


def _kind(run):
    """Return the part of file names that distinguishes grids of the same samples."""
    layout = "_labelled" * run.label_grid + (f"_columns{run.grid_columns}" if run.grid_columns else "")
    return ("picks" if run.picks else f"n{run.num_samples}") + layout


def _choose(run, classes):
    """Return the Picks to generate, the columns of their grid (0: see grid_columns), and the parts of its file name."""
    if run.picks:
        chosen = list(dict.fromkeys(picks.parse(run.picks, classes)))  # without duplicates, which would share a file
        return chosen, 0, [pick.text(classes) for pick in chosen]
    indices = class_names.class_indices(run.classes, classes)
    chosen, columns = picks.of_classes(run.num_samples, indices)
    return chosen, columns, [classes[i] for i in indices] if run.classes else []


def write_samples(generator, run):
    """Write the samples that the settings in `run` select; yield lines with their paths.

    The files are a grid, with run.single or run.picks one file per sample, and with classes but without run.picks a
    CSV file of the classes' positions in the grid. Raise UserError if a file from different weights would be
    overwritten, and OSError if a file cannot be written.
    """
    classes = generator.classes
    chosen, columns, parts = _choose(run, classes)
    labels, numbers = np.int32(chosen).T
    request = naming.request(run, generator, _kind(run), parts)
    grid_path, folder, csv_path = (request.path(ending) for ending in (".png", "", ".csv"))
    names = [classes[label] if classes else "" for label in labels]
    singles = request.singles(names, numbers) if run.single or run.picks else []
    naming.check_overwrite([grid_path, *singles], request.metadata)
    if singles:
        os.makedirs(folder, exist_ok=True)

    fonts = choose_fonts(names) if run.label_grid else {}

    def cell(image, pick):
        shown = composite(image, generator.background)
        return with_text(shown, *pick.caption(classes, fonts)) if run.label_grid else shown

    cell_shape = cell(np.zeros(generator.image_shape, np.uint8), chosen[0]).shape
    grid, columns = blank(len(chosen), cell_shape, columns or run.grid_columns)
    z = generator.noise(numbers, run.sample_seed, run.truncation)
    for i, (image, pick) in enumerate(zip(generator.stream(z, labels), chosen)):
        place(grid, columns, i, cell(image, pick))
        if singles:
            files.write(singles[i], png(image, request.metadata))
    files.write(grid_path, png(grid, request.metadata))
    yield f"{counted(len(chosen), 'sample')} in {grid_path}" + (f", and one file each in {folder}" if singles else "")
    yield from describe_missing(classes, fonts)
    if classes and not run.picks:
        files.write(csv_path, class_list(labels, columns, classes))
        shown = textwrap.shorten(", ".join(dict.fromkeys(names)), 200, placeholder=" ...")
        yield f"Classes from the top: {shown}; {csv_path} lists where each begins in the grid."


def class_list(labels, columns, classes):
    """Return the bytes of a CSV file: the row and column, counted from 0, at which each class begins in a grid.

    labels: [N] int32, in the order of the grid; classes: all names.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["row", "column", "class"])
    for start in np.flatnonzero(np.diff(labels, prepend=-1)):
        rows.writerow([start // columns, start % columns, classes[labels[start]]])
    return text.getvalue().encode("utf-8", "surrogateescape")


TASK = Task(
    setting="",
    uses=(
        "num_samples", "single", "sample_seed", "truncation", "classes", "picks", "label_grid", "grid_columns",
        "precision",
    ),
    describe=_describe,
    run=write_samples,
    memory_setting="num_samples",
)  # fmt: skip
