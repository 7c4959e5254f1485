"""Names of samples. They tell run, step, seed, class and number: no request overwrites what another one has made."""

import hashlib
import os
import re
from typing import NamedTuple

from utils.checkpoints.run_id import short_run_id
from utils.errors import UserError
from utils.output.images import read_metadata

_MAX_NAME = 60  # characters of class names or picks in a file name: file systems allow 255 bytes, some 143


class Request(NamedTuple):
    """Samples that were asked for."""

    folder: str  # samples_dir
    run_id: str  # the identity of the run
    step: str  # of the checkpoint, as names have it
    weights: str  # a digest of them
    seed: int  # sample_seed
    truncation: float
    what: str  # which samples of this seed: a part of the names

    @property
    def name(self):
        """The name of the grid, without its ending, and of the folder of single files."""
        return f"sample_{_of_weights(self)}_{self.what}"

    @property
    def grid(self):
        """The path of the grid."""
        return self.path(".png")

    @property
    def class_list(self):
        """The path of the CSV file that says where in the grid which class is."""
        return self.path(".csv")

    @property
    def single_folder(self):
        """The folder of single files."""
        return self.path("")

    def path(self, ending):
        """The path of a file of this request with an ending such as '.gif' or '_strip.png'."""
        return os.path.join(self.folder, self.name + ending)

    def singles(self, class_names, numbers):
        """Return the paths of single files, by the class of each image, '' for none, and its number."""
        classes = {name: f"_{_short([name])}" if name else "" for name in set(class_names)}
        weights = _of_weights(self)
        names = [f"sample_{weights}{classes[name]}_{number:05d}.png" for name, number in zip(class_names, numbers)]
        return [os.path.join(self.single_folder, name) for name in names]

    @property
    def metadata(self):
        """The metadata in each image."""
        metadata = {"run": self.run_id, "step": int(self.step), "seed": self.seed, "weights": self.weights}
        return metadata if self.truncation == 1 else dict(metadata, truncation=self.truncation)


def request(run, generator, kind, parts):
    """Return the Request of the settings `run` for a generator.CheckpointGenerator.

    kind, parts: what is asked for, such as "n64" and names of classes, or "picks" and their texts.
    """
    what = f"{kind}_{_short(parts)}" if parts else kind
    step, run_id, weights = f"{generator.step:08d}", generator.run_id, generator.weights
    return Request(run.samples_dir, run_id, step, weights, run.sample_seed, run.truncation, what)


def announced(run, kind, parts):
    """Return the Request of the settings `run` before the checkpoint is known, for the lines that are printed first.

    Its names have <step>, <id> and <parts>; parts: "picks", "classes", or "" for none.
    """
    what = f"{kind}_<{parts}>" if parts else kind
    return Request(run.samples_dir, "<id>", "<step>", "", run.sample_seed, run.truncation, what)


def checkpoint_name(run):
    """Return which checkpoint the settings `run` ask for, as text."""
    which = f"step {run.checkpoint}" if run.checkpoint.isdecimal() else f"the {run.checkpoint} checkpoint"
    return f"{which} in {run.checkpoints_dir}"


def check_overwrite(paths, metadata):
    """Raise UserError if one of the paths is a file that was not made from these weights: it would be lost.

    A run can have two checkpoints of a step: after a rollback, or where two copies of its folder were both continued.
    """
    for path in paths:
        if os.path.exists(path) and read_metadata(path).get("weights") != metadata["weights"]:
            raise UserError(
                f"{path} exists already, and was not made from these weights; move it away, or choose another "
                "--samples_dir"
            )


def _of_weights(request):
    truncation = "" if request.truncation == 1 else f"_truncation{request.truncation!r}"
    return f"{request.step}_seed{request.seed}_run{short_run_id(request.run_id)}{truncation}"


def _short(names):
    """Return a part of a file name that tells classes or picks: their names, or what is left of them and a hash."""
    text = "+".join(names)
    plain = re.sub(r"[^\w.+-]", "_", text)
    try:
        if plain == text and len(os.fsencode(plain)) <= _MAX_NAME:
            return plain
    except UnicodeEncodeError:  # a locale such as LC_ALL=C, whose file names cannot have these letters
        pass
    hashed = hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9.+-]', '_', plain)[:_MAX_NAME]}_{hashed}"
