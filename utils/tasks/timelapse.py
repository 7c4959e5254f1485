"""The time-lapse: a film of the grids that training has written."""

import glob
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
    return ["Making a film of the grids of training", entry("Film", os.path.join(run.samples_dir, "timelapse.gif"))]


def _run(generator, run):
    line = write_timelapse(run.samples_dir, generator.run_id)
    if not line:
        raise UserError(
            f"samples_dir = {run.samples_dir} holds fewer than two grids train_<step>.png of this run; set samples_dir "
            "to the folder of its training"
        )
    yield line


def write_timelapse(samples_dir, run_id):
    """Write timelapse.gif and .webp of the grids train_<step>.png of a run; return a line that says so.

    Grids of other sizes than the last one, after a change of train_samples, and damaged ones are left out. '' if fewer
    than two are left. Raise OSError if it cannot be written.
    """
    grids = [grid for grid in grid_files(samples_dir) if is_of_run(grid[1], run_id)]
    if len(grids) < 2:
        return ""
    chosen = np.unique(np.linspace(0, len(grids) - 1, min(_MAX_FRAMES, len(grids))).round().astype(int))
    print_above_bar(f"Making the time-lapse of {len(chosen)} grids.")
    frames = [frame for frame in (_read_frame(*grids[i]) for i in chosen) if frame is not None]
    frames = [frame for frame in frames if frame.shape == frames[-1].shape]
    if len(frames) < 2:
        return ""
    stem = os.path.join(samples_dir, "timelapse")
    paths = animation.write_films(lambda ending: stem + ending, lambda format: _small_enough(frames, format))
    return f"The course of training: {', '.join(paths)}"


def grid_files(samples_dir):
    """Return (step, path) of the grids of training in a folder, by step."""
    grids = []
    for path in glob.glob(os.path.join(glob.escape(samples_dir), "train_*.png")):
        match = re.fullmatch(r"train_([0-9]{8,})\.png", os.path.basename(path))
        if match:
            grids.append((int(match.group(1)), path))
    return sorted(grids)


def is_of_run(path, run_id):
    """Return whether a grid is of this run; those without a note are of versions that wrote none."""
    return read_metadata(path).get("run", run_id) == run_id


def read_grid(path, size):
    """Return the grid in a file as an RGB image of at most `size` pixels a side; None if it is damaged."""
    try:
        with PngImagePlugin.PngImageFile(path) as image:  # Image.open refuses very large ones
            image = image.convert("RGB")
    except (OSError, SyntaxError, ValueError):  # SyntaxError: of Pillow, for a broken PNG
        return None
    image.thumbnail((size, size), Image.LANCZOS)
    return image


def _read_frame(step, path):
    """Return the frame of a grid, [H, W, 3] uint8; None if its file is damaged."""
    image = read_grid(path, _MAX_SIZE)
    return None if image is None else animation.with_text(np.asarray(image), f"step {step}", below=True)


def _small_enough(frames, format):
    """Return the animation with as many of the frames, evenly spaced, as its size allows, and a pause at the end."""
    images = animation.to_pil_frames(frames, format)
    while True:
        data = animation.encode(images, format, [_FRAME] * (len(images) - 1) + [_LAST_FRAME])
        if len(data) <= _MAX_BYTES or len(images) <= 2:
            return data
        images = images[::-1][::2][::-1]  # the last one stays


TASK = Task(name="timelapse", setting="timelapse", uses=(), describe=_describe, run=_run, memory_setting="timelapse")
