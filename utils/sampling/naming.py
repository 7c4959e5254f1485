"""File names of samples: run, step, seed, class and number, so that no request overwrites the files of another."""

import hashlib
import os
import re
from typing import Any, NamedTuple

from utils.checkpoints.run_id import short_run_id
from utils.config.rules import file_name
from utils.errors import UserError
from utils.output.images import read_metadata
from utils.sampling.projected import Projected

_MAX_NAME = 60  # characters of classes or picks in a file name; most file systems allow 255 bytes, some only 143


class Request(NamedTuple):
    """The files of one request for samples."""

    run: Any  # the settings
    run_id: str  # identity of the run that trained the generator
    step: str  # step of the checkpoint, in eight digits
    weights: str  # digest of the weights
    what: str  # which samples of this sample_seed

    @property
    def _stem(self):
        truncation = "" if self.run.truncation == 1 else f"_truncation{self.run.truncation!r}"
        return f"sample_{self.step}_seed{self.run.sample_seed}_run{short_run_id(self.run_id)}{truncation}"

    def path(self, ending):
        """Return the path with an ending, such as '.png' for the grid; '' for the folder of single files."""
        return os.path.join(self.run.samples_dir, f"{self._stem}_{self.what}{ending}")

    def singles(self, chosen, classes, folder_size):
        """Return the paths of the single files of these picks; classes: all names.

        More than `folder_size` files go into subfolders of that size, because many tools are slow with larger folders.
        """
        parts = [f"_{_short([name])}" for name in classes] or [""]
        ends = [
            f"_{_short([pick.name])}" if isinstance(pick, Projected) else f"{parts[pick.label]}_{pick.number:05d}"
            for pick in chosen
        ]
        names = [f"{self._stem}{end}.png" for end in ends]
        if len(names) > folder_size:
            names = [os.path.join(f"{i // folder_size:03d}", name) for i, name in enumerate(names)]
        return [os.path.join(self.path(""), name) for name in names]

    @property
    def metadata(self):
        """The metadata of each PNG: what its samples depend on, except for classes and numbers."""
        metadata = {"run": self.run_id, "step": int(self.step), "seed": self.run.sample_seed, "weights": self.weights}
        if self.run.truncation != 1:
            metadata["truncation"] = self.run.truncation
        if self.run.precision not in ("auto", "float32"):
            metadata["precision"] = self.run.precision
        return metadata


def request(run, generator, kind, parts):
    """Return the Request for the settings in `run` and a CheckpointGenerator.

    kind, parts: such as "n64" and class names, or "picks" and the picks as text.
    """
    what = f"{kind}_{_short(parts)}" if parts else kind
    return Request(run, generator.run_id, f"{generator.step:08d}", generator.weights, what)


def announced(run, kind):
    """Return a Request whose paths are printed at startup, with <step>, <id>, and perhaps <picks> or <classes>."""
    parts = "_<picks>" if run.picks else "_<classes>" if run.classes else ""
    return Request(run, "<id>", "<step>", "", kind + parts)


def checkpoint_name(run):
    """Return a description of the checkpoint that the settings in `run` select."""
    which = f"step {run.checkpoint}" if run.checkpoint.isdecimal() else f"the {run.checkpoint} checkpoint"
    return f"{which} in {run.checkpoints_dir}"


def check_overwrite(paths, metadata):
    """Raise UserError if a file at one of the paths comes from different weights and would be overwritten.

    Return the paths of the files that already have this metadata, which need not be written again. A run can reach the
    same step with different weights after a rollback, or if two copies of its folder were resumed.
    """
    existing = {path: read_metadata(path) for path in paths if os.path.exists(path)}
    for path, found in existing.items():
        if found.get("weights") != metadata["weights"]:
            raise UserError(
                f"{path} already exists, and was not generated from these weights; move it elsewhere, or set a "
                "different --samples_dir"
            )
    return [path for path, found in existing.items() if found == metadata]


def _short(names):
    """Return the part of a file name for classes or picks: plain short names, or an adapted form with a hash."""
    text = "+".join(names)
    plain = re.sub(r"[^\w.+-]", "_", text)
    if plain == text and len(os.fsencode(file_name(plain))) <= _MAX_NAME:
        return file_name(plain)
    hashed = hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9.+-]', '_', plain)[:_MAX_NAME]}_{hashed}"
