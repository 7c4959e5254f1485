"""What the program prints first: what happens now, where to look, and which settings differ from their defaults."""

import os

from utils.config import checks, help, schema
from utils.config.settings import ROOT, read_command_line, read_files

WIDTH = 80
_COLUMN = 17  # where the text behind a label starts
# The first lines say these in words.
_SAID = ("isTrain", "pics_dir", "samples_dir", "checkpoints_dir", "cache_dir")


def describe(settings, argv, root=ROOT):
    """Return the lines to print at the start of a run.

    settings: what `settings.resolve(argv, root)` returned. argv: the command line. root: the folder of main.py.
    """
    run, command_line, files = settings.run, read_command_line(argv), read_files(root)
    introduction = _training if run.isTrain else _evaluating if run.evaluate else _sampling
    lines = introduction(run) + _changes(settings, command_line.given, files)
    if command_line.show_settings:
        lines += _all(settings, files)
    return "\n".join(lines)


def _training(run):
    length = f"to step {run.max_steps}" if run.max_steps else f"for {_count(run.epochs, 'epoch')}"
    often = {0: "at the start and at the end", 1: "every step"}.get(run.sample_every, f"every {run.sample_every} steps")
    return [
        f"Training {length} on the pictures in {run.pics_dir}",
        _line("Sample grids", f"{os.path.join(run.samples_dir, 'train_<step>.png')}, {often}"),
        _line("Checkpoints", f"{run.checkpoints_dir}, with history.csv and report.html"),
        _line("Picture cache", run.cache_dir),
        _line("To stop", "Ctrl-C saves and stops; the same command resumes"),
    ]


def _sampling(run):
    truncation = "" if run.truncation == 1 else f"_truncation{run.truncation!r}"
    stem = os.path.join(run.samples_dir, f"sample_<step>_seed{run.sample_seed}_run<id>{truncation}_")
    if run.export:
        folder = os.path.join(run.samples_dir, "export_<step>_run<id>")
        return [f"Exporting {run.export} of {_checkpoint(run)}", _line("Folder", folder)]
    if run.timelapse:
        return ["Making a film of the grids of training", _line("Film", os.path.join(run.samples_dir, "timelapse.gif"))]
    if run.arithmetic:
        return [f"Making {run.arithmetic} with {_checkpoint(run)}", _line("Figure", f"{stem}arithmetic_<picks>.png")]
    parts = "_<picks>" if run.picks else "_<classes>" if run.classes else ""
    if run.walk:
        return [f"Making a walk with {_checkpoint(run)}", _line("Film", f"{stem}walk{run.walk}{parts}.gif")]
    pictures = f"pictures {run.picks}" if run.picks else _count(run.num_samples, "picture")
    name = f"{stem}{'picks' if run.picks else f'n{run.num_samples}'}{layout(run)}{parts}"
    lines = [f"Making {pictures} with {_checkpoint(run)}", _line("Grid", f"{name}.png")]
    return [*lines, _line("Single files", name + os.sep)] if run.single or run.picks else lines


def layout(run):
    """Return the part of a grid's name that tells it from other grids of the same pictures."""
    return "_labelled" * run.label_grid + (f"_columns{run.grid_columns}" if run.grid_columns else "")


def _evaluating(run):
    return [
        f"Evaluating {_checkpoint(run)}",
        _line("Pictures", run.pics_dir),
        _line("Comparison", os.path.join(run.samples_dir, "nearest_<step>_run<id>.png")),
        _line("Picture cache", run.cache_dir),
    ]


def _checkpoint(run):
    which = f"step {run.checkpoint}" if run.checkpoint.isdecimal() else f"the {run.checkpoint} checkpoint"
    return f"{which} in {run.checkpoints_dir}"


def _count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _changes(settings, given, files):
    """Return lines on the settings given on the command line, and on those changed in a params file."""
    other = _other_task(settings.run)
    asked, unused = ("training", ()) if settings.run.isTrain else checks.unused(settings.run)
    used = [name for name, rule in schema.ALL.items() if name not in (*_SAID, *unused) and rule.when != other]
    values = _values(settings)
    lines = _list("Command line", [values[name] for name in used if name in given])
    for file, entries in files.items():
        changed = [name for name in entries if name in settings.chosen and name in used and name not in given]
        lines += _list(f"Changed in {file}", [values[name] for name in changed])
    if not lines:
        lines = [_line("Settings", "all at their defaults; --show_settings lists them")]
    without_effect = [name for name in given if schema.ALL[name].when == other]
    lines += _list(f"Ignored (only for {other})", [values[name] for name in without_effect])
    chosen = [values[name] for name in unused if name in settings.chosen]
    return lines + _list(f"Ignored (no effect with {asked})", chosen)


def _all(settings, files):
    """Return lines with all settings, grouped as in the params files."""
    other, values, lines = _other_task(settings.run), _values(settings), []
    for (file, title), entries in help.sections_of(files).items():
        ignored = all(schema.ALL[name].when == other for name in entries)
        lines.append(help.heading(file, title) + f" (only for {other})" * ignored)
        lines += _joined([values[name] for name in entries], "  ", 2)
    return lines


def _other_task(run):
    return "sampling" if run.isTrain else "training"


def _values(settings):
    """Return {name: 'name = value'} of all settings."""
    values = dict(settings.run._asdict(), **settings.network._asdict())
    return {name: f"{name} = {schema.plain(value)}" for name, value in values.items()}


def _line(label, text):
    return f"  {label}: ".ljust(_COLUMN) + text


def _list(label, items):
    """Return lines of items behind a label; none without items."""
    return _joined(items, _line(label, ""), _COLUMN) if items else []


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
