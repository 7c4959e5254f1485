"""The settings of a run: the values in both params files, with the overrides from the command line, checked."""

import math
import os
import time
from collections import namedtuple
from typing import Any, FrozenSet, NamedTuple, Tuple

from model import shapes
from utils.config import ROOT, checks, help, params_file, schema
from utils.config.command_line import read_command_line
from utils.config.names import existing
from utils.config.rules import file_name
from utils.errors import UserError

FILES = {"params.py": schema.RUN, "model/params.py": schema.NETWORK}

Run = namedtuple("Run", schema.RUN)


class Network(namedtuple("Network", schema.NETWORK)):
    """The network settings."""

    @property
    def height(self):
        """Height of the images, in pixels."""
        return shapes.sides(self.image_size)[0]

    @property
    def width(self):
        """Width of the images, in pixels."""
        return shapes.sides(self.image_size)[1]


class Settings(NamedTuple):
    """All settings of a run; paths are absolute."""

    run: Run
    network: Network
    explicit: FrozenSet[str] = frozenset()  # names given on the command line, or edited in a params file
    given: Tuple[Tuple[str, Any], ...] = ()  # (name, value) on the command line; paths as given
    deadline: float = math.inf  # the time.perf_counter() at which max_minutes are over


def resolve(argv, root=ROOT):
    """Return the Settings, checked: the params files below `root`, with overrides from the command line `argv`.

    Raise UserError if a setting or a params file is invalid. With --help or --version, print the text and raise
    SystemExit.
    """
    command_line = read_command_line(argv)
    files = read_files(root)
    if command_line.topic is not None:
        print(help.text(command_line.topic, files))
        raise SystemExit(0)
    given = command_line.given
    values = {name: entry.value for entries in files.values() for name, entry in entries.items()}
    edited = {name for name, value in values.items() if value != schema.ALL[name].default}
    values.update(given)
    values.update({name: absolute(values[name], root) for name, rule in schema.ALL.items() if rule.is_path})
    run, network = (kind(**{name: values[name] for name in kind._fields}) for kind in (Run, Network))
    if run.isTrain:
        unused = ", ".join(f"--{name}" for name in given if schema.ALL[name].sampling)
        if unused:
            raise UserError(f"command line: with isTrain = 1 this command trains; add --isTrain 0 to use {unused}")
        checks.check_together(run, network)
    deadline = time.perf_counter() + 60 * run.max_minutes if run.max_minutes else math.inf
    return Settings(run, network, frozenset({*edited, *given}), tuple(given.items()), deadline)


def absolute(path, root):
    """Return the absolute path of `path`, which may be relative to `root` or start with ~; '' stays ''."""
    return path and existing(os.path.abspath(os.path.join(root, os.path.expanduser(file_name(path)))))


def read_files(root=ROOT):
    """Return {params file: {setting: its params_file.Entry}}, all keyed by name, for the files below `root`."""
    return {name: params_file.read(os.path.join(root, name), name, rules) for name, rules in FILES.items()}
