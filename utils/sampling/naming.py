"""Names of samples. They tell run, step, seed, class and number: no request overwrites what another one has made."""

import hashlib
import os
import re
from typing import NamedTuple, Tuple

from utils.checkpoints import identity
from utils.errors import UserError
from utils.output.pictures import note_of

_LONGEST = 60  # characters of class names in a file name: file systems allow 255 bytes, some 143


class Request(NamedTuple):
    """Samples that were asked for."""

    folder: str  # samples_dir
    run_id: str  # the identity of the run
    step: int  # of the checkpoint
    weights: str  # its fingerprint
    seed: int  # sample_seed
    count: int  # num_samples
    chosen: Tuple[str, ...]  # the names of the classes chosen; () for all of them, or if there are none

    @property
    def name(self):
        """The name of the grid, without its ending, and of the folder of single files."""
        classes = f"_{_of_classes(self.chosen)}" if self.chosen else ""
        return f"sample_{_of_weights(self)}_n{self.count}{classes}"

    @property
    def grid(self):
        """The path of the grid."""
        return os.path.join(self.folder, self.name + ".png")

    @property
    def class_list(self):
        """The path of the CSV file that says where in the grid which class is."""
        return os.path.join(self.folder, self.name + ".csv")

    @property
    def single_folder(self):
        """The folder of single files."""
        return os.path.join(self.folder, self.name)

    def singles(self, class_names, rows):
        """Return the paths of single files; class_names: of each picture, '' for none; rows: how many share their z."""
        each, weights = len(class_names) // rows, _of_weights(self)
        classes = {name: f"_{_of_classes([name])}" if name else "" for name in set(class_names)}
        names = [f"sample_{weights}{classes[name]}_{i % each:05d}.png" for i, name in enumerate(class_names)]
        return [os.path.join(self.single_folder, name) for name in names]

    @property
    def note(self):
        """The note in each picture."""
        return {"run": self.run_id, "step": self.step, "seed": self.seed, "weights": self.weights}


def request(run, selected, chosen):
    """Return the Request of the settings `run` from a checkpoint, a select.Selected; chosen: names of classes."""
    run_id, weights = identity.of(selected.manifest), identity.of_weights(selected.checkpoint)
    asked = run.sample_seed, run.num_samples, tuple(chosen)
    return Request(run.samples_dir, run_id, selected.checkpoint.step, weights, *asked)


def refuse_others(paths, note):
    """Raise UserError if one of the paths is a file that was not made from these weights: it would be lost.

    A run can have two checkpoints of a step: after a rollback, or where two copies of its folder were both continued.
    """
    for path in paths:
        if os.path.exists(path) and note_of(path).get("weights") != note["weights"]:
            raise UserError(
                f"{path} exists already, and was not made from these weights; move it away, or choose another "
                "--samples_dir"
            )


def _of_weights(request):
    return f"{request.step:08d}_seed{request.seed}_run{identity.short(request.run_id)}"


def _of_classes(names):
    """Return a part of a file name that tells the classes: their names, or what is left of them and a hash."""
    text = "+".join(names)
    plain = re.sub(r"[^\w.+-]", "_", text)
    try:
        if plain == text and len(os.fsencode(plain)) <= _LONGEST:
            return plain
    except UnicodeEncodeError:  # a locale such as LC_ALL=C, whose file names cannot have these letters
        pass
    hashed = hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9.+-]', '_', plain)[:_LONGEST]}_{hashed}"
