"""Rank checkpoints by a metric, to choose the best one."""

import numpy as np

from utils.errors import UserError
from utils.metrics import features, registry

AUTO = (
    "fid",
    "frechet_distance",
    "patch_distance",
    "swd",
)  # best_metric = 'auto' means the first of these that can be measured


def resolve_metric(run, network):
    """Return the registry.Metric that best_metric means.

    network: the kind of network that there is, see features. Raise UserError if the metric cannot be measured with it,
    or cannot rank.
    """
    available = {metric.name: metric for metric in registry.available(network)}
    if run.best_metric == "auto":
        return next(available[name] for name in AUTO if name in available)
    ranking = {metric.name: metric for metric in registry.METRICS if metric.tolerance is not None}
    if run.best_metric not in ranking:
        *names, last = ranking
        raise UserError(f"best_metric = {run.best_metric!r} is invalid; expected auto, {', '.join(names)} or {last}")
    if run.best_metric not in available:
        raise UserError(
            f"best_metric = {run.best_metric!r} {_missing(run, ranking[run.best_metric].needs[0])}, or set "
            "best_metric = 'auto' in params.py"
        )
    return available[run.best_metric]


def _missing(run, network):
    """Say what a metric needs that the settings do not give."""
    if run.metrics_network not in ("auto", network):
        return f"needs metrics_network = {network!r}, which is {run.metrics_network!r}; change that"
    if network == features.EFFICIENTNET and run.inception_graph:
        return "needs metrics_network = 'efficientnet', since inception_graph is set; set it"
    if network == features.INCEPTION:
        return "needs inception_graph; set it to the path of the Inception network"
    if network == features.PATCHES:
        return "needs metrics_network = 'patches'; set it"
    return f"needs a network that is not installed; {features.INSTALL}"


def improves(metric, value, best):
    """Return whether this value of a registry.Metric is better than `best`."""
    sign = -1 if metric.better == registry.HIGHER else 1
    return bool(np.isfinite(value)) and sign * value < sign * best


def is_as_good(metric, value, best):
    """Return whether this value of a Metric is better than `best`, or equal to it within the metric's tolerance."""
    sign = -1 if metric.better == registry.HIGHER else 1
    return bool(np.isfinite(value)) and sign * value <= sign * best + metric.tolerance * abs(best)
