"""A walk: an animation along a closed path through picks, or through the first samples of the seed.

z is uniform. On a straight line between two points, its variance is lower, and G generates pale images, because it was
not trained on such z. The path therefore goes through Gaussian space, z = erf(g / sqrt 2), by spherical interpolation
(White 2016, "Sampling generative networks", arXiv 1609.04468), which preserves mean and variance.
"""

import math

import numpy as np

from utils.config.startup import entry
from utils.errors import UserError
from utils.output import animation, files
from utils.output.alpha import composite
from utils.output.images import png
from utils.sampling import class_names, latents, naming, picks
from utils.sampling.directions import LIMIT, directions, moved
from utils.tasks.directions import SAMPLES, check_direction
from utils.tasks.task import Task

_KEY_POINTS = 6  # number of key points without picks
_FRAME = 40  # milliseconds
_STAGES_ALONG = 3  # a walk from one end of a direction to the other has this number of times `walk` frames
_MAX_FRAMES = 10000  # at scale 1: a 400-second walk; all frames are held in memory


def _describe(run):
    if run.picks:
        _times(run, len(picks.chosen(run)))  # raises UserError if the walk is impossible
    request = naming.announced(run, _kind(run))
    return [f"Generating a walk with {naming.checkpoint_name(run)}", entry("Animation", request.path(".gif"))]


def _kind(run):
    """Return the part of file names for everything that an animation depends on, except for its key points."""
    parts = [f"walk{run.walk}", f"along{run.along}" if run.along else "", "ease" if run.walk_ease else ""]
    parts += [f"hold{run.walk_hold:g}" if run.walk_hold else "", f"x{run.film_scale}" if run.film_scale > 1 else ""]
    return "_".join(filter(None, [*parts, "nearest" if run.film_scale > 1 and run.film_filter == "nearest" else ""]))


def film_look(run, generator):
    """Return the Look of the animations that the settings in `run` ask for."""
    return animation.Look(generator.background, run.film_scale, run.film_filter)


def write_walk(generator, run):
    """Write the animations and the film strip of a walk; yield lines with their paths.

    The key points are run.picks, or the first samples of the seed, whose classes alternate. The MP4 is only written if
    imageio-ffmpeg is installed. Errors: see samples.write_samples.
    """
    key_points, parts = _key_points(generator, run)
    request = naming.request(run, generator, _kind(run), parts)
    strip_path = request.path("_strip.png")
    naming.check_overwrite([strip_path], request.metadata)
    times = _times(run, len(key_points))
    z, fractions = picks.rows(key_points, generator, run.sample_seed)
    if run.along:
        check_direction("along", run.along, generator)
        z, fractions = path_along(z, fractions, directions(generator, run.along)[-1], times)
    else:
        z, fractions = closed_path(z, fractions, times)
    frames = list(generator.stream(z * np.float32(run.truncation), fractions))
    if run.along:  # the samples move side by side
        frames = [np.concatenate(row, axis=1) for row in zip(*[iter(frames)] * len(key_points))]
    look = film_look(run, generator)
    strip = composite(animation.strip(frames), look.background)
    files.write(strip_path, png(strip, request.metadata))
    films = animation.write_films(request.path, frames, (_FRAME, _FRAME), look=look)
    has_mp4 = animation.write_mp4(request.path(".mp4"), frames, _FRAME, look)
    written = [strip_path, *films, *([request.path(".mp4")] if has_mp4 else [])]
    yield f"A walk with {len(frames)} frames ({len(frames) * _FRAME / 1000:g} s): {', '.join(written)}"
    if not has_mp4:
        yield animation.MP4_HINT


def _key_points(generator, run):
    """Return the picks that the walk passes through, and the parts of its file name."""
    classes = generator.classes
    if run.picks:
        key_points = picks.chosen(run, generator)
        return key_points, [pick.text(classes) for pick in key_points]
    chosen = class_names.class_indices(run.classes, classes)
    labels, fewest = chosen or [0], SAMPLES if run.along else _KEY_POINTS
    key_points = [picks.Pick(labels[i % len(labels)], i) for i in range(max(fewest, len(labels)))]
    return key_points, [classes[i] for i in chosen] if run.classes else []


def slerp(a, b, t):
    """Interpolate between a and b, [D] each, spherically, or linearly if they are parallel; t: from 0 to 1."""
    cosine = float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-300))
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if math.sin(angle) < 1e-6:  # equal or opposite directions
        return (1 - t) * a + t * b
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)


def _times(run, n):
    """Return the times, from 0 to less than 1, of the frames from one key point to the next, or along a direction.

    n: the number of key points. Raise UserError if there are too few of them, or too few or too many frames.
    """
    stages = 2 if run.along else n  # the times are used for each of these stages; along a direction: there and back
    if n < 2 and not run.along:
        raise UserError(f"walk = {run.walk} needs at least two picks; add one to picks")
    hold = round(1000 * run.walk_hold / _FRAME)
    if isinstance(run.walk, str):  # the length of the whole animation in seconds
        frames = round(1000 * float(run.walk[:-1]) / _FRAME / stages) - hold
        if frames < 1:
            raise UserError(
                f"walk = {run.walk} is too short for {n} images with walk_hold = {run.walk_hold:g}; raise walk, or "
                "lower walk_hold"
            )
    else:
        frames = run.walk * (_STAGES_ALONG if run.along else 1)
    total = (frames + hold) * stages * (n if run.along else 1)
    if total * run.film_scale**2 > _MAX_FRAMES:
        size = f" at film_scale = {run.film_scale}" if run.film_scale > 1 else ""
        raise UserError(
            f"walk = {run.walk} through {n} images has {total} frames{size}, more than "
            f"{_MAX_FRAMES // run.film_scale**2}; lower walk, or choose fewer picks or classes"
        )
    times = np.arange(frames) / frames
    return np.concatenate([np.zeros(hold), times * times * (3 - 2 * times) if run.walk_ease else times])


def closed_path(z, fractions, times):
    """Return (z, classes) along a closed path through key points.

    z: [K, z_dim] float32; fractions: [K, n_classes] float32, of classes. times: [T], from 0, a key point, to 1, the
    next one. The returned z, [K * T, z_dim] float32, contains the key points unchanged. The returned fractions,
    [K * T, n_classes] float32, change linearly with time.
    """
    gaussian = latents.to_gaussian(z)
    path, classes = [], []
    for i in range(len(z)):
        j = (i + 1) % len(z)
        for t in times:
            path.append(z[i] if t == 0 else latents.to_uniform(slerp(gaussian[i], gaussian[j], t)))
            classes.append((1 - t) * fractions[i] + t * fractions[j])
    return np.asarray(path, np.float32), np.asarray(classes, np.float32)


def path_along(z, fractions, direction, times):
    """Return (z, classes) of key points that move along a direction and back: [2TK, z_dim] and [2TK, n_classes].

    z: [K, z_dim] float32; fractions: [K, n_classes] float32. times: [T], from 0, one end of the direction, to 1, the
    other end. The K points of a time are consecutive.
    """
    positions = -LIMIT * np.cos(np.pi * times)
    positions = np.concatenate([positions, -positions])
    paths = [moved(each, direction, positions) for each in z]
    return np.stack(paths, axis=1).reshape(-1, z.shape[1]), np.tile(fractions, (len(positions), 1))


TASK = Task(
    setting="walk",
    uses=(
        "along", "picks", "classes", "walk_ease", "walk_hold", "film_scale", "film_filter", "sample_seed", "truncation",
        "precision",
    ),
    describe=_describe,
    run=write_walk,
)  # fmt: skip
