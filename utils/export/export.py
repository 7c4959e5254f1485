"""Export G, each format checked before it counts: a fresh Python, which does not know this program, reads the file and
must draw the same pictures as the sampler.
"""

import os
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import RunError
from utils.export.formats import FORMATS, OUTPUTS, names_of
from utils.export.target import Target, size_of
from utils.sampling import latents
from utils.sampling.pictures import generate, z_dim_of

_CHECKED = 16  # pictures
_CHECK = """
import sys
import numpy as np
{reader}
outputs = read(sys.argv[1], dict(np.load(sys.argv[2])))
np.savez(sys.argv[3], **outputs)
"""


def export(session, sampler, run, selected):
    """Export the generator of a checkpoint, a select.Selected, in the formats of run.export; yield lines on each.

    Raise UserError if the folder has an export of other weights, RunError after the other formats if one of them does
    not draw the same pictures, OSError if something cannot be written.
    """
    classes = selected.manifest.saved.classes
    target = Target(run, selected)
    inputs = {"z": (None, z_dim_of(sampler)), **({"labels": (None,)} if classes else {})}
    graph_def = _frozen(session)
    expected, feed = _reference(session, sampler, run, classes)
    failures = []
    with tempfile.TemporaryDirectory(prefix="dcgan-") as folder:
        for name in names_of(run.export):
            written = FORMATS[name].write(graph_def, inputs, OUTPUTS, folder)
            for file, allowed in written.items():
                path = os.path.join(folder, file)
                difference = _difference(FORMATS[name].reader, path, feed, expected, folder)
                if difference > allowed:
                    failures.append(f"{file} differs from the sampler by {difference} of 255")
                    continue
                published = target.publish(path, file, {"format": name, "largest_difference": difference})
                yield f"{published}: {size_of(published)}, {_CHECKED} pictures differ by at most {difference} of 255"
    target.describe(inputs, selected, classes)
    yield f"{target.json}: inputs, outputs and classes"
    if failures:
        raise RunError(f"not exported: {'; '.join(failures)}")


def _frozen(session):
    """Return the graph of the outputs with the weights as constants, a GraphDef."""
    graph_def = session.graph.as_graph_def()
    graph_def = tf.graph_util.convert_variables_to_constants(session, graph_def, list(OUTPUTS))
    return tf.graph_util.remove_training_nodes(graph_def, list(OUTPUTS))


def _reference(session, sampler, run, classes):
    """Return (the sampler's pictures, [16, H, W, C] uint8, and {input: value} that they are drawn from)."""
    z = latents.noise(run.sample_seed, latents.SAMPLES, _CHECKED, z_dim_of(sampler))
    labels = np.arange(_CHECKED, dtype=np.int32) % max(1, len(classes))
    pictures = np.concatenate(list(generate(session, sampler, z, labels)))
    return pictures, {"z": z, **({"labels": labels} if classes else {})}


def _difference(reader, path, feed, expected, folder):
    """Return by how much the pictures of a file differ from the expected ones, at most, of 255."""
    feed_path, result_path = os.path.join(folder, "inputs.npz"), os.path.join(folder, "outputs.npz")
    np.savez(feed_path, **feed)
    command = [sys.executable, "-c", _CHECK.format(reader=reader), path, feed_path, result_path]
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1")
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        last = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
        raise RunError(f"{os.path.basename(path)} cannot be read by its runtime ({last[0]}); it was not exported")
    with np.load(result_path) as outputs:
        images, floats = outputs["images"], outputs["images_float"]
    os.remove(result_path)
    if images.shape != expected.shape or images.dtype != np.uint8:
        raise RunError(f"{os.path.basename(path)} draws pictures {images.dtype} {images.shape}; it was not exported")
    differences = np.abs(images.astype(int) - expected), np.abs(np.float64(floats) * 127.5 + 127.5 - expected) - 0.5
    return max(int(np.ceil(each.max() - 1e-3)) for each in differences)
