"""The report's curves: the columns of history.csv as charts for report.js."""

import math
from typing import Dict, NamedTuple, Optional, Tuple

from utils.metrics import registry
from utils.output import history

_MAX_ROWS = 2000


class Chart(NamedTuple):
    """Columns of history.csv that are drawn together."""

    title: str
    note: str
    lines: Dict[str, str]  # {label: column}
    range: Optional[Tuple[float, float]] = None  # limits of the vertical axis; None: derived from the values
    better: str = ""  # registry.LOWER or registry.HIGHER for a metric; "": neither


_LOSSES = (
    Chart(
        "Losses",
        "Unlike in supervised training, these losses need not decrease.",
        {"loss of D": "d_loss", "loss of G": "g_loss"},
    ),
    Chart(
        "D(x) and D(G(z))",
        "The probability of being real that D assigns to real images and to samples. At 1 and 0, D has won.",
        {"D(x)": "d_real", "D(G(z))": "d_fake"},
        (0.0, 1.0),
    ),
)
_PROGRESS = (
    Chart(
        "Augmentation",
        "How far D is ahead of G, from -1 to 1, and the fraction of images that are augmented before D sees them.",
        {"lead of D": "lead", "augmented": "augmented"},
    ),
    Chart("Speed", "Training images per second.", {"images/s": "pictures_per_second"}),
)


def charts(checkpoints_dir, step):
    """Return the charts of history.csv up to a step as JSON-serializable dicts with the fields of Chart and these:

    steps: a list; lines: a list of {label, values}, None for missing values; best: a metric's {step, value}, or None.
    """
    rows = history.rows_up_to(checkpoints_dir, step, _MAX_ROWS)
    drawn = [_draw(chart, rows) for chart in (*_LOSSES, *map(_metric_chart, registry.METRICS), *_PROGRESS)]
    return [chart for chart in drawn if chart["steps"]]


def _metric_chart(metric):
    note = (metric.compute.__doc__ or "").split("\n")[0]
    if metric.better:
        note = f"{note} {metric.better.capitalize()}."
    return Chart(metric.name, note, {metric.name: metric.name}, better=metric.better)


def _draw(chart, rows):
    rows = [row for row in rows if any(column in row for column in chart.lines.values())]
    steps = [int(row["step"]) for row in rows]
    values = {label: [_finite(row.get(column)) for row in rows] for label, column in chart.lines.items()}
    lines = [{"label": label, "values": line} for label, line in values.items()]
    return {**chart._asdict(), "steps": steps, "lines": lines, "best": _best(steps, lines[0]["values"], chart.better)}


def _finite(value):
    return value if value is not None and math.isfinite(value) else None


def _best(steps, values, better):
    """Return the best value and its step, the latest step in a tie; None without a best value."""
    finite = [(registry.sign(better) * value, -step, value) for step, value in zip(steps, values) if value is not None]
    if not better or not finite:
        return None
    _, step, value = min(finite)
    return {"step": -step, "value": value}
