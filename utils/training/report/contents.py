"""The parts of the report beside its curves: what is known of the run, as HTML."""

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

_SHOWN = 20  # classes that are shown without a click
_FACT = "<div><dt>{{name}}</dt><dd>{{value}}</dd></div>"
_GRID = '<img alt="Samples at step {{step}}" data-step="{{step}}" src="{{uri}}"{{hidden}}>'
_TABLE = "<table>\n{{rows}}\n</table>"
_TITLED = "<div>\n<h3>{{title}}</h3>\n{{table}}\n</div>"
_ROW = '<tr><th scope="row">{{name}}</th><td>{{value}}</td></tr>'
_PARAGRAPH = '<p class="muted">{{text}}</p>'


def facts(state):
    """Return where the run is, as a list of terms."""
    row, best, rollbacks = state.row, state.saved.best, state.saved.rollbacks
    pairs = [("Step", f"{state.step} of {state.total}"), ("Images seen", f"{state.pictures_seen:,}")]
    if row:
        pairs[1] = ("Images seen", f"{state.pictures_seen:,} (epoch {row['epoch']:.1f})")
        pairs.append(("Images per second", f"{row['pictures_per_second']:.0f}"))
        seconds_left = (state.total - state.step) * row["seconds"] / max(1, state.step - state.first_step)
        pairs.append(("Time left", tqdm.format_interval(seconds_left) if seconds_left else "none (finished)"))
    of_best = f"step {best.step}: {best.metric} {best.value:.4g}" if best else "none yet"
    pairs.append(("Best checkpoint", of_best))
    if rollbacks:
        pairs.append(("Rollbacks", f"from step {', '.join(map(str, rollbacks))}"))
    return html.joined(html.fill(_FACT, name=name, value=value) for name, value in pairs)


def warnings():
    """Return the warnings of this process, as a list."""
    if not recorded_warnings():
        return html.fill(_PARAGRAPH, text="None since this process was started.")
    items = html.joined(html.fill("<li>{{text}}</li>", text=warning) for warning in recorded_warnings())
    said = html.fill(_PARAGRAPH, text="Given since this process was started.")
    return html.fill('{{said}}\n<ul class="warnings">\n{{items}}\n</ul>', said=said, items=items)


def sheets(grids, reals):
    """Return the images of the template, and the text below them.

    grids: (step, URI) by step, of which a page without scripts shows the last one. reals: the URI of the real images,
    or None.
    """
    hidden = [html.Markup(" hidden")] * (len(grids) - 1) + [""]
    images = [html.fill(_GRID, step=step, uri=uri, hidden=hide) for (step, uri), hide in zip(grids, hidden)]
    missing = html.fill(_PARAGRAPH, text="There is none in samples_dir.")
    return {
        "grids": html.joined(images or [missing]),
        "newest": f"Step {grids[-1][0]}" if grids else "No grid",
        "reals": html.fill('<img alt="Real images" src="{{uri}}">', uri=reals) if reals else missing,
    }


def classes_in_grids(classes):
    """Return where the classes are in the grids, as text; classes: those that are learned."""
    names = textwrap.shorten(", ".join(classes), 200, placeholder=" ...")
    return f"Classes from the top: {names}; classes.csv beside the grids says where each is." if classes else ""


def settings(settings):
    """Return tables of the Settings: those that were chosen, and all."""
    values = dict(settings.run._asdict(), **settings.network._asdict())
    values = {name: schema.format_value(value) for name, value in values.items() if not schema.ALL[name].sampling}
    names = [name for name in values if name in settings.explicit]
    tables = [_titled(file, {name: values[name] for name in rules if name in values}) for file, rules in FILES.items()]
    return html.fill(
        "{{first}}\n<details>\n<summary>All settings of training</summary>\n"
        '<div class="columns">\n{{tables}}\n</div>\n</details>',
        first=_titled("Changed in a params file, or given on the command line", {name: values[name] for name in names})
        if names
        else html.fill(_PARAGRAPH, text="All are at their defaults."),
        tables=html.joined(tables),
    )


def images(prepared):
    """Return the number of training images in each class."""
    counts = np.bincount(prepared.labels - NONE, minlength=len(prepared.classes) + 1).tolist()
    numbers = dict(zip(prepared.classes, counts[1:]))
    if not numbers:
        return html.fill(_PARAGRAPH, text=f"{prepared.n} images")
    caption = f"{prepared.n} images in {len(numbers)} {'class' if len(numbers) == 1 else 'classes'}"
    if counts[0]:
        caption += f", {counts[0]} of them in none"
    return html.fill(
        "<details{{open}}>\n<summary>{{caption}}</summary>\n{{table}}\n</details>",
        open=html.Markup(" open" if len(numbers) <= _SHOWN else ""),
        caption=caption,
        table=_table(numbers),
    )


def _titled(title, values):
    return html.fill(_TITLED, title=title, table=_table(values))


def _table(values):
    rows = html.joined(html.fill(_ROW, name=name, value=value) for name, value in values.items())
    return html.fill(_TABLE, rows=rows)


def versions(run_id):
    """Return what the page was written by, as text."""
    return (
        f"Run {run_id}. Written by version {VERSION} of the program, with TensorFlow {tf.__version__} and Python "
        f"{platform.python_version()}. Curves by uPlot (MIT)."
    )
