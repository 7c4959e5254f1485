"""The lines printed at startup: what the program does, where its files go, which settings were changed."""

import os
import signal

from utils.config import help, schema
from utils.config.command_line import read_command_line
from utils.config.settings import FILES, ROOT, read_files

WIDTH = 80
_COLUMN = 17  # where the text after a label starts
_IN_FIRST_LINES = ("isTrain", "pics_dir", "samples_dir", "checkpoints_dir", "cache_dir")


def describe(settings, argv, task=None, root=ROOT):
    """Return the lines to print at startup.

    settings: the result of `settings.resolve(argv, root)`. argv: the command line. task: the tasks.Task, None for
    training. root: the folder of main.py.
    """
    run, command_line, files = settings.run, read_command_line(argv), read_files(root)
    values = {**run._asdict(), **settings.network._asdict()}
    values = {name: schema.listed({name: value}) for name, value in values.items()}
    lines = task.describe(run) if task else _training(run)
    lines = [*lines, *_changes(values, settings, command_line.given, task), *_missing(command_line.given, files)]
    if command_line.show_settings:
        for (title, file), entries in help.group_by_section(files).items():
            lines += [f"{title}, in {file}", *_list("  ", [values[name] for name in entries])]
    return "\n".join(lines)


def _training(run):
    length = f"to step {run.max_steps}" if run.max_steps else f"for {counted(run.epochs, 'epoch')}"
    # A shell script starts its background jobs with Ctrl-C ignored.
    stop = f"kill {os.getpid()}" if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else "Ctrl-C"
    often = {0: "at the start and at the end", 1: "every step"}.get(run.sample_every, f"every {run.sample_every} steps")
    return [
        f"Training {length} on the images in {run.pics_dir}",
        entry("Sample grids", f"{os.path.join(run.samples_dir, 'train_<step>.png')}, {often}"),
        entry("Checkpoints", f"{run.checkpoints_dir}, with history.csv and report.html"),
        entry("Image cache", run.cache_dir),
        entry("To stop", f"{stop} saves and stops; the same command resumes"),
    ]


def counted(number, noun):
    """Return a number and its noun, in the plural unless the number is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def entry(label, text=""):
    """Return a startup line: a label and its text."""
    return f"  {label}: ".ljust(_COLUMN) + text


def _changes(values, settings, given, task):
    """Return lines on the settings that the user has set, and on those of them that the task ignores.

    values: {name: 'name = value'} of all settings.
    """
    used = task.used(settings.run) if task else [name for name, rule in schema.ALL.items() if not rule.sampling]
    explicit = [name for name in values if name in settings.explicit and name not in _IN_FIRST_LINES]
    lines = _list(entry("Command line"), [values[name] for name in explicit if name in used and name in given])
    for file, rules in FILES.items():
        edited = [name for name in explicit if name in used and name in rules and name not in given]
        lines += _list(entry(f"Changed in {file}"), [values[name] for name in edited])
    lines = lines or [entry("Settings", "all at their defaults; --show_settings lists them")]
    if task:
        unused = [name for name in explicit if name not in used and (name in given or schema.ALL[name].sampling)]
        label = entry(f"Ignored (no effect with {task.name(settings.run)})")
        lines += _list(label, [values[name] for name in unused])
    return lines


def _missing(given, files):
    """Return a line for each params file that lacks settings not in `given`, as a file from an earlier version may."""
    lines = []
    for file, entries in files.items():
        missing = {name: entry.value for name, entry in entries.items() if not entry.line and name not in given}
        if missing:
            lines.append(f"{file} lacks {', '.join(missing)}; using their defaults: {schema.listed(missing)}")
    return lines


def _list(start, items):
    """Return a list with one text: the items, separated by commas and wrapped between items; [] if there are none."""
    text = ", ".join(item.replace(" ", "\0") for item in items)
    lines = help.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * min(len(start), _COLUMN))
    return [lines.replace("\0", " ")] if items else []
