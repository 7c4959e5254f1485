"""checkpoints_dir/report.html: the progress of a run as a single web page that can be copied to any machine.

The page is a filled-in template with embedded styles, scripts and curves.
"""

import os
import pathlib
import platform
import textwrap
import time

import numpy as np
import tensorflow.compat.v1 as tf
from tqdm import tqdm

from utils.config import VERSION, schema
from utils.config.settings import FILES
from utils.data.classes import NONE
from utils.errors import recorded_warnings
from utils.output import files, html
from utils.training.report import curves
from utils.training.report.grids import grid_uri, select_grids

REPORT = "report.html"
_FOLDER, _UPLOT = pathlib.Path(__file__).resolve().parent, html.SHARED / "uplot"
_STYLES = _UPLOT / "uPlot.min.css", html.SHARED / "base.css", _FOLDER / "report.css"
_SCRIPTS = _UPLOT / "uPlot.iife.min.js", _FOLDER / "report.js"

_OPEN_CLASSES = 20  # a longer table of classes is collapsed at first
_FACT = "<div><dt>{{name}}</dt><dd>{{value}}</dd></div>"
_ROW = '<tr><th scope="row">{{name}}</th><td>{{value}}</td></tr>'
_FILE = "<div>\n<h3>{{file}}</h3>\n{{table}}\n</div>"
_GRID = '<img alt="Samples at step {{step}}" data-step="{{step}}" src="{{uri}}"{{hidden}}>'
_PARAGRAPH = '<p class="muted">{{text}}</p>'


def write_report(state, settings, dataset):
    """Write checkpoints_dir/report.html for the state's step; raise OSError if that fails."""
    run, best, run_id, classes = settings.run, state.saved.best, state.saved.run_id, state.saved.classes
    folder = os.path.join(*run.checkpoints_dir.split(os.sep)[-2:])
    listed = textwrap.shorten(", ".join(classes), 200, placeholder=" ...")
    warnings = [html.fill("<li>{{text}}</li>", text=warning) for warning in recorded_warnings]
    charts = curves.charts(run.checkpoints_dir, state.step)
    body = html.fill(
        (_FOLDER / "report.html").read_text("utf-8"),
        folder=folder,
        written=time.strftime("%Y-%m-%d %H:%M:%S"),
        facts=_fill_each(_FACT, _facts(state)),
        n_warnings=len(warnings) or "none",
        warnings=html.join(warnings),
        **_sheets(run.samples_dir, run_id, state.step),
        classes=f"Classes from the top: {listed}; classes.csv lists their positions." if classes else "",
        **_settings(settings),
        images=_images(dataset),
        version=VERSION,
        run_id=run_id,
        tensorflow=tf.__version__,
        python=platform.python_version(),
        data=html.data_block("curves", {"charts": charts, "checkpoint": best.step if best else None}),
    )
    styles, scripts = ([path.read_text("utf-8") for path in paths] for paths in (_STYLES, _SCRIPTS))
    page = html.page(f"Step {state.step}: {folder}", body, styles, scripts)
    files.write(os.path.join(run.checkpoints_dir, REPORT), page.encode("utf-8"), sync=True)


def _facts(state):
    """Return the progress of the run, {name: value}."""
    row, best, rollbacks = state.row, state.saved.best, state.saved.rollbacks
    values = {"Step": f"{state.step} of {state.total}", "Images seen": f"{state.pictures_seen:,}"}
    if row:
        values["Images seen"] += f" (epoch {row['epoch']:.1f})"
        values["Images per second"] = f"{row['pictures_per_second']:.0f}"
        is_finished = state.step == state.total
        values["Time left"] = "none (finished)" if is_finished else tqdm.format_interval(state.seconds_left)
    values["Best checkpoint"] = f"step {best.step}: {best.metric} {best.value:.4g}" if best else "none yet"
    if rollbacks:
        values["Rollbacks"] = f"from step {', '.join(map(str, rollbacks))}"
    return values


def _sheets(samples_dir, run_id, step):
    """Return the images and the newest grid's caption, keyed by their names in the template.

    If scripts are disabled, the page shows only the newest grid.
    """
    grids, reals = select_grids(samples_dir, run_id, step), grid_uri(os.path.join(samples_dir, "reals.png"))
    hidden = html.Markup(" hidden")
    images = [html.fill(_GRID, step=step, uri=uri, hidden=hidden) for step, uri in grids[:-1]]
    images += [html.fill(_GRID, step=step, uri=uri, hidden="") for step, uri in grids[-1:]]
    missing = html.fill(_PARAGRAPH, text="None found in samples_dir.")
    return {
        "grids": html.join(images or [missing]),
        "newest": f"Step {grids[-1][0]}" if grids else "No grid",
        "reals": html.fill('<img alt="Real images" src="{{uri}}">', uri=reals) if reals else missing,
    }


def _settings(settings):
    """Return tables of the changed settings and of all settings, keyed by their names in the template."""
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


def _images(dataset):
    """Return, as HTML, the number of training images in total and, if there are classes, in each class."""
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


def _table(values):
    return html.fill("<table>\n{{rows}}\n</table>", rows=_fill_each(_ROW, values))


def _fill_each(template, values):
    return html.join(html.fill(template, name=name, value=value) for name, value in values.items())
