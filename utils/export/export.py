"""Export G, each format checked before it counts: a fresh Python, which does not know this program, reads the file and
must draw the same images as the sampler.
"""

import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import RunError, reason_of
from utils.export import formats
from utils.export.frozen import OUTPUTS, Frozen
from utils.export.target import Target, size_of
from utils.output.alpha import premultiply, unpremultiply
from utils.sampling import picks

_CHECKED = 16  # images
_SHOWN = 24  # images that a page shows first where no picks are given
_CHECK = """
import sys
import numpy as np
{reader}
outputs = read(sys.argv[1], dict(np.load(sys.argv[2])))
np.savez(sys.argv[3], images=outputs["images"], images_float=outputs["images_float"])
"""


def export(generator, run):
    """Export a CheckpointGenerator in the formats of run.export; yield lines on each.

    Raise UserError if the folder has an export of other weights or a package is missing; RunError after the other
    formats if one of them cannot be written or read or does not draw the same images; OSError if its files cannot be
    put into the folder.
    """
    formats.check(run.export)
    target = Target(run.samples_dir, generator)
    network = _freeze(generator, run)
    expected, feed = _reference(generator, run)
    failures, published = [], []
    with tempfile.TemporaryDirectory(prefix="dcgan-") as folder:
        for name in formats.names_of(run.export):
            try:
                written = formats.FORMATS[name].write(network, folder)
            except Exception as error:  # converters, and their imports, raise anything
                failures.append(f"{name} ({type(error).__name__}: {reason_of(error)})")
                continue
            for file, allowed in written.items():
                path = os.path.join(folder, file)
                try:
                    difference = _difference(formats.FORMATS[name].reader, path, feed, expected, allowed)
                except RunError as error:
                    failures.append(str(error))
                    continue
                published.append(target.publish(path, file, {"format": name, "largest_difference": difference}))
                size = size_of(published[-1])
                yield f"{published[-1]}: {size}, {_CHECKED} images differ by at most {difference} of 255"
    if published:
        yield f"{target.json}: inputs, outputs and classes"
    if failures:
        raise RunError(f"not exported: {'; '.join(failures)}")


def _freeze(generator, run):
    """Return the Frozen network of a generator."""
    session, classes = generator.session, generator.classes
    graph_def = session.graph.as_graph_def()
    graph_def = tf.graph_util.convert_variables_to_constants(session, graph_def, list(OUTPUTS))
    shown = picks.parse(run.picks, classes) if run.picks else _first(len(classes))
    return Frozen(
        tf.graph_util.remove_training_nodes(graph_def, list(OUTPUTS)),
        {"z": (None, generator.z_dim), **({"labels": (None,)} if classes else {})},
        os.path.basename(generator.selected.manifest.run["pics_dir"]),
        generator.step,
        generator.image_shape,
        classes,
        shown,
        generator.noise([pick.number for pick in shown], run.sample_seed),
        generator.background,
    )


def _first(n_classes):
    """Return Picks that show what the network draws: the first numbers, of each class where there are not too many."""
    labels = range(min(max(1, n_classes), _SHOWN))
    return [picks.Pick(label, number) for label in labels for number in range(_SHOWN // len(labels))]


def _reference(generator, run):
    """Return (samples, [16, H, W, C] uint8, and {input: value} that they are drawn from)."""
    z, classes = generator.noise(range(_CHECKED), run.sample_seed), generator.classes
    labels = np.arange(_CHECKED, dtype=np.int32) % max(1, len(classes))
    images = np.concatenate(list(generator.batches(z, labels)))
    return images, {"z": z, **({"labels": labels} if classes else {})}


def _difference(reader, path, feed, expected, allowed):
    """Return by how much the images of a file differ from the expected ones, at most, of 255.

    Raise RunError if that is more than allowed, or if the file cannot be read.
    """
    folder, file = os.path.split(path)
    feed_path, result_path = os.path.join(folder, "inputs.npz"), os.path.join(folder, "outputs.npz")
    np.savez(feed_path, **feed)
    command = [sys.executable, "-c", _CHECK.format(reader=reader), path, feed_path, result_path]
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1")
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        reason = _reason(done.stdout.decode("utf-8", "replace"), done.returncode)
        raise RunError(f"{file} cannot be read by its runtime ({reason})")
    with np.load(result_path) as outputs:
        images, floats = outputs["images"], outputs["images_float"]
    os.remove(result_path)
    if not (images.shape == floats.shape == expected.shape and images.dtype == np.uint8):
        raise RunError(f"{file} draws images {images.dtype} {images.shape}")
    # Premultiplied: where hardly anything is opaque, the smallest difference makes another straight color.
    drawn, wanted = premultiply(images), premultiply(unpremultiply(expected))
    differences = np.abs(drawn.astype(int) - wanted), np.abs(np.float64(floats) * 127.5 + 127.5 - expected) - 0.5
    difference = max(int(np.ceil(each.max() - 1e-3)) for each in differences)
    if difference > allowed:
        raise RunError(f"{file} differs from the sampler by {difference} of 255")
    return difference


def _reason(output, code):
    """Return the line of a failed program's output that says why: the last one that is not part of a stack."""
    lines = [line for line in output.splitlines() if line.strip() and not re.match(r"\s|at |#|=|<", line)]
    return lines[-1] if lines else f"exit code {code}"
