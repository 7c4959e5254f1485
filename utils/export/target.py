"""The folder that an export is published in, and model.json, which says what is needed to use its files."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints import identity
from utils.errors import UserError
from utils.output import files

_JSON = "model.json"


class Target:
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


def size_of(path):
    """Return the size of a file or folder, such as '1.2 MB'."""
    return f"{sum(map(os.path.getsize, _files_of(path))) / 1e6:.1f} MB"
