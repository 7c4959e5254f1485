"""What the program prints first: what happens now, where to look, and which settings differ from their defaults."""

import os

from utils.config import help, schema
from utils.config.settings import ROOT, read_command_line, read_files

WIDTH = 80
_COLUMN = 17  # where the text behind a label starts
# The first lines say these in words.
_SAID = ("isTrain", "pics_dir", "samples_dir", "checkpoints_dir", "cache_dir")


def describe(settings, argv, task=None, root=ROOT):
    """Return the lines to print at the start of a run.

    settings: what `settings.resolve(argv, root)` returned. argv: the command line. task: the tasks.Task, None for
    training. root: the folder of main.py.
    """
    run, command_line, files = settings.run, read_command_line(argv), read_files(root)
    lines = (task.describe(run) if task else _training(run)) + _changes(settings, command_line.given, files, task)
    if command_line.show_settings:
        lines += _all(settings, files)
    return "\n".join(lines)


def _training(run):
    length = f"to step {run.max_steps}" if run.max_steps else f"for {counted(run.epochs, 'epoch')}"
    often = {0: "at the start and at the end", 1: "every step"}.get(run.sample_every, f"every {run.sample_every} steps")
    return [
        f"Training {length} on the images in {run.pics_dir}",
        entry("Sample grids", f"{os.path.join(run.samples_dir, 'train_<step>.png')}, {often}"),
        entry("Checkpoints", f"{run.checkpoints_dir}, with history.csv and report.html"),
        entry("Image cache", run.cache_dir),
        entry("To stop", "Ctrl-C saves and stops; the same command resumes"),
    ]


def counted(number, noun):
    """Return a number and its noun, in the plural unless the number is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _changes(settings, given, files, task):
    """Return lines on the settings given on the command line, and on those changed in a params file."""
    values = _values(settings)
    used = [name for name in values if name not in _SAID and _has_effect(name, settings.run, task)]
    lines = _list("Command line", [values[name] for name in used if name in given])
    for file, entries in files.items():
        changed = [name for name in entries if name in settings.explicit and name in used and name not in given]
        lines += _list(f"Changed in {file}", [values[name] for name in changed])
    if not lines:
        lines = [entry("Settings", "all at their defaults; --show_settings lists them")]
    if not task:
        return lines
    without_effect = [name for name in values if name not in _SAID and name not in used]
    asked = {*given, *(name for name in settings.explicit if schema.ALL[name].sampling)}
    ignored = [values[name] for name in without_effect if name in asked]
    return lines + _list(f"Ignored (no effect with {task.name})", ignored)


def _has_effect(name, run, task):
    return name in task.used(run) if task else not schema.ALL[name].sampling


def _all(settings, files):
    """Return lines with all settings, grouped as in the params files."""
    values, lines = _values(settings), []
    for (file, title), entries in help.sections_of(files).items():
        only_sampling = all(schema.ALL[name].sampling for name in entries)
        lines.append(help.heading(file, title) + " (only for sampling)" * (only_sampling and settings.run.isTrain))
        lines += _joined([values[name] for name in entries], "  ", 2)
    return lines


def _values(settings):
    """Return {name: 'name = value'} of all settings."""
    values = dict(settings.run._asdict(), **settings.network._asdict())
    return {name: f"{name} = {schema.format_value(value)}" for name, value in values.items()}


def entry(label, text):
    """Return a line of the start: a label, and what it is about."""
    return f"  {label}: ".ljust(_COLUMN) + text


def _list(label, items):
    """Return lines of items behind a label; none without items."""
    return _joined(items, entry(label, ""), _COLUMN) if items else []


def _joined(items, start, indent):
    """Return lines of items with commas between them, behind `start`; later lines are indented.

    An item is never broken, however long the path in it.
    """
    lines = [start + items[0]]
    for item in items[1:]:
        if len(lines[-1]) + len(item) + 3 <= WIDTH:
            lines[-1] += f", {item}"
        else:
            lines[-1] += ","
            lines.append(" " * indent + item)
    return lines
