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
from utils.sampling import class_names, latents, naming, picks
from utils.tasks.task import Task

_KEY_POINTS = 6  # number of key points without picks
_FRAME = 40  # milliseconds


def _describe(run):
    if run.picks:
        picks.check_walk(run.walk, picks.chosen(run))
    request = naming.announced(run, f"walk{run.walk}")
    return [f"Generating a walk with {naming.checkpoint_name(run)}", entry("Animation", request.path(".gif"))]


def write_walk(generator, run):
    """Write the animations and the film strip of a walk; yield lines with their paths.

    The key points are run.picks, or the first samples of the seed, whose classes alternate. The MP4 is only written if
    imageio-ffmpeg is installed. Errors: see samples.write_samples.
    """
    classes = generator.classes
    if run.picks:
        key_points = picks.chosen(run, generator)
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
    z, fractions = closed_path(*picks.rows(key_points, generator, run.sample_seed), run.walk)
    images = generator.stream(z * np.float32(run.truncation), fractions if classes else None)
    frames = [composite(image, generator.background) for image in images]
    files.write(strip_path, png(animation.strip(frames), request.metadata))
    films = animation.write_films(request.path, frames, (_FRAME, _FRAME))
    has_mp4 = animation.write_mp4(request.path(".mp4"), frames, _FRAME)
    written = [strip_path, *films, *([request.path(".mp4")] if has_mp4 else [])]
    yield f"A walk with {len(frames)} frames ({len(frames) * _FRAME / 1000:g} s): {', '.join(written)}"
    if not has_mp4:
        yield animation.MP4_HINT


def slerp(a, b, t):
    """Interpolate between a and b, [D] each, spherically, or linearly if they are parallel; t: from 0 to 1."""
    cosine = float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-300))
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if math.sin(angle) < 1e-6:  # equal or opposite directions
        return (1 - t) * a + t * b
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)


def closed_path(z, fractions, frames):
    """Return (z, classes) along a closed path through key points, with `frames` frames from each to the next.

    z: [K, z_dim] float32; fractions: [K, n_classes] float32, of classes. The returned z, [K * frames, z_dim] float32,
    contains the key points unchanged. The returned fractions, [K * frames, n_classes] float32, change linearly.
    """
    gaussian = latents.to_gaussian(z)
    path, classes = [], []
    for i in range(len(z)):
        j = (i + 1) % len(z)
        for t in np.arange(frames) / frames:
            path.append(z[i] if t == 0 else latents.to_uniform(slerp(gaussian[i], gaussian[j], t)))
            classes.append((1 - t) * fractions[i] + t * fractions[j])
    return np.asarray(path, np.float32), np.asarray(classes, np.float32)


TASK = Task(
    setting="walk",
    uses=("picks", "classes", "sample_seed", "truncation", "precision"),
    describe=_describe,
    run=write_walk,
)
