"""The folder that an export is published in, and model.json, which says what is needed to use its files."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints.run_id import short_run_id
from utils.errors import UserError
from utils.output import files
from utils.runtime.lock import locked

_JSON = "model.json"


class Target:
    """The folder that an export is published in. Several commands may export into it at once."""

    def __init__(self, samples_dir, generator):
        """generator: a CheckpointGenerator; raise UserError if the folder has an export of other weights."""
        self._content = _content(generator)
        name = f"export_{generator.step:08d}_run{short_run_id(generator.run_id)}"
        self._folder, self._lock = os.path.join(samples_dir, name), os.path.join(samples_dir, f".{name}.lock")
        self.json = os.path.join(self._folder, _JSON)
        self._described()

    def publish(self, path, name, facts):
        """Put a file or folder that was written elsewhere in place of the former one, and describe it in model.json.

        Return its path. facts: what model.json says about it.
        """
        os.makedirs(self._folder, exist_ok=True)
        published = os.path.join(self._folder, name)
        part = f"{published}.{secrets.token_hex(4)}.part"
        try:
            (shutil.copytree if os.path.isdir(path) else shutil.copyfile)(path, part)
            described = {name + each[len(part) :].replace(os.sep, "/"): _facts(each, facts) for each in _files_of(part)}
            with locked(self._lock, lambda: None):
                others = {each: of for each, of in self._described().items() if each.split("/")[0] != name}
                self._describe(others)  # first: whatever stops this, no file has the checksum of another one
                _remove(published)
                os.replace(part, published)
                self._describe(dict(others, **described))
        finally:
            _remove(part)
        return published

    def _described(self):
        """Return what model.json says about the files, {} where there is none; raise UserError as above."""
        with contextlib.suppress(FileNotFoundError):
            with open(self.json, "rb") as file:
                content = _read_json(file)
            if content is None:
                raise UserError(f"{self.json} is damaged; remove it, or choose another --samples_dir")
            if content.get("weights") != self._content["weights"]:
                raise UserError(
                    f"{self._folder} has an export of other weights; move it away, or choose another --samples_dir"
                )
            return content.get("files", {})
        return {}

    def _describe(self, described):
        content = dict(self._content, files=described)
        files.write(self.json, (json.dumps(content, indent=2) + "\n").encode("ascii"))


def _content(generator):
    """Return what is needed to use the files: the content of model.json, but for the files."""
    network, classes = generator.selected.manifest.network, generator.classes
    inputs = {"z": {"shape": [None, generator.z_dim], "dtype": "float32", "law": "uniform in [-1, 1), independent"}}
    if classes:
        inputs["labels"] = {"shape": [None], "dtype": "int32", "classes": list(classes)}
    shape = [None, network.height, network.width, network.channels]
    outputs = {
        "images": {"shape": shape, "dtype": "uint8", "range": [0, 255]},
        "images_float": {"shape": shape, "dtype": "float32", "range": [-1, 1]},
    }
    if network.channels == 4:
        outputs["images"]["colours"] = "straight"
        outputs["images_float"]["colours"] = "premultiplied by alpha"
    return {
        "run": generator.run_id,
        "step": generator.step,
        "weights": generator.weights,
        "inputs": inputs,
        "outputs": outputs,
        "network": network._asdict(),
        "versions": {"tensorflow": tf.__version__, "numpy": np.__version__},
    }


def _facts(path, facts):
    with open(path, "rb") as file:
        return dict(facts, bytes=os.path.getsize(path), sha256=hashlib.sha256(file.read()).hexdigest())


def _remove(path):
    """Remove a file or a folder that may be there."""
    with contextlib.suppress(FileNotFoundError):
        (shutil.rmtree if os.path.isdir(path) else os.remove)(path)


def _read_json(file):
    """Return the content of a model.json; None if it is damaged."""
    try:
        content = json.loads(file.read().decode("utf-8"))
    except ValueError:
        return None
    is_whole = isinstance(content, dict) and isinstance(content.get("files"), dict)
    return content if is_whole else None


def _files_of(path):
    """Return the files at or below a path."""
    if os.path.isfile(path):
        return [path]
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)


def size_of(path):
    """Return the size of a file or folder, such as '1.2 MB'."""
    return f"{sum(map(os.path.getsize, _files_of(path))) / 1e6:.1f} MB"
