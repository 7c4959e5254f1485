"""Combinations of settings that cannot work, although each value is valid alone."""

import os

from utils.config import sizes
from utils.errors import UserError

_TASKS = ("evaluate", "export", "timelapse", "arithmetic", "walk")  # of sampling, beside plain samples
_NO_EFFECT = {
    "picks": ("evaluate", "timelapse", "arithmetic"),
    "classes": ("evaluate", "export", "timelapse", "arithmetic", "picks"),
    "label_grid": _TASKS,
    "single": _TASKS,
}
_UNUSED = {  # what a task does without, although plain samples need it; the first task that is asked for counts
    "evaluate": ("num_samples", "sample_seed", "truncation", "grid_columns"),
    "export": ("num_samples", "truncation", "grid_columns", "precision"),
    "timelapse": ("num_samples", "sample_seed", "truncation", "grid_columns", "precision"),
    "arithmetic": ("num_samples", "grid_columns"),
    "walk": ("num_samples", "grid_columns"),
    "picks": ("num_samples",),
}
_REASONS = {("classes", "picks"): ", which name their classes", ("classes", "arithmetic"): ", whose picks name theirs"}
_WRITTEN_FOLDERS = ("samples_dir", "checkpoints_dir", "cache_dir")


def check_together(run, network):
    """Raise UserError for the first combination of settings that cannot work.

    Only for training: sampling reads its network from the checkpoint and needs no pictures.
    """
    for check in CHECKS:
        for problem in check(run, network):
            raise UserError(problem)


def check_request(run):
    """Raise UserError if sampling is asked for two things at once; only for sampling."""
    tasks = [name for name in _TASKS if getattr(run, name)]
    if len(tasks) > 1:
        raise UserError(f"{' and '.join(tasks)} cannot be done by one command; set only one of them")
    for name, without in _NO_EFFECT.items():
        for other in without:
            if getattr(run, name) and getattr(run, other):
                raise UserError(
                    f"{name} has no effect with {other}{_REASONS.get((name, other), '')}; leave one of them out"
                )
    if run.picks and run.export and "page" not in run.export:
        raise UserError(f"picks has no effect with export = {run.export!r}; leave it out, or export a page, too")


def unused(run):
    """Return (what is asked for when sampling, the names of settings that have no effect with it)."""
    asked = next((task for task in _UNUSED if getattr(run, task)), "plain samples")
    of_others = () if run.evaluate else ("evaluate_samples",)
    return asked, _UNUSED.get(asked, ()) + of_others


def _losses(run, network):
    if run.loss == "wasserstein" and run.gradient_penalty == "none":
        yield (
            "loss = 'wasserstein' needs a gradient penalty, without which D's output grows without bounds; set "
            "gradient_penalty = 'wgan-gp' or 'r1', or another loss, in params.py"
        )
    if run.gradient_penalty == "wgan-gp" and network.d_norm == "batch":
        yield (
            "gradient_penalty = 'wgan-gp' needs the gradient of each picture alone, but d_norm = 'batch' mixes the "
            "pictures of a batch; set d_norm = 'layer', 'spectral' or 'none' in model/params.py"
        )
    if run.label_smoothing and run.loss not in ("non_saturating", "least_squares"):
        yield (
            f"label_smoothing = {run.label_smoothing:g} has no effect with loss = {run.loss!r}, which has no labels; "
            "set label_smoothing = 0, or loss = 'non_saturating' or 'least_squares', in params.py"
        )
    if run.penalty_every > 1 and run.gradient_penalty == "none":
        yield (
            f"penalty_every = {run.penalty_every} has no effect with gradient_penalty = 'none'; set penalty_every = 1, "
            "or a gradient_penalty, in params.py"
        )


def _sizes(run, network):
    if network.max_filters < network.filters:
        yield (
            f"max_filters = {network.max_filters} is less than filters = {network.filters}; raise max_filters or lower "
            "filters in model/params.py"
        )
    if run.crop == "random" and 0 < run.load_size < min(network.height, network.width):
        shorter = "" if network.height == network.width else "the shorter side of "
        yield (
            f"load_size = {run.load_size} is less than {shorter}image_size = {network.image_size}, the size of the "
            "windows cut from it; raise load_size, or set it to 0, in params.py"
        )


def _frozen(run, network):
    layers = sizes.doublings(network.image_size)
    if run.freeze_d > layers:
        yield (
            f"freeze_d = {run.freeze_d} is more than the {layers} convolutions of D with image_size = "
            f"{network.image_size}; set it to {layers} or less in params.py"
        )
    if run.freeze_d and not run.init_from:
        yield (
            f"freeze_d = {run.freeze_d} keeps weights of init_from, which is not set; set it, or freeze_d = 0, in "
            "params.py"
        )


def _metrics(run, network):
    if run.inception_graph and not os.path.isfile(run.inception_graph):
        yield (
            f"inception_graph = {run.inception_graph} is not a file; set it to the path of the Inception network, or "
            "to '', in params.py"
        )
    if run.metrics_network == "inception" and not run.inception_graph:
        yield (
            "metrics_network = 'inception' needs inception_graph; set it to the path of the Inception network, or "
            "metrics_network = 'auto', in params.py"
        )
    if run.stop_when_stale and not run.metrics_every:
        yield (
            f"stop_when_stale = {run.stop_when_stale} has no effect with metrics_every = 0; set stop_when_stale = 0, "
            "or metrics_every = 1000, in params.py"
        )


def _folders(run, network):
    for name in _WRITTEN_FOLDERS:
        folder = getattr(run, name)
        if _is_inside(folder, run.pics_dir):
            yield (
                f"{name} = {folder} is inside pics_dir = {run.pics_dir}, where every picture is trained on; choose a "
                "folder outside it"
            )


CHECKS = (_losses, _sizes, _frozen, _metrics, _folders)


def _is_inside(path, folder):
    """Say whether a path is a folder or lies below it; on Windows they may be on different drives."""
    path, folder = (os.path.normcase(os.path.realpath(name)) for name in (path, folder))
    return (path + os.sep).startswith(folder.rstrip(os.sep) + os.sep)
