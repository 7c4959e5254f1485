"""The folder of an export, and its model.json, which describes the files and how to use them."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints.run_id import short_run_id
from utils.errors import UserError
from utils.output import files
from utils.runtime.lock import locked


class Target:
    """The folder of an export. Several commands may export to it at the same time.

    json: the path of its model.json.
    """

    def __init__(self, samples_dir, generator):
        """generator: a CheckpointGenerator. Raise UserError if the folder contains an export of different weights."""
        self._content = _content(generator)
        name = f"export_{generator.step:08d}_run{short_run_id(generator.run_id)}"
        self._folder, self._lock = pathlib.Path(samples_dir, name), os.path.join(samples_dir, f".{name}.lock")
        self.json = self._folder / "model.json"
        self._read_json()

    def publish(self, path, facts):
        """Move a file or folder to the export folder, replacing an earlier version, and describe it in model.json.

        path: a pathlib.Path on the same file system as samples_dir. facts: the entry in model.json for each file,
        without size and checksum. Return the new path and the size in bytes.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        published = self._folder / path.name
        written = sorted(each for each in path.rglob("*") if each.is_file()) or [path]
        new = {(path.name / each.relative_to(path)).as_posix(): {**facts, **_checksum(each)} for each in written}
        for each in written:
            files.fsync_file(str(each))
        with locked(self._lock, lambda: None):
            others = {each: value for each, value in self._read_json().items() if each.split("/")[0] != path.name}
            self._write_json(others)  # first, so that no file has a wrong checksum after an interrupt
            with contextlib.suppress(FileNotFoundError):
                (shutil.rmtree if published.is_dir() else os.remove)(str(published))
            os.replace(str(path), str(published))
            self._write_json({**others, **new})
        return published, sum(each["bytes"] for each in new.values())

    def _read_json(self):
        """Return the files listed in model.json, {} if it does not exist.

        Raise UserError if model.json is damaged or describes an export of different weights.
        """
        try:
            content = json.loads(self.json.read_text("utf-8"))
            described, weights = {**content["files"]}, content.get("weights")
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{self.json} is damaged; remove it, or choose another --samples_dir")
        if weights != self._content["weights"]:
            raise UserError(
                f"{self._folder} has an export of different weights; move it elsewhere, or choose another --samples_dir"
            )
        return described

    def _write_json(self, described):
        content = dict(self._content, files=described)
        files.write(self.json, (json.dumps(content, indent=2) + "\n").encode("ascii"), sync=True)


def _content(generator):
    """Return the content of model.json without the files."""
    inputs = {"z": {"shape": [None, generator.z_dim], "dtype": "float32", "law": "uniform in [-1, 1), independent"}}
    if generator.classes:
        inputs["labels"] = {"shape": [None], "dtype": "int32", "classes": list(generator.classes)}
        inputs["labels"].update(range=[0, len(generator.classes) - 1], out_of_range="clamped")
    shape = [None, *generator.image_shape]
    images = {"shape": shape, "dtype": "uint8", "range": [0, 255]}
    floats = {"shape": shape, "dtype": "float32", "range": [-1, 1]}
    if shape[-1] == 4:
        images["colours"], floats["colours"] = "straight", "premultiplied by alpha"
    return {
        "run": generator.run_id,
        "step": generator.step,
        "weights": generator.weights,
        "inputs": inputs,
        "outputs": {"images": images, "images_float": floats},
        "network": generator.selected.manifest.network._asdict(),
        "versions": {"tensorflow": tf.__version__, "numpy": np.__version__},
    }


def _checksum(path):
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
