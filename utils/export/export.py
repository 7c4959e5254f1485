"""Export G and check each file: a fresh Python process without this program must generate the same images.

If the packages in formats.CHECKERS are missing, files are published unchecked.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import RunError, reason_of
from utils.export import formats
from utils.export.frozen import OUTPUTS, Frozen
from utils.export.target import Target
from utils.output.alpha import premultiply, unpremultiply
from utils.output.files import plain_folder
from utils.sampling import picks

_CHECKED = 16  # images
_SHOWN = 24  # images that a page shows at first if `picks` is not set
_CHECK = """
import sys
import numpy as np
{reader}
outputs = read(sys.argv[1], dict(np.load(sys.argv[2])))
np.savez(sys.argv[3], images=outputs["images"], images_float=outputs["images_float"])
"""


def export(generator, run):
    """Export a CheckpointGenerator in the formats of run.export; yield a line for each file.

    Raise UserError if the folder contains an export of different weights or a package is missing. Raise RunError, after
    all formats, if a file cannot be written or read or generates different images. Raise OSError if a file cannot be
    published.
    """
    chosen = formats.parse(run.export)
    target = Target(run.samples_dir, generator)
    feed, expected = _reference(generator, run.sample_seed)
    frozen = _freeze(generator, run, feed)
    failures, any_published = [], False
    # The temporary folder is inside samples_dir, so that checked files only need to be moved.
    with tempfile.TemporaryDirectory(prefix=".export-", dir=run.samples_dir) as parent, plain_folder(parent) as plain:
        folder = pathlib.Path(plain)
        for name, module in chosen.items():
            try:
                tolerances = module.write(frozen, folder)
            except Exception as error:  # converters and their imports raise exceptions of any type
                failures.append(f"{name} ({type(error).__name__}: {reason_of(error)})")
                continue
            command = formats.missing(formats.CHECKERS, name)  # installs what the check needs
            for file, tolerance in tolerances.items():
                try:
                    difference = None if command else _check(folder / file, module.READER, feed, expected, tolerance)
                except RunError as error:
                    failures.append(str(error))
                    continue
                published, size = target.publish(folder / file, {"format": name, "largest_difference": difference})
                any_published = True
                result = f"{_CHECKED} images differ by at most {difference} of 255"
                if command:
                    result = f"not checked; to check it, run {command!r} and export again"
                yield f"{published}: {size / 1e6:.1f} MB, {result}"
    if any_published:
        yield f"{target.json}: inputs, outputs and classes"
    if failures:
        raise RunError(f"not exported: {'; '.join(failures)}")


def _reference(generator, seed):
    """Return the inputs for 16 images, {name: value}, and the sampler's images, [16, H, W, C] uint8."""
    z, n_classes = generator.noise(range(_CHECKED), seed), len(generator.classes)
    labels = np.arange(_CHECKED, dtype=np.int32) % max(1, n_classes)
    images = np.concatenate(list(generator.batches(z, labels)))
    return {"z": z, **({"labels": labels} if n_classes else {})}, images


def _freeze(generator, run, feed):
    """Return the generator as a Frozen; feed: a value for each input."""
    session, classes = generator.session, generator.classes
    graph_def = session.graph.as_graph_def()
    graph_def = tf.graph_util.convert_variables_to_constants(session, graph_def, list(OUTPUTS))
    graph_def = tf.graph_util.remove_training_nodes(graph_def, list(OUTPUTS))
    inputs = {name: (None, *value.shape[1:]) for name, value in feed.items()}
    shown = picks.chosen(run, generator) if run.picks else _default_picks(len(classes))
    z, fractions = picks.rows(shown, generator, run.sample_seed)
    points = [{"name": pick.text(classes), "classes": row.tolist()} for pick, row in zip(shown, fractions)]
    return Frozen(graph_def, inputs, generator, points, z)


def _default_picks(n_classes):
    """Return at most 24 Picks: the first numbers of each class, or of the first 24 classes if there are more."""
    labels = range(min(max(1, n_classes), _SHOWN))
    return [picks.Pick(label, number) for label in labels for number in range(_SHOWN // len(labels))]


def _check(path, reader, feed, expected, tolerance):
    """Return the largest difference, 0 to 255, between the images from an exported file and the expected images.

    Raise RunError if the difference exceeds the tolerance, if the images have the wrong shape or type, or if the file
    cannot be read.
    """
    np.savez(str(path.parent / "inputs.npz"), **feed)
    command = [sys.executable, "-c", _CHECK.format(reader=reader), path.name, "inputs.npz", "outputs.npz"]
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1")
    try:
        subprocess.check_output(command, cwd=str(path.parent), env=environment, stderr=subprocess.STDOUT)
    except subprocess.CalledProcessError as error:
        raise RunError(f"{path.name} cannot be read by its runtime ({_failure(error.output, error.returncode)})")
    with np.load(str(path.parent / "outputs.npz")) as outputs:
        images, floats = outputs["images"], outputs["images_float"]
    if not (images.shape == floats.shape == expected.shape and images.dtype == np.uint8):
        raise RunError(f"{path.name} generates {images.dtype} images of shape {images.shape}")
    # Compare premultiplied colors: if alpha is low, a difference of 1 changes a straight color completely.
    by_images = np.abs(premultiply(images).astype(int) - premultiply(unpremultiply(expected)))
    by_floats = np.abs(np.float64(floats) * 127.5 + 127.5 - expected) - 0.5
    difference = int(np.ceil(max(by_images.max(), by_floats.max()) - 1e-3))
    if difference > tolerance:
        raise RunError(f"{path.name} differs from the sampler by {difference} of 255")
    return difference


def _failure(output, code):
    """Return the reason from the output of a failed process: the last line outside a stack trace, or the exit code.

    A process that a signal has ended may have printed only notices: its signal is always named.
    """
    lines = output.decode("utf-8", "replace").splitlines()
    lines = [line for line in lines if line.strip() and not re.match(r"\s|at |#|=|<|\*", line)]
    ending = [f"signal {-code}"] if code < 0 else [] if lines else [f"exit code {code}"]
    return "; ".join(lines[-1:] + ending)
