"""Combinations of settings that cannot work, although each value is valid alone."""

import os

from model import shapes
from utils.errors import UserError

_WRITTEN_FOLDERS = ("samples_dir", "checkpoints_dir", "cache_dir")


def check_together(run, network):
    """Raise UserError for the first combination of settings that cannot work.

    Only for training: sampling reads its network from the checkpoint and needs no images.
    """
    for check in CHECKS:
        for problem in check(run, network):
            raise UserError(problem)


def _losses(run, network):
    if run.loss == "wasserstein" and run.gradient_penalty == "none":
        yield (
            "loss = 'wasserstein' needs a gradient penalty, without which D's output grows without bounds; set "
            "gradient_penalty = 'wgan-gp' or 'r1', or another loss, in params.py"
        )
    if run.gradient_penalty == "wgan-gp" and network.d_norm == "batch":
        yield (
            "gradient_penalty = 'wgan-gp' needs the gradient of each image alone, but d_norm = 'batch' mixes the "
            "images of a batch; set d_norm = 'layer', 'spectral' or 'none' in model/params.py"
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
    layers = shapes.num_doublings(network.image_size)
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
                f"{name} = {folder} is inside pics_dir = {run.pics_dir}, where every image is trained on; choose a "
                "folder outside it"
            )


CHECKS = (_losses, _sizes, _frozen, _metrics, _folders)


def _is_inside(path, folder):
    """Say whether a path is a folder or lies below it; on Windows they may be on different drives."""
    path, folder = (os.path.normcase(os.path.realpath(name)) for name in (path, folder))
    return (path + os.sep).startswith(folder.rstrip(os.sep) + os.sep)
