"""Rank checkpoints by a metric, to choose the best one."""

import numpy as np

from utils.errors import UserError
from utils.metrics import measure

AUTO = ("fid", "swd")  # best_metric = 'auto' means the first of these that can be measured


def metric_of(run):
    """Return the measure.Metric that best_metric means; raise UserError if it cannot be measured or cannot rank."""
    available = {metric.name: metric for metric in measure.available(run)}
    if run.best_metric == "auto":
        return next(available[name] for name in AUTO if name in available)
    ranking = {metric.name: metric for metric in measure.METRICS if metric.slack is not None}
    if run.best_metric not in ranking:
        *names, last = ranking
        raise UserError(f"best_metric = {run.best_metric!r} is invalid; expected auto, {', '.join(names)} or {last}")
    if run.best_metric not in available:
        needs = ranking[run.best_metric].needs
        raise UserError(
            f"best_metric = {run.best_metric!r} needs {needs}; set it in params.py, or best_metric = 'auto'"
        )
    return available[run.best_metric]


def improves(metric, value, best):
    """Return whether this value of a measure.Metric is better than `best`."""
    sign = -1 if metric.better == measure.HIGHER else 1
    return bool(np.isfinite(value)) and sign * value < sign * best


def is_as_good(metric, value, best):
    """Return whether this value of a measure.Metric is better than `best`, or equal to it within the metric's slack."""
    sign = -1 if metric.better == measure.HIGHER else 1
    return bool(np.isfinite(value)) and sign * value <= sign * best + metric.slack * abs(best)
