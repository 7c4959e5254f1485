"""A walk: an animation along a closed path through picks, or through the first samples of the seed.

z is uniform. On a straight line between two points, its variance is lower, and G generates pale images, because it was
not trained on such z. The path therefore goes through Gaussian space, z = erf(g / sqrt 2), by spherical interpolation
(White 2016, "Sampling generative networks", arXiv 1609.04468), which preserves mean and variance.
"""

import math

import numpy as np

from utils.config.startup import entry
from utils.output import animation, files
from utils.output.alpha import composite
from utils.output.images import png
from utils.sampling import class_names, naming, picks
from utils.tasks.task import Task

_KEY_POINTS = 6  # number of key points without picks
_FRAME = 40  # milliseconds
_EDGE = 1 - 2.0**-24  # the largest |z| with a finite Gaussian
_erf = np.vectorize(math.erf, otypes=[np.float64])


def _describe(run):
    if run.picks:
        picks.check_walk(run.walk, picks.parse(run.picks, classes=None))
    request = naming.announced(run, f"walk{run.walk}")
    return [f"Generating a walk with {naming.checkpoint_name(run)}", entry("Animation", request.path(".gif"))]


def write_walk(generator, run):
    """Write the animations and the film strip of a walk; yield lines with their paths.

    The key points are run.picks, or the first samples of the seed, whose classes alternate. The MP4 is only written if
    imageio-ffmpeg is installed. Errors: see samples.write_samples.
    """
    classes = generator.classes
    if run.picks:
        key_points = picks.parse(run.picks, classes)
        parts = [pick.text(classes) for pick in key_points]
    else:
        chosen = class_names.class_indices(run.classes, classes)
        labels = chosen or [0]
        key_points = [picks.Pick(labels[i % len(labels)], i) for i in range(max(_KEY_POINTS, len(labels)))]
        parts = [classes[i] for i in chosen] if run.classes else []
    picks.check_walk(run.walk, key_points)
    request = naming.request(run, generator, f"walk{run.walk}", parts)
    strip_path = request.path("_strip.png")
    naming.check_overwrite([strip_path], request.metadata)
    z = generator.noise([pick.number for pick in key_points], run.sample_seed)
    z, fractions = closed_path(z, [pick.label for pick in key_points], len(classes), run.walk)
    images = generator.stream(z * np.float32(run.truncation), fractions if classes else None)
    frames = [composite(image, generator.background) for image in images]
    files.write(strip_path, png(animation.strip(frames), request.metadata))
    films = animation.write_films(request.path, frames, (_FRAME, _FRAME))
    has_mp4 = animation.write_mp4(request.path(".mp4"), frames, _FRAME)
    written = [strip_path, *films, *([request.path(".mp4")] if has_mp4 else [])]
    yield f"A walk with {len(frames)} frames ({len(frames) * _FRAME / 1000:g} s): {', '.join(written)}"
    if not has_mp4:
        yield animation.MP4_HINT


def to_gaussian(z):
    """Return g with erf(g / sqrt 2) = z: Gaussian if z, of any shape, is uniform in [-1, 1]."""
    z = np.clip(np.asarray(z, np.float64), -_EDGE, _EDGE)
    low, high = np.full(z.shape, -6.0), np.full(z.shape, 6.0)
    for _ in range(50):  # bisection, to 1e-14
        middle = (low + high) / 2
        is_below = _erf(middle / math.sqrt(2)) < z
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return (low + high) / 2


def to_uniform(gaussian):
    """Return z = erf(g / sqrt 2), float32 in [-1, 1], of any shape."""
    return np.asarray(_erf(gaussian / math.sqrt(2)), np.float32)


def slerp(a, b, t):
    """Interpolate between a and b, [D] each, spherically, or linearly if they are parallel; t: from 0 to 1."""
    cosine = float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-300))
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if math.sin(angle) < 1e-6:  # equal or opposite directions
        return (1 - t) * a + t * b
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)


def closed_path(z, labels, n_classes, frames):
    """Return (z, classes) along a closed path through key points, with `frames` frames from each to the next.

    z: [K, z_dim] float32; labels: [K] int. The returned z, [K * frames, z_dim] float32, contains the key points
    unchanged. The returned classes, [K * frames, n_classes] float32, are fractions of classes, which change linearly.
    """
    gaussian, one_hot = to_gaussian(z), np.eye(max(n_classes, 1), dtype=np.float32)[labels]
    path, classes = [], []
    for i in range(len(z)):
        j = (i + 1) % len(z)
        for t in np.arange(frames) / frames:
            path.append(z[i] if t == 0 else to_uniform(slerp(gaussian[i], gaussian[j], t)))
            classes.append((1 - t) * one_hot[i] + t * one_hot[j])
    return np.asarray(path, np.float32), np.asarray(classes, np.float32)


TASK = Task(
    setting="walk",
    uses=("picks", "classes", "sample_seed", "truncation", "precision"),
    describe=_describe,
    run=write_walk,
)
