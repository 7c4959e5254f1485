"""Films: a walk through the noise, and the time-lapse of a training."""

import glob
import os
import re

import numpy as np
from PIL import Image, PngImagePlugin

from utils.output import animation, files
from utils.output.alpha import on_background
from utils.output.images import note_of, png
from utils.output.terminal import say
from utils.sampling import latents, naming, picks, walk
from utils.sampling.generation import with_progress, z_dim_of

_KEY_POINTS = 6  # of a walk without picks: the first samples of the seed
_WALK_FRAME = 40  # milliseconds
_LAPSE_FRAMES, _LAPSE_FRAME, _LAPSE_PAUSE = 100, 80, 2000  # at most; milliseconds of each, and of the last one
_LAPSE_SIZE = 512  # pixels: the longest side of its pictures
_LAPSE_BYTES = 10 * 10**6


def write_walk(session, sampler, run, selected, chosen):
    """Write the films and the strip of run.walk; return lines that say where they are.

    The key points are run.picks or the first samples of the seed, of the chosen classes in turn. Arguments and errors:
    as of generation.write_samples.
    """
    classes = selected.manifest.saved.classes
    if run.picks:
        key_points = picks.parse(run.picks, classes)
        parts = [pick.text(classes) for pick in key_points]
    else:
        labels = chosen or [0]
        key_points = [picks.Pick(labels[i % len(labels)], i) for i in range(max(_KEY_POINTS, len(labels)))]
        parts = [classes[i] for i in chosen] if run.classes else []
    picks.check_walk(run.walk, key_points)
    request = naming.request(run, selected, f"walk{run.walk}", parts)
    strip_path = request.path("_strip.png")
    naming.refuse_others([strip_path], request.note)
    numbers = [pick.number for pick in key_points]
    z = latents.noise_of(run.sample_seed, latents.SAMPLES, numbers, z_dim_of(sampler))
    z, shares = walk.closed_path(z, [pick.label for pick in key_points], len(classes), run.walk)
    labels = shares if classes else np.zeros(len(z), np.int32)
    pictures = with_progress(session, sampler, z * np.float32(run.truncation), labels)
    frames = [on_background(picture, run.background) for picture in pictures]
    files.write(strip_path, png(animation.strip(frames), request.note))
    films = _write_films(request.path, lambda format: animation.animated(frames, format, _WALK_FRAME))
    paths = [strip_path, *films]
    lines = [f"A walk of {len(frames)} frames, {len(frames) * _WALK_FRAME / 1000:g} s: {', '.join(paths)}"]
    if animation.write_mp4(request.path(".mp4"), frames, _WALK_FRAME):
        lines[0] += f", {request.path('.mp4')}"
    else:
        lines.append(animation.MP4_HINT)
    return lines


def _write_films(path_of, animate):
    """Write the animations that Pillow can; return their paths.

    path_of: returns the path for an ending. animate: returns the animation, bytes, for a format.
    """
    paths = []
    for format in ("GIF", "WEBP"):
        data = animate(format)
        if data:
            paths.append(path_of("." + format.lower()))
            files.write(paths[-1], data)
    return paths


def write_timelapse(samples_dir, run_id):
    """Write timelapse.gif and .webp of the grids train_<step>.png of a run; return a line that says so.

    Grids of other sizes than the last one, after a change of train_samples, and damaged ones are left out. '' if fewer
    than two are left. Raise OSError if it cannot be written.
    """
    grids = [grid for grid in grid_files(samples_dir) if is_of_run(grid[1], run_id)]
    if len(grids) < 2:
        return ""
    chosen = np.unique(np.linspace(0, len(grids) - 1, min(_LAPSE_FRAMES, len(grids))).round().astype(int))
    say(f"Making the time-lapse of {len(chosen)} grids.")
    frames = [frame for frame in (_lapse_frame(*grids[i]) for i in chosen) if frame is not None]
    frames = [frame for frame in frames if frame.shape == frames[-1].shape]
    if len(frames) < 2:
        return ""
    stem = os.path.join(samples_dir, "timelapse")
    paths = _write_films(lambda ending: stem + ending, lambda format: _small_enough(frames, format))
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
    return note_of(path).get("run", run_id) == run_id


def read_grid(path, size):
    """Return the grid in a file as an RGB image of at most `size` pixels a side; None if it is damaged."""
    try:
        with PngImagePlugin.PngImageFile(path) as picture:  # Image.open refuses very large ones
            picture = picture.convert("RGB")
    except (OSError, SyntaxError, ValueError):  # SyntaxError: of Pillow, for a broken PNG
        return None
    picture.thumbnail((size, size), Image.LANCZOS)
    return picture


def _lapse_frame(step, path):
    """Return the frame of a grid, [H, W, 3] uint8; None if its file is damaged."""
    picture = read_grid(path, _LAPSE_SIZE)
    return None if picture is None else animation.with_text(np.asarray(picture), f"step {step}", below=True)


def _small_enough(frames, format):
    """Return the animation with as many of the frames, evenly spaced, as its size allows, and a pause at the end."""
    images = animation.images_of(frames, format)
    while True:
        data = animation.encoded(images, format, [_LAPSE_FRAME] * (len(images) - 1) + [_LAPSE_PAUSE])
        if len(data) <= _LAPSE_BYTES or len(images) <= 2:
            return data
        images = images[::-1][::2][::-1]  # the last one stays
