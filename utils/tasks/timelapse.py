"""The time-lapse: an animation of the training grids."""

import os
import re

import numpy as np
from PIL import Image, PngImagePlugin

from utils.config.startup import entry
from utils.errors import UserError
from utils.output import animation
from utils.output.images import read_metadata
from utils.output.terminal import print_above_bar
from utils.tasks.task import Task

_MAX_FRAMES = 100
_FRAME, _LAST_FRAME = 80, 2000  # milliseconds
_MAX_SIZE = 512  # pixels: the longest side of a frame
_MAX_BYTES = 10 * 10**6


def _describe(run):
    return ["Animating the training grids", entry("Animation", os.path.join(run.samples_dir, "timelapse.gif"))]


def _run(generator, run):
    line = write_timelapse(run.samples_dir, generator.run_id)
    if not line:
        raise UserError(
            f"samples_dir = {run.samples_dir} holds fewer than two grids train_<step>.png of this run; set samples_dir "
            "to the folder that it was trained with"
        )
    yield line


def write_timelapse(samples_dir, run_id):
    """Write timelapse.gif and, if Pillow supports it, .webp from the grids of a run; return a line with their paths.

    Damaged grids are skipped, and so are grids whose size differs from the last one's, as after a change of
    train_samples. Return '' if fewer than two remain. Raise OSError if an animation cannot be written.
    """
    grids = [grid for grid in grid_files(samples_dir) if belongs_to_run(grid[1], run_id)]
    if len(grids) < 2:
        return ""
    chosen = np.unique(np.linspace(0, len(grids) - 1, min(_MAX_FRAMES, len(grids))).round().astype(int))
    print_above_bar(f"Creating a time-lapse from {len(chosen)} grids.")
    images = [(grids[i][0], read_grid(grids[i][1], _MAX_SIZE)) for i in chosen]
    images = [(step, image) for step, image in images if image is not None]
    images = [(step, image) for step, image in images if image.size == images[-1][1].size]
    if len(images) < 2:
        return ""
    frames = [animation.with_text(np.asarray(image), f"step {step}", below=True) for step, image in images]
    stem = os.path.join(samples_dir, "timelapse")
    paths = animation.write_films(lambda ending: stem + ending, frames, (_FRAME, _LAST_FRAME), _MAX_BYTES)
    return f"Time-lapse of training: {', '.join(paths)}"


def grid_files(samples_dir):
    """Return (step, path) of the training grids in a folder, sorted by step."""
    names = os.listdir(samples_dir) if os.path.isdir(samples_dir) else []
    matches = (re.fullmatch(r"train_([0-9]{8,})\.png", name) for name in names)
    return sorted((int(match.group(1)), os.path.join(samples_dir, match.group())) for match in matches if match)


def belongs_to_run(path, run_id):
    """Return whether a grid belongs to this run, or has no metadata, like grids from versions before 0.9."""
    return read_metadata(path).get("run", run_id) == run_id


def read_grid(path, size):
    """Return a grid as an RGB image of at most `size` pixels a side; None if its file is damaged."""
    try:
        with PngImagePlugin.PngImageFile(path) as image:  # Image.open rejects very large images
            image = image.convert("RGB")
    except (OSError, SyntaxError, ValueError):  # Pillow raises SyntaxError for a broken PNG
        return None
    image.thumbnail((size, size), Image.LANCZOS)
    return image


TASK = Task(setting="timelapse", uses=(), describe=_describe, run=_run)
