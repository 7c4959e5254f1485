"""The settings of a run: those of both params files, overridden by the command line, checked."""

import os
import platform
from collections import namedtuple
from itertools import takewhile
from typing import Dict, FrozenSet, NamedTuple, Optional

from model import shapes
from utils.config import checks, committed, help, params_file, schema, suggestions
from utils.config.rules import file_name
from utils.config.version import VERSION
from utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = {"params.py": schema.RUN, "model/params.py": schema.NETWORK}

Run = namedtuple("Run", schema.RUN)


class Network(namedtuple("Network", schema.NETWORK)):
    """The settings of the networks."""

    __slots__ = ()

    @property
    def height(self):
        """Of the images, in pixels."""
        return shapes.sides(self.image_size)[0]

    @property
    def width(self):
        """Of the images, in pixels."""
        return shapes.sides(self.image_size)[1]


class Settings(NamedTuple):
    """All settings of a run; paths are absolute."""

    run: Run
    network: Network
    explicit: FrozenSet[str] = frozenset()  # those given on the command line, or edited in a params file


class CommandLine(NamedTuple):
    """What the command line says."""

    given: Dict[str, str]  # the text of each setting given
    show_settings: bool = False
    topic: Optional[str] = None  # of --help: "" without one; None: no --help
    version: bool = False


def resolve(argv, root=ROOT):
    """Return the Settings of the params files below `root`, overridden by the command line `argv`, checked.

    Raise UserError for a mistake. With --help or --version, print it and raise SystemExit.
    """
    command_line = read_command_line(argv)
    if command_line.version:
        print(f"main.py {VERSION}, Python {platform.python_version()}, in {root}")
        raise SystemExit(0)
    files = read_files(root)
    if command_line.topic is not None:
        print(help.text(command_line.topic, files))
        raise SystemExit(0)
    values = {name: entry.value for entries in files.values() for name, entry in entries.items()}
    for name, text in command_line.given.items():
        values[name] = schema.parse(name, text, schema.ALL[name], "command line")
    values.update(absolute({name: values[name] for name, rule in schema.ALL.items() if rule.is_path}, root))
    run = Run(**{name: values[name] for name in schema.RUN})
    network = Network(**{name: values[name] for name in schema.NETWORK})
    if run.isTrain:
        _check_no_sampling(command_line.given)
        checks.check_together(run, network)
    edited = [name for entries in files.values() for name in committed.changed(entries)]
    return Settings(run, network, frozenset(edited) | frozenset(command_line.given))


def _check_no_sampling(given):
    """Raise UserError if a command that trains gives settings of sampling: it would train instead, and say nothing."""
    names = [f"--{name}" for name in given if schema.ALL[name].sampling]
    if names:
        verb = "needs" if len(names) == 1 else "need"
        raise UserError(f"command line: {', '.join(names)} {verb} --isTrain 0; with isTrain = 1 this command trains")


def absolute(paths, root):
    """Return {name: absolute path} for {name: path}, which may be relative to `root`, start with ~, or be ''."""
    return {
        name: path and os.path.abspath(os.path.join(root, os.path.expanduser(file_name(path))))
        for name, path in paths.items()
    }


def read_files(root=ROOT):
    """Return {name of the params file: {name of the setting: its params_file.Entry}} for the files below `root`."""
    return {name: params_file.read(os.path.join(root, name), name, rules) for name, rules in FILES.items()}


def read_command_line(argv):
    """Return the CommandLine in `argv`: --name value, --name=value, --show_settings, --help [topic], --version.

    Hyphens and underscores in names are the same. --help and --version come before all else.
    """
    for i, word in enumerate(argv):
        option, _, topic = word.partition("=")
        if option in ("-h", "--help"):
            topic = [topic, *takewhile(lambda following: not following.startswith("-"), argv[i + 1 :])]
            return CommandLine({}, topic=" ".join(topic).strip())
        if word in ("-V", "--version"):
            return CommandLine({}, version=True)
    given, show_settings, rest = {}, False, list(argv)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        name = option[2:].replace("-", "_") if option.startswith("--") else ""
        if name == "show_settings" and not equals:
            show_settings = True
            continue
        if name not in schema.ALL:
            raise UserError(f"command line: {_unexpected(option if word.startswith('-') else word)}")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise UserError(f"command line: --{name} needs a value: {schema.ALL[name].choices}")
            value = rest.pop(0)
        given[name] = value
    return CommandLine(given, show_settings)


def _unexpected(word):
    """Return what is wrong with a word of the command line that is not a setting."""
    name = word.lstrip("-")
    if name.replace("-", "_") == "show_settings":
        return "--show_settings takes no value"
    if name.partition("=")[0] in schema.ALL and "=" in word:
        return f"unexpected argument {schema.short_repr(word)}; write --{schema.truncate(name)}"
    if not word.startswith("-"):
        return f"unexpected argument {schema.short_repr(word)}; write --name value"
    return f"unknown setting {schema.short_repr(word)[1:-1]}{suggestions.suggestion(name, schema.ALL)}"
