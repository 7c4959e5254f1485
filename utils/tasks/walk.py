"""A walk: a film on a closed path through picks, or through the first samples of the seed."""

import numpy as np

from utils.config.startup import entry
from utils.output import animation, files
from utils.output.alpha import composite
from utils.output.images import png
from utils.sampling import latents, naming, paths, picks
from utils.tasks.task import Task

_KEY_POINTS = 6  # if there are no picks
_FRAME = 40  # milliseconds


def _describe(run):
    request = naming.announced(run, f"walk{run.walk}", "picks" if run.picks else "classes" if run.classes else "")
    return [f"Making a walk with {naming.checkpoint_name(run)}", entry("Film", request.path(".gif"))]


def _check(run):
    if run.picks:
        picks.check_walk(run.walk, picks.parse(run.picks, classes=None))


def write_walk(generator, run):
    """Write the films and the strip of run.walk; yield lines with their paths.

    The key points are run.picks, or the first samples of the seed, whose classes alternate. Errors: see
    samples.write_samples.
    """
    classes = generator.classes
    if run.picks:
        key_points = picks.parse(run.picks, classes)
        parts = [pick.text(classes) for pick in key_points]
    else:
        labels = latents.class_indices(run.classes, classes) or [0]
        key_points = [picks.Pick(labels[i % len(labels)], i) for i in range(max(_KEY_POINTS, len(labels)))]
        parts = [classes[i] for i in labels] if run.classes else []
    picks.check_walk(run.walk, key_points)
    request = naming.request(run, generator, f"walk{run.walk}", parts)
    strip_path = request.path("_strip.png")
    naming.check_overwrite([strip_path], request.metadata)
    z = generator.noise([pick.number for pick in key_points], run.sample_seed)
    z, shares = paths.closed_path(z, [pick.label for pick in key_points], len(classes), run.walk)
    images = generator.stream(z * np.float32(run.truncation), shares if classes else None)
    frames = [composite(image, generator.background) for image in images]
    files.write(strip_path, png(animation.strip(frames), request.metadata))
    films = animation.write_films(request.path, lambda format: animation.animate(frames, format, _FRAME))
    has_mp4 = animation.write_mp4(request.path(".mp4"), frames, _FRAME)
    written = [strip_path, *films, *([request.path(".mp4")] if has_mp4 else [])]
    yield f"A walk of {len(frames)} frames, {len(frames) * _FRAME / 1000:g} s: {', '.join(written)}"
    if not has_mp4:
        yield animation.MP4_HINT


TASK = Task(
    name="walk",
    setting="walk",
    uses=("picks", "classes", "sample_seed", "truncation", "precision"),
    describe=_describe,
    run=write_walk,
    memory_setting="walk",
    check=_check,
)
