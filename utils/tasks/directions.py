"""Directions: a figure of the directions of z along which images change most."""

import numpy as np

from utils.config.startup import entry
from utils.errors import UserError
from utils.output import files
from utils.output.alpha import composite
from utils.output.animation import with_text
from utils.output.images import grid, png
from utils.sampling import naming, picks
from utils.sampling.directions import LIMIT, directions, moved
from utils.tasks.task import Task

SAMPLES = 3  # without picks
_POSITIONS = np.linspace(-LIMIT, LIMIT, 7)


def _describe(run):
    request = naming.announced(run, f"directions{run.directions}")
    return [
        f"Drawing {run.directions} directions of z with {naming.checkpoint_name(run)}",
        entry("Figure", request.path(".png")),
    ]


def write_directions(generator, run):
    """Write a figure with a row for each direction: the same samples at seven positions along it; yield a line.

    The samples are run.picks, or the first ones. Errors: see samples.write_samples.
    """
    check_direction("directions", run.directions, generator)
    chosen = picks.chosen(run, generator) if run.picks else picks.first(generator.classes, SAMPLES)
    parts = [pick.text(generator.classes) for pick in chosen] if run.picks else []
    request = naming.request(run, generator, f"directions{run.directions}", parts)
    naming.check_overwrite([request.path(".png")], request.metadata)
    z, fractions = picks.rows(chosen, generator, run.sample_seed)
    rows = [moved(each, vector, _POSITIONS) for vector in directions(generator, run.directions) for each in z]
    rows, n = np.concatenate(rows) * np.float32(run.truncation), len(_POSITIONS)
    fractions = np.tile(np.repeat(fractions, n, axis=0), (run.directions, 1))
    cells = []
    for i, image in enumerate(generator.stream(rows, fractions)):
        is_first, position = i % (n * len(z)) == 0, _POSITIONS[i % n]
        text = f"{i // (n * len(z)) + 1}: {position:+.0f}" if is_first else f"{position:+.0f}"
        cells.append(with_text(composite(image, generator.background), text))
    files.write(request.path(".png"), png(grid(np.stack(cells), n * len(z)), request.metadata))
    yield f"{run.directions} directions, from {-LIMIT:g} to {LIMIT:g} standard deviations: {request.path('.png')}"
    yield f"To animate one of them: --walk 25 --along {min(2, run.directions)}"


def check_direction(setting, number, generator):
    """Raise UserError if z does not have a direction with this number, counted from 1."""
    if number > generator.z_dim:
        raise UserError(f"{setting} = {number} is too high: z has {generator.z_dim} directions")


TASK = Task(
    setting="directions",
    uses=("picks", "sample_seed", "truncation", "precision"),
    describe=_describe,
    run=write_directions,
)
