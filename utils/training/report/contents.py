"""The parts of the report except its curves, as HTML."""

import platform
import textwrap

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

from utils.config import schema
from utils.config.settings import FILES
from utils.config.version import VERSION
from utils.data.classes import NONE
from utils.output import html
from utils.output.terminal import recorded_warnings

_OPEN_CLASSES = 20  # a longer table of classes is closed at first
_FACT = "<div><dt>{{name}}</dt><dd>{{value}}</dd></div>"
_ROW = '<tr><th scope="row">{{name}}</th><td>{{value}}</td></tr>'
_FILE = "<div>\n<h3>{{file}}</h3>\n{{table}}\n</div>"
_GRID = '<img alt="Samples at step {{step}}" data-step="{{step}}" src="{{uri}}"{{hidden}}>'
_PARAGRAPH = '<p class="muted">{{text}}</p>'


def facts(state):
    """Return the progress of the run as a list of terms."""
    row, best, rollbacks = state.row, state.saved.best, state.saved.rollbacks
    values = {"Step": f"{state.step} of {state.total}", "Images seen": f"{state.pictures_seen:,}"}
    if row:
        values["Images seen"] += f" (epoch {row['epoch']:.1f})"
        values["Images per second"] = f"{row['pictures_per_second']:.0f}"
        seconds_left = (state.total - state.step) * row["seconds"] / max(1, state.step - state.first_step)
        values["Time left"] = tqdm.format_interval(seconds_left) if seconds_left else "none (finished)"
    values["Best checkpoint"] = f"step {best.step}: {best.metric} {best.value:.4g}" if best else "none yet"
    if rollbacks:
        values["Rollbacks"] = f"from step {', '.join(map(str, rollbacks))}"
    return _fill_each(_FACT, values)


def warnings():
    """Return the warnings of this process and their number, by their names in the template."""
    items = [html.fill("<li>{{text}}</li>", text=warning) for warning in recorded_warnings()]
    return {"warnings": html.join(items), "n_warnings": len(items) or "none"}


def sheets(grids, reals):
    """Return the images of the template and the caption of the newest grid, by their names in the template.

    grids: (step, URI) by step; a page without scripts shows the last one. reals: the URI of the real images, or None.
    """
    hidden = [html.Markup(" hidden")] * (len(grids) - 1) + [""]
    images = [html.fill(_GRID, step=step, uri=uri, hidden=hide) for (step, uri), hide in zip(grids, hidden)]
    missing = html.fill(_PARAGRAPH, text="There is none in samples_dir.")
    return {
        "grids": html.join(images or [missing]),
        "newest": f"Step {grids[-1][0]}" if grids else "No grid",
        "reals": html.fill('<img alt="Real images" src="{{uri}}">', uri=reals) if reals else missing,
    }


def classes_in_grids(classes):
    """Return the order of the classes in the grids as text; classes: their names, () if G is unconditional."""
    names = textwrap.shorten(", ".join(classes), 200, placeholder=" ...")
    return f"Classes from the top: {names}; classes.csv lists their positions." if classes else ""


def settings(settings):
    """Return tables of the Settings: the changed ones and all, by their names in the template."""
    values = {**settings.run._asdict(), **settings.network._asdict()}
    values = {name: schema.format_value(value) for name, value in values.items() if not schema.ALL[name].sampling}
    changed = {name: value for name, value in values.items() if name in settings.explicit}
    files = {file: {name: values[name] for name in rules if name in values} for file, rules in FILES.items()}
    return {
        "changed_settings": _table(changed)
        if changed
        else html.fill(_PARAGRAPH, text="None; all are at their defaults."),
        "all_settings": html.join(html.fill(_FILE, file=file, table=_table(rows)) for file, rows in files.items()),
    }


def images(dataset):
    """Return the number of training images in each class."""
    without_class, *counts = np.bincount(dataset.labels - NONE, minlength=len(dataset.classes) + 1).tolist()
    if not dataset.classes:
        return html.fill(_PARAGRAPH, text=f"{dataset.n} images")
    caption = f"{dataset.n} images in {len(counts)} {'class' if len(counts) == 1 else 'classes'}"
    if without_class:
        caption += f", {without_class} of them without a class"
    return html.fill(
        "<details{{open}}>\n<summary>{{caption}}</summary>\n{{table}}\n</details>",
        open=html.Markup(" open" if len(counts) <= _OPEN_CLASSES else ""),
        caption=caption,
        table=_table(dict(zip(dataset.classes, counts))),
    )


def versions(run_id):
    """Return the run and the versions of the programs as text."""
    return (
        f"Run {run_id}. Written by version {VERSION} of the program, with TensorFlow {tf.__version__} and Python "
        f"{platform.python_version()}. Curves by uPlot (MIT)."
    )


def _table(values):
    return html.fill("<table>\n{{rows}}\n</table>", rows=_fill_each(_ROW, values))


def _fill_each(template, values):
    return html.join(html.fill(template, name=name, value=value) for name, value in values.items())
