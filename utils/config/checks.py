"""Checks for combinations of settings that cannot work, although each value is valid on its own."""

import os

from model import shapes
from utils.errors import UserError


def check_together(run, network):
    """Raise UserError for the first combination of settings that cannot work.

    Call this function only for training: sampling reads its network from the checkpoint and needs no images.
    """
    for problem in (*_losses(run, network), *_network(run, network), *_metrics(run), *_folders(run)):
        raise UserError(problem)


def _losses(run, network):
    if run.loss == "wasserstein" and run.gradient_penalty == "none":
        problem = "loss = 'wasserstein' needs a gradient penalty, without which D's output grows without bounds"
        yield f"{problem}; set gradient_penalty = 'wgan-gp' or 'r1', or a different loss, in params.py"
    if run.gradient_penalty == "wgan-gp" and network.d_norm == "batch":
        problem = "gradient_penalty = 'wgan-gp' needs the gradient of each image, but d_norm = 'batch' mixes images"
        yield f"{problem} of a batch; set d_norm = 'layer', 'spectral' or 'none' in model/params.py"
    if run.label_smoothing and run.loss not in ("non_saturating", "least_squares"):
        problem = f"label_smoothing = {run.label_smoothing:g} has no effect with loss = {run.loss!r}"
        yield f"{problem}; set label_smoothing = 0, or loss = 'non_saturating' or 'least_squares', in params.py"
    if run.penalty_every > 1 and run.gradient_penalty == "none":
        yield f"penalty_every = {run.penalty_every} needs a gradient_penalty; set one or penalty_every = 1 in params.py"


def _network(run, network):
    size, layers = network.image_size, shapes.num_doublings(network.image_size)
    if network.max_filters < network.filters:
        problem = f"max_filters = {network.max_filters} is less than filters = {network.filters}"
        yield f"{problem}; raise max_filters or lower filters in model/params.py"
    if run.crop == "random" and 0 < run.load_size < min(network.height, network.width):
        shorter = "" if network.height == network.width else "the shorter side of "
        problem = f"load_size = {run.load_size} is less than {shorter}image_size = {size}, the size of the windows"
        yield f"{problem} cut from it; raise load_size, or set it to 0, in params.py"
    if run.freeze_d > layers:
        problem = f"freeze_d = {run.freeze_d} is more than the {layers} convolutions of D with image_size = {size}"
        yield f"{problem}; set it to {layers} or less in params.py"
    if run.freeze_d and not run.init_from:
        yield f"freeze_d = {run.freeze_d} needs init_from; set init_from, or freeze_d = 0, in params.py"


def _metrics(run):
    if run.inception_graph and not os.path.isfile(run.inception_graph):
        problem = f"inception_graph = {run.inception_graph} is not a file"
        yield f"{problem}; set it to the path of the Inception network, or to '', in params.py"
    if run.metrics_network == "inception" and not run.inception_graph:
        yield "metrics_network = 'inception' needs inception_graph; set it, or metrics_network = 'auto', in params.py"
    if run.stop_when_stale and not run.metrics_every:
        yield f"stop_when_stale = {run.stop_when_stale} needs metrics_every above 0; set one of them in params.py"


def _folders(run):
    pics_dir = normalized(run.pics_dir)
    for name, folder in outputs(run):
        if normalized(folder).startswith(pics_dir):
            problem = f"{name} = {folder} is inside pics_dir = {run.pics_dir}, which holds training images"
            yield f"{problem} only; set {name} to a folder outside it"


def outputs(run):
    """Return (setting, folder) of each folder that a run writes to."""
    return [(name, getattr(run, name)) for name in ("samples_dir", "checkpoints_dir", "cache_dir")]


def normalized(folder):
    """Return the normalized real path of a folder, ending in a separator: it is a prefix of all paths inside."""
    return os.path.join(os.path.normcase(os.path.realpath(folder)), "")
