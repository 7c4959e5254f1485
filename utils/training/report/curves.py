"""The curves of the report: what history.csv has, as charts for report.js."""

import math
from typing import NamedTuple, Optional, Tuple

from utils.metrics import registry
from utils.output import history

_MAX_ROWS = 2000


class Chart(NamedTuple):
    """Columns of history.csv that are drawn together."""

    title: str
    note: str
    lines: Tuple[Tuple[str, str], ...]  # (label, column)
    range: Optional[Tuple[float, float]] = None  # of the vertical axis; None: that of the values
    better: str = ""  # of a metric: registry.LOWER, registry.HIGHER or ""


_OF_LOSSES = (
    Chart(
        "Losses",
        "Unlike in supervised training, they need not fall.",
        (("loss of D", "d_loss"), ("loss of G", "g_loss")),
    ),
    Chart(
        "D(x) and D(G(z))",
        "The probability of being real that D gives to images, and to samples. 1 and 0: D has won.",
        (("D(x)", "d_real"), ("D(G(z))", "d_fake")),
        (0.0, 1.0),
    ),
)
_OF_COURSE = (
    Chart(
        "Augmentation",
        "How far D is ahead of G, from -1 to 1, and the share of images that are changed before D sees them.",
        (("lead of D", "lead"), ("augmented", "augmented")),
    ),
    Chart("Speed", "Images per second, in training.", (("images/s", "pictures_per_second"),)),
)


def charts(checkpoints_dir, step):
    """Return the charts of history.csv up to a step, each a dict that JSON can hold.

    title, note, steps; lines: of label and values, null where there is none; range; best: the step and the value of the
    best one of a measure, or null.
    """
    rows = history.rows_up_to(checkpoints_dir, step, _MAX_ROWS)
    drawn = [_drawn(chart, rows) for chart in (*_OF_LOSSES, *map(_of_metric, registry.METRICS), *_OF_COURSE)]
    return [chart for chart in drawn if chart["steps"]]


def _of_metric(metric):
    what = (metric.compute.__doc__ or "").split("\n")[0]
    note = f"{what} {metric.better.capitalize()}.".replace(" .", "") if metric.better else what
    return Chart(metric.name, note, ((metric.name, metric.name),), better=metric.better)


def _drawn(chart, rows):
    columns = [column for _, column in chart.lines]
    rows = [row for row in rows if any(column in row for column in columns)]
    lines = [{"label": label, "values": [_number(row, column) for row in rows]} for label, column in chart.lines]
    steps = [int(row["step"]) for row in rows]
    best = _best(steps, lines[0]["values"], chart.better)
    return {
        "title": chart.title,
        "note": chart.note,
        "steps": steps,
        "lines": lines,
        "range": chart.range,
        "best": best,
    }


def _number(row, column):
    value = row.get(column, math.nan)
    return value if math.isfinite(value) else None


def _best(steps, values, better):
    """Return the step and the value of the best one, the latest of equal ones; None if neither end is better."""
    sign = -1 if better == registry.LOWER else 1
    finite = [(sign * value, step) for step, value in zip(steps, values) if value is not None]
    if not better or not finite:
        return None
    value, step = max(finite)
    return {"step": step, "value": sign * value}
