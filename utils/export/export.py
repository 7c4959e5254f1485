"""Export G, each format checked before it counts: a fresh Python, which does not know this program, reads the file and
must draw the same pictures as the sampler.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints import identity
from utils.errors import RunError, UserError
from utils.export.formats import FORMATS, OUTPUTS, names_of
from utils.output import files
from utils.sampling import latents
from utils.sampling.pictures import generate, z_dim_of

_CHECKED = 16  # pictures
_JSON = "model.json"
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
    target = _Target(run, selected)
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
                yield f"{published}: {_size(published)}, {_CHECKED} pictures differ by at most {difference} of 255"
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


class _Target:
    """The folder that an export is published in."""

    def __init__(self, run, selected):
        self._step, self._run_id = selected.checkpoint.step, identity.of(selected.manifest)
        self._weights = selected.weights
        self._folder = os.path.join(run.samples_dir, f"export_{self._step:08d}_run{identity.short(self._run_id)}")
        self.json, self._files = os.path.join(self._folder, _JSON), {}
        os.makedirs(self._folder, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            with open(self.json, "rb") as file:
                former = _read_json(file)
            if former.get("weights") != self._weights:
                raise UserError(
                    f"{self._folder} has an export of other weights; move it away, or choose another --samples_dir"
                )
            self._files = former.get("files", {})

    def publish(self, path, name, facts):
        """Put a file or folder that was written elsewhere in place of the former one; return its path."""
        published = os.path.join(self._folder, name)
        part = f"{published}.{secrets.token_hex(4)}.part"
        copy = shutil.copytree if os.path.isdir(path) else shutil.copyfile
        copy(path, part)
        if os.path.isdir(published):
            shutil.rmtree(published)
        os.replace(part, published)
        self._files = {each: of for each, of in self._files.items() if each.split("/")[0] != name}
        for each in _files_of(published):
            with open(each, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            relative = os.path.relpath(each, self._folder).replace(os.sep, "/")
            self._files[relative] = dict(facts, bytes=os.path.getsize(each), sha256=digest)
        return published

    def describe(self, inputs, selected, classes):
        """Write model.json, which says what is needed to use the files."""
        network = selected.manifest.network
        size, channels = network.image_size, network.channels
        ends = {"z": {"shape": [None, inputs["z"][1]], "dtype": "float32", "law": "uniform in [-1, 1), independent"}}
        if classes:
            ends["labels"] = {"shape": [None], "dtype": "int32", "classes": list(classes)}
        shape = [None, size, size, channels]
        content = {
            "run": self._run_id,
            "step": self._step,
            "weights": self._weights,
            "inputs": ends,
            "outputs": {
                "images": {"shape": shape, "dtype": "uint8", "range": [0, 255]},
                "images_float": {"shape": shape, "dtype": "float32", "range": [-1, 1]},
            },
            "network": network._asdict(),
            "versions": {"tensorflow": tf.__version__, "numpy": np.__version__},
            "files": self._files,
        }
        files.write(self.json, (json.dumps(content, indent=2) + "\n").encode("ascii"))


def _read_json(file):
    try:
        content = json.loads(file.read().decode("utf-8"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _files_of(path):
    """Return the files at or below a path."""
    if os.path.isfile(path):
        return [path]
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)


def _size(path):
    return f"{sum(map(os.path.getsize, _files_of(path))) / 1e6:.1f} MB"
