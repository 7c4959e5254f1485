"""The rule of each setting: what the params files, the command line and saved runs are checked against.

A new setting is one line here and one commented line at the same place of a params file.
"""

from typing import Dict

from utils.config.rules import (
    SWITCH_CHOICES,
    Rule,
    above_zero,
    always,
    augmentation,
    below_one,
    change,
    colour,
    folder,
    fraction,
    keep,
    number,
    one_of,
    path_or_none,
    picture_size,
    sampling,
    some_of,
    step_or,
    string,
    switch,
    whole,
    zero_or_more,
)
from utils.errors import UserError

# Settings of a run, in the order of params.py.
RUN: Dict[str, Rule] = {
    # Task and folders
    "isTrain": always(switch()),
    "pics_dir": always(folder()),
    "samples_dir": always(folder()),
    "checkpoints_dir": always(folder()),
    "cache_dir": always(folder()),
    "init_from": path_or_none(),
    "freeze_d": keep(whole(0, 8), before=0),
    # Pictures
    "crop": change(one_of("center", "random", "pad", "stretch")),
    "load_size": change(whole(0, 2**12)),
    "background": change(colour()),
    "white_level": change(zero_or_more(2**32), before=0.0),
    "mirror": change(switch()),
    "max_bad": always(fraction()),
    # Length of training
    "epochs": change(whole(1)),
    "max_steps": change(whole(0)),
    # Algorithm
    "batch_size": change(whole(1, 2**20)),
    "k": keep(whole(1)),
    "loss": keep(one_of("non_saturating", "hinge", "least_squares", "wasserstein"), before="non_saturating"),
    "label_smoothing": change(below_one(), before=0.0),
    "gradient_penalty": keep(one_of("none", "r1", "wgan-gp"), before="none"),
    "penalty_weight": change(above_zero()),
    "penalty_every": keep(whole(1, 1000)),
    # Augmentation and averaging
    "augment": change(augmentation(), before="none", former=("auto",)),
    "ema_decay": keep(below_one(), before=0.0, former=(0.999,)),
    # Optimizers and learning rates
    "optimizer": keep(one_of("adam", "rmsprop", "momentum", "sgd", "adagrad")),
    "learning_rate": change(above_zero()),
    "d_learning_rate": change(zero_or_more(), before=0.0),
    "g_learning_rate": change(zero_or_more(), before=0.0),
    "rate_decay_from": change(fraction(), before=1.0),
    "beta1": keep(below_one()),
    "beta2": keep(below_one()),
    "decay": keep(below_one()),
    "momentum": keep(below_one()),
    "initial_accumulator": keep(above_zero()),
    "epsilon": keep(above_zero()),
    # Computation
    "precision": always(change(one_of("auto", "float32", "bfloat16", "float16"), before="float32")),
    "seed": always(keep(whole(0, 2**31 - 1))),
    # Output
    "sample_every": change(whole(0)),
    "train_samples": change(whole(1, 10000)),
    "checkpoint_every": change(whole(0)),
    "grid_columns": always(change(whole(0, 10000))),
    "keep_checkpoints": change(whole(1)),
    "keep_every": change(whole(0)),
    "on_nan": change(one_of("rollback", "stop")),
    "on_lost_game": change(one_of("warn", "rollback"), before="warn"),
    "log_every": change(whole(1)),
    # Workers
    "worker_timeout": whole(1, 10**6),
    # Metrics
    "metrics_every": change(whole(0)),
    "metrics_samples": change(whole(2, 10**6)),
    "metrics_network": always(change(one_of("auto", "inception", "efficientnet", "patches", "none"), before="auto")),
    "inception_graph": always(path_or_none()),
    "best_metric": change(string("auto, or the name of a metric", bool)),
    "stop_when_stale": change(whole(0), before=0),
    # Sampling
    "checkpoint": sampling(step_or("best", "latest")),
    "num_samples": sampling(whole(1)),
    "single": sampling(switch()),
    "sample_seed": sampling(whole(0, 2**31 - 1)),
    "truncation": sampling(number(lambda value: 0 < value <= 1, "above 0, at most 1")),
    "classes": sampling(string("'' for all, or names of class folders with commas between them")),
    "evaluate": sampling(switch()),
    "evaluate_samples": sampling(whole(2, 10**6)),
    # Films, picks and arithmetic
    "picks": sampling(string("'' or numbers of samples, such as '3,17,40-43'")),
    "label_grid": sampling(switch()),
    "walk": sampling(whole(0, 1000)),
    "arithmetic": sampling(string("'' or numbers of samples, such as '3,8,11 - 4,9 + 20,21'")),
    "timelapse": sampling(switch()),
    # Files for other programs
    "export": sampling(some_of("saved_model", "frozen", "tflite", "onnx", "page")),
}

# Settings of the networks, in the order of model/params.py. Sampling reads them from the checkpoint.
NETWORK: Dict[str, Rule] = {
    # Networks
    "image_size": keep(picture_size()),
    "channels": keep(one_of(3, 1, 4)),
    "conditional": keep(switch(), before=0),
    "z_dim": keep(whole(1, 2**16)),
    "filters": keep(whole(1, 2**12)),
    "max_filters": keep(whole(1, 2**12)),
    "d_width": keep(number(lambda value: 0 < value <= 4, "above 0, at most 4"), before=1.0),
    "output_filters": keep(whole(0, 2**12), before=0),
    # Layers
    "kernel": keep(whole(2, 15)),
    "upsample": keep(one_of("smooth", "transposed"), before="transposed"),
    "downsample": keep(one_of("average", "stride")),
    "activation": keep(one_of("leaky_relu", "relu", "elu", "tanh")),
    "leak": keep(below_one()),
    # Initialisation
    "init": keep(one_of("normal", "truncated_normal", "uniform", "glorot", "he")),
    "init_stddev": keep(above_zero()),
    # Normalisation
    "d_norm": keep(one_of("batch", "spectral", "layer", "none"), before="batch"),
    "bn_momentum": keep(below_one()),
    "bn_epsilon": keep(number(lambda value: 2e-5 <= value <= 1, "from 0.00002 to 1")),
    "sync_batch_norm": change(switch(), before=1),
}

ALL = dict(RUN, **NETWORK)


def check(name, value, rule, place):
    """Return `value` converted by the rule; raise UserError with place, setting, value and choices."""
    invalid = UserError(f"{place}: {name} = {quoted(value)} is invalid; expected {rule.choices}")
    if type(value) not in rule.types:
        raise invalid
    try:
        converted = rule.kind(value)
        allowed = rule.allows(converted)
    except (OverflowError, ValueError):  # a whole number with more digits than a float or a text can have
        raise invalid
    if not allowed:
        raise UserError(f"{invalid}{rule.hint(converted)}")
    return converted


def parse(name, text, rule, place):
    """Return the command line's text as the type of its rule, checked as by `check`; a switch may be true or false."""
    if rule.choices == SWITCH_CHOICES:
        text = {"true": "1", "false": "0"}.get(text.lower(), text)
    try:
        value = rule.kind(text)
    except ValueError:
        raise UserError(f"{place}: {name} = {quoted(text)} is invalid; expected {rule.choices}")
    return check(name, value, rule, place)


def plain(value):
    """Return a value as it is typed on the command line."""
    return "''" if value == "" else str(value)


def listed(values):
    """Return {name: value} as 'name = value, name = value'."""
    return ", ".join(f"{name} = {plain(value)}" for name, value in values.items())


def quoted(value, width=60):
    """Return a value for a message: as Python writes it, on one line, cut after `width` characters."""
    try:
        return clipped(repr(value), width)
    except ValueError:  # Python does not convert whole numbers of more than 4300 digits to text
        return "(a number too long to show)"


def clipped(text, width=60):
    """Return `text` for a message, cut after `width` characters."""
    return text if len(text) <= width else text[:width] + "..."
