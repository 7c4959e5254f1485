"""Projected images: points of the latent space found by the task `project`, named like other picks."""

import glob
import json
import os
import re
from typing import NamedTuple, Tuple

from utils.checkpoints.run_id import short_run_id
from utils.config import suggestions
from utils.config.names import normal_form
from utils.errors import UserError

_PREFIX = "projected_"  # of the folders, one for each checkpoint
_MAX_NAME = 50  # characters


class Projected(NamedTuple):
    """The point of the latent space whose sample is nearest to a given image."""

    name: str
    z: Tuple[float, ...]  # [z_dim], in [-1, 1]
    fractions: Tuple[float, ...]  # [n_classes]: the fraction of each class; () if the network is unconditional

    def text(self, _):
        """Return the name, as `picks` spells it."""
        return self.name

    shown_name = text  # in the caption

    def caption(self, _, fonts):
        """Return the arguments of with_text for the caption; fonts: see choose_fonts."""
        font = fonts.get(self.name)
        return ("", normal_form(self.name), font) if font else (self.name.encode("ascii", "replace").decode(),)


def valid_name(path):
    """Return the name of the image at a path: without characters that have a meaning in picks, and not a number.

    Only the end of a long path is kept: its bytes and an extension must fit into a file name.
    """
    name = re.sub(r'[\s,:"/\\@]+', "_", path)[-_MAX_NAME:]
    return name + "_" * bool(re.fullmatch(r"[0-9]+(-[0-9]+)?", name))


def folder(samples_dir, generator):
    """Return the folder of the projected images of a CheckpointGenerator."""
    return os.path.join(samples_dir, f"{_PREFIX}{generator.step:08d}_run{short_run_id(generator.run_id)}")


def dumps(point, generator, facts):
    """Return a Projected as the bytes of its JSON file; facts: {name: value} of further entries."""
    classes = dict(zip(generator.classes, map(float, point.fractions)))
    entries = {"weights": generator.weights, "z": list(map(float, point.z)), "classes": classes, **facts}
    return json.dumps(entries, indent=1).encode()


def find(samples_dir, name, place, generator=None):
    """Return the Projected with this name; raise a UserError that begins with `place` if there is none.

    generator: the CheckpointGenerator that it must belong to; None if it is not open yet: only the name is checked.
    """
    paths = glob.glob(os.path.join(glob.escape(samples_dir), _PREFIX + "*", "*.json"))
    by_name = {}
    for path in paths:
        by_name.setdefault(os.path.basename(path)[: -len(".json")], []).append(path)
    name = next((each for each in by_name if normal_form(each) == normal_form(name)), name)
    if name not in by_name:
        cure = f"samples_dir = {samples_dir} has no projected image of this name"
        hint = suggestions.suggestion(name, by_name, cure)
        raise UserError(f"{place} is not a number or a range, such as 17 or 40-43{hint}")
    if generator is None:
        return Projected(name, (), ())
    path = os.path.join(folder(samples_dir, generator), name + ".json")
    cure = f"repeat the command that projects it with checkpoint = {generator.step}"
    if path not in by_name[name]:
        raise UserError(f"{place} was projected with a different checkpoint ({by_name[name][0]}); {cure}")
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)
        fractions = tuple(float(entries["classes"][name]) for name in generator.classes)
        point = Projected(name, tuple(map(float, entries["z"])), fractions)
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(f"{place}: {path} is damaged; {cure}")
    if entries["weights"] != generator.weights or len(point.z) != generator.z_dim:
        raise UserError(f"{place} was projected with different weights ({path}); {cure}")
    return point
