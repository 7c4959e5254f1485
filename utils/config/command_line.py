"""The command line: settings as `--name value` or `--name=value`, --show_settings, --help [topic] and --version."""

import argparse
import itertools
import os
import shlex
import subprocess
import sys
from typing import Any, Dict, NamedTuple, Optional

from utils.config import ROOT, VERSION, schema, suggestions
from utils.config.names import readable
from utils.errors import UserError


class CommandLine(NamedTuple):
    """A parsed command line."""

    given: Dict[str, Any]  # {name: value} of the settings given, checked
    show_settings: bool = False
    topic: Optional[str] = None  # the topic of --help, "" for the overview; None: no --help


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UserError, and accepts values that begin with a minus sign, such as -1 and -x."""

    def error(self, message):
        raise UserError(f"command line: {message}")

    def _parse_optional(self, arg_string):
        is_option = arg_string.startswith("--") or arg_string.partition("=")[0] in ("-h", "-V")
        return super()._parse_optional(arg_string) if is_option else None


def _parser():
    """Return the parser for all settings; a setting given without a value is None."""
    parser = _Parser(prog="main.py", add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # prints the version on one line
    parser.add_argument("-h", "--help", nargs="*")
    version = f"main.py {VERSION}, Python {sys.version.split()[0]}, in {ROOT}"
    parser.add_argument("-V", "--version", action="version", version=version)
    parser.add_argument("--show_settings", "--show-settings", action="store_true")
    for name in schema.ALL:
        parser.add_argument(f"--{name}", f"--{name.replace('_', '-')}", dest=name, nargs="?")
    return parser


def read_command_line(argv):
    """Return the CommandLine in `argv`. --version prints the version and raises SystemExit.

    Raise UserError if an argument is invalid. With --help, everything except the help topic is ignored.
    """
    options, unknown = _parser().parse_known_args(argv)
    given = vars(options)
    if "help" in given:
        return CommandLine({}, topic=" ".join(given["help"]))
    if unknown:
        raise UserError(f"command line: {_unexpected(unknown[0])}")
    show_settings = given.pop("show_settings", False)
    for name, text in given.items():
        rule = schema.ALL[name]
        if text is None:
            raise UserError(f"command line: --{name} needs a value: {rule.choices}")
        given[name] = schema.parse(name, readable(text), rule, "command line")
    return CommandLine(given, show_settings)


def _unexpected(word):
    """Describe the problem with a command-line word that is neither an option nor its value."""
    if word.startswith("-"):
        option = word.partition("=")[0]
        hint = suggestions.suggestion(option.lstrip("-"), schema.ALL)
        return f"unknown setting {schema.short_repr(option)[1:-1]}{hint}"
    cure = f"--{schema.truncate(word)}" if word.partition("=")[0] in schema.ALL and "=" in word else "--name value"
    return f"unexpected argument {schema.short_repr(word)}; write {cure}"


def new_run_command(settings):
    """Return the command that trains with these Settings in new folders, named after pics_dir, as a new run.

    It repeats the settings given on the command line; those edited in the params files apply anyway.
    """
    options, name = dict(settings.given), os.path.basename(settings.run.pics_dir)
    folders = {folder: getattr(settings.run, folder) for folder in ("checkpoints_dir", "samples_dir")}
    endings = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
    ending = next(end for end in endings if not any(os.path.lexists(f"{path}_{end}") for path in folders.values()))
    for folder, path in folders.items():
        options.pop(folder, None)
        options[folder] = f"{short_path(path)}_{ending}"
    words = (word for setting, value in options.items() for word in (f"--{setting}", value))
    return shell_words("python", "main.py", *words)


def short_path(path):
    """Return an absolute path as a setting accepts it: relative if it is in the folder of main.py."""
    return os.path.relpath(path, ROOT) if path.startswith(os.path.join(ROOT, "")) else path


def shell_words(*words):
    """Return words, or values of settings, quoted for the shell and joined by spaces."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else " ".join(map(shlex.quote, texts))
