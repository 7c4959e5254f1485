"""Plain samples: a grid, and with `single` or `picks` also a file for each sample.

Without a grid, each file is written as soon as its sample is generated, and the same command continues after a stop.
"""

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
from utils.output.fonts import describe_missing
from utils.output.images import blank, place, png
from utils.sampling import class_names, naming, picks
from utils.tasks.task import Task

MANY = 10000  # more samples than this get no grid unless one is requested, and their files go into subfolders


def _describe(run):
    if not run.picks and run.num_samples > picks.MAX_NUMBER:
        raise UserError(
            f"num_samples = {run.num_samples} is too high; samples are numbered up to {picks.MAX_NUMBER - 1}"
        )
    if not _has_grid(run) and not run.single:
        raise UserError(
            f"num_samples = {run.num_samples} is too high for a grid; set single = 1 to write a file for each sample, "
            f"or grid_columns to get a grid of more than {MANY} samples"
        )
    what = f"samples {run.picks}" if run.picks else counted(run.num_samples, "sample")
    request = naming.announced(run, _kind(run))
    lines = [f"Generating {what} with {naming.checkpoint_name(run)}"]
    lines += [entry("Grid", request.path(".png"))] * _has_grid(run)
    return lines + [entry("Single files", request.path("") + os.sep)] * bool(run.single or run.picks)


def _has_grid(run):
    return bool(run.picks or run.num_samples <= MANY or run.grid_columns or run.label_grid)


def _kind(run):
    """Return the part of file names that distinguishes grids of the same samples."""
    layout = "_labelled" * run.label_grid + (f"_columns{run.grid_columns}" if run.grid_columns else "")
    return ("picks" if run.picks else f"n{run.num_samples}") + layout


def _choose(run, generator):
    """Return the Picks to generate, the columns of their grid (0: see grid_columns), and the parts of its file name."""
    if run.picks:
        chosen = list(dict.fromkeys(picks.chosen(run, generator)))  # without duplicates, which would share a file
        return chosen, 0, [pick.text(generator.classes) for pick in chosen]
    indices = class_names.class_indices(run.classes, generator.classes)
    chosen, columns = picks.of_classes(run.num_samples, indices)
    return chosen, columns, [generator.classes[i] for i in indices] if run.classes else []


def write_samples(generator, run):
    """Write the samples that the settings in `run` select; yield lines with their paths.

    The files are a grid, with run.single or run.picks one file per sample, and with classes but without run.picks a
    CSV file of the classes' positions in the grid. Without a grid, only missing files are generated. Raise UserError if
    a file from different weights would be overwritten, and OSError if a file cannot be written.
    """
    classes = generator.classes
    chosen, columns, parts = _choose(run, generator)
    request = naming.request(run, generator, _kind(run), parts)
    singles = request.singles(chosen, classes, MANY) if run.single or run.picks else []
    existing = naming.check_overwrite([request.path(".png")] * _has_grid(run) + singles, request.metadata)
    for folder in {os.path.dirname(path) for path in singles}:
        os.makedirs(folder, exist_ok=True)
    if _has_grid(run):
        yield from _write_all(generator, request, chosen, columns or run.grid_columns, singles)
    else:
        yield from _write_missing(generator, request, chosen, singles, set(existing))


def _images(generator, run, chosen):
    """Yield the samples of these Picks, [H, W, C] uint8."""
    if run.picks:
        z, fractions = picks.rows(chosen, generator, run.sample_seed)
        return generator.stream(z * np.float32(run.truncation), fractions)
    labels, numbers = np.int32(chosen).T
    return generator.stream(generator.noise(numbers, run.sample_seed, run.truncation), labels)


def _write_missing(generator, request, chosen, singles, existing):
    """Write the single files that do not exist yet, each as soon as its sample is generated."""
    missing = [i for i, path in enumerate(singles) if path not in existing]
    if existing:
        yield f"{len(existing)} of the {len(singles)} files exist already."
    if missing:
        for i, image in zip(missing, _images(generator, request.run, [chosen[i] for i in missing])):
            files.write(singles[i], png(image, request.metadata))
    yield f"{counted(len(chosen), 'sample')}, one file each, in {request.path('')}"


def _write_all(generator, request, chosen, columns, singles):
    """Write the grid, its CSV file if needed, and the single files."""
    run, classes = request.run, generator.classes
    fonts = picks.caption_fonts(chosen, classes) if run.label_grid else {}

    def cell(image, pick):
        shown = composite(image, generator.background)
        return with_text(shown, *pick.caption(classes, fonts)) if run.label_grid else shown

    cell_shape = cell(np.zeros(generator.image_shape, np.uint8), chosen[0]).shape
    grid, columns = blank(len(chosen), cell_shape, columns)
    for i, image in enumerate(_images(generator, run, chosen)):
        place(grid, columns, i, cell(image, chosen[i]))
        if singles:
            files.write(singles[i], png(image, request.metadata))
    path, folder = request.path(".png"), request.path("")
    files.write(path, png(grid, request.metadata))
    yield f"{counted(len(chosen), 'sample')} in {path}" + (f", and one file each in {folder}" if singles else "")
    yield from describe_missing(classes, fonts)
    if classes and not run.picks:
        labels, path = np.int32(chosen)[:, 0], request.path(".csv")
        files.write(path, class_list(labels, columns, classes))
        names = dict.fromkeys(classes[label] for label in labels)
        shown = textwrap.shorten(", ".join(names), 200, placeholder=" ...")
        yield f"Classes from the top: {shown}; {path} lists where each begins in the grid."


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
