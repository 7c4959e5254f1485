"""The rule of each setting: what the params files, the command line and saved runs are checked against.

A new setting is one line here and one commented line at the same place of a params file.
"""

from typing import Dict

from utils.config.rules import (
    SWITCH_CHOICES,
    Rule,
    above_zero,
    augmentation,
    below_one,
    changeable_on_resume,
    color,
    comma_list,
    fixed_on_resume,
    folder,
    fraction,
    image_size,
    integer,
    number,
    one_of,
    path_or_none,
    sampling,
    step_or,
    string,
    switch,
    zero_or_more,
)
from utils.errors import UserError

# Settings of a run, in the order of params.py.
RUN: Dict[str, Rule] = {
    # Task and folders
    "isTrain": switch(),
    "pics_dir": folder(),
    "samples_dir": folder(),
    "checkpoints_dir": folder(),
    "cache_dir": folder(),
    "init_from": path_or_none(),
    "freeze_d": fixed_on_resume(integer(0, 8), legacy_value=0),
    # Pictures
    "crop": changeable_on_resume(one_of("center", "random", "pad", "stretch")),
    "load_size": changeable_on_resume(integer(0, 2**12)),
    "background": changeable_on_resume(color()),
    "white_level": changeable_on_resume(zero_or_more(2**32), legacy_value=0.0),
    "mirror": changeable_on_resume(switch()),
    "max_bad": fraction(),
    # Length of training
    "epochs": changeable_on_resume(integer(1)),
    "max_steps": changeable_on_resume(integer(0)),
    # Algorithm
    "batch_size": changeable_on_resume(integer(1, 2**20)),
    "k": fixed_on_resume(integer(1)),
    "loss": fixed_on_resume(
        one_of("non_saturating", "hinge", "least_squares", "wasserstein"), legacy_value="non_saturating"
    ),
    "label_smoothing": changeable_on_resume(below_one(), legacy_value=0.0),
    "gradient_penalty": fixed_on_resume(one_of("none", "r1", "wgan-gp"), legacy_value="none"),
    "penalty_weight": changeable_on_resume(above_zero()),
    "penalty_every": fixed_on_resume(integer(1, 1000)),
    # Augmentation and averaging
    "augment": changeable_on_resume(augmentation(), legacy_value="none", old_defaults=("auto",)),
    "ema_decay": fixed_on_resume(below_one(), legacy_value=0.0, old_defaults=(0.999,)),
    # Optimizers and learning rates
    "optimizer": fixed_on_resume(one_of("adam", "rmsprop", "momentum", "sgd", "adagrad")),
    "learning_rate": changeable_on_resume(above_zero()),
    "d_learning_rate": changeable_on_resume(zero_or_more(), legacy_value=0.0),
    "g_learning_rate": changeable_on_resume(zero_or_more(), legacy_value=0.0),
    "rate_decay_from": changeable_on_resume(fraction(), legacy_value=1.0),
    "beta1": fixed_on_resume(below_one()),
    "beta2": fixed_on_resume(below_one()),
    "decay": fixed_on_resume(below_one()),
    "momentum": fixed_on_resume(below_one()),
    "initial_accumulator": fixed_on_resume(above_zero()),
    "epsilon": fixed_on_resume(above_zero()),
    # Computation
    "precision": changeable_on_resume(one_of("auto", "float32", "bfloat16", "float16"), legacy_value="float32"),
    "seed": fixed_on_resume(integer(0, 2**31 - 1)),
    # Output
    "sample_every": changeable_on_resume(integer(0)),
    "train_samples": changeable_on_resume(integer(1, 10000)),
    "checkpoint_every": changeable_on_resume(integer(0)),
    "grid_columns": changeable_on_resume(integer(0, 10000)),
    "keep_checkpoints": changeable_on_resume(integer(1)),
    "keep_every": changeable_on_resume(integer(0)),
    "on_nan": changeable_on_resume(one_of("rollback", "stop")),
    "on_lost_game": changeable_on_resume(one_of("warn", "rollback"), legacy_value="warn"),
    "log_every": changeable_on_resume(integer(1)),
    # Workers
    "worker_timeout": integer(1, 10**6),
    # Metrics
    "metrics_every": changeable_on_resume(integer(0)),
    "metrics_samples": changeable_on_resume(integer(2, 10**6)),
    "metrics_network": changeable_on_resume(
        one_of("auto", "inception", "efficientnet", "patches", "none"), legacy_value="auto"
    ),
    "inception_graph": path_or_none(),
    "best_metric": changeable_on_resume(string("auto, or the name of a metric", bool)),
    "stop_when_stale": changeable_on_resume(integer(0), legacy_value=0),
    # Sampling
    "checkpoint": sampling(step_or("best", "latest")),
    "num_samples": sampling(integer(1, 10**6)),
    "single": sampling(switch()),
    "sample_seed": sampling(integer(0, 2**31 - 1)),
    "truncation": sampling(number(lambda value: 0 < value <= 1, "above 0, at most 1")),
    "classes": sampling(string("'' for all, or names of class folders with commas between them")),
    "evaluate": sampling(switch()),
    "evaluate_samples": sampling(integer(2, 10**6)),
    # Films, picks and arithmetic
    "picks": sampling(string("'' or numbers of samples, such as '3,17,40-43'")),
    "label_grid": sampling(switch()),
    "walk": sampling(integer(0, 1000)),
    "arithmetic": sampling(string("'' or numbers of samples, such as '3,8,11 - 4,9 + 20,21'")),
    "timelapse": sampling(switch()),
    # Files for other programs
    "export": sampling(comma_list("saved_model", "frozen", "tflite", "onnx", "page")),
}

# Settings of the networks, in the order of model/params.py. Sampling reads them from the checkpoint.
NETWORK: Dict[str, Rule] = {
    # Networks
    "image_size": fixed_on_resume(image_size()),
    "channels": fixed_on_resume(one_of(3, 1, 4)),
    "conditional": fixed_on_resume(switch(), legacy_value=0),
    "z_dim": fixed_on_resume(integer(1, 2**16)),
    "filters": fixed_on_resume(integer(1, 2**12)),
    "max_filters": fixed_on_resume(integer(1, 2**12)),
    "d_width": fixed_on_resume(number(lambda value: 0 < value <= 4, "above 0, at most 4"), legacy_value=1.0),
    "output_filters": fixed_on_resume(integer(0, 2**12), legacy_value=0),
    # Layers
    "kernel": fixed_on_resume(integer(2, 15)),
    "upsample": fixed_on_resume(one_of("smooth", "transposed"), legacy_value="transposed"),
    "downsample": fixed_on_resume(one_of("average", "stride")),
    "activation": fixed_on_resume(one_of("leaky_relu", "relu", "elu", "tanh")),
    "leak": fixed_on_resume(below_one()),
    # Initialisation
    "init": fixed_on_resume(one_of("normal", "truncated_normal", "uniform", "glorot", "he")),
    "init_stddev": fixed_on_resume(above_zero()),
    # Normalisation
    "d_norm": fixed_on_resume(one_of("batch", "spectral", "layer", "none"), legacy_value="batch"),
    "bn_momentum": fixed_on_resume(below_one()),
    "bn_epsilon": fixed_on_resume(number(lambda value: 2e-5 <= value <= 1, "from 0.00002 to 1")),
    "sync_batch_norm": changeable_on_resume(switch(), legacy_value=1),
}

ALL = dict(RUN, **NETWORK)


def check(name, value, rule, place):
    """Return `value` converted by the rule; raise UserError with place, setting, value and choices."""
    invalid = UserError(f"{place}: {name} = {short_repr(value)} is invalid; expected {rule.choices}")
    if type(value) not in rule.types:
        raise invalid
    try:
        converted = rule.kind(value)
        allowed = rule.is_valid(converted)
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
        raise UserError(f"{place}: {name} = {short_repr(text)} is invalid; expected {rule.choices}")
    return check(name, value, rule, place)


def format_value(value):
    """Return a value as it is typed on the command line."""
    return "''" if value == "" else str(value)


def listed(values):
    """Return {name: value} as 'name = value, name = value'."""
    return ", ".join(f"{name} = {format_value(value)}" for name, value in values.items())


def short_repr(value, width=60):
    """Return a value for a message: as Python writes it, on one line, cut after `width` characters."""
    try:
        return truncate(repr(value), width)
    except ValueError:  # Python does not convert whole numbers of more than 4300 digits to text
        return "(a number too long to show)"


def truncate(text, width=60):
    """Return `text` for a message, cut after `width` characters."""
    return text if len(text) <= width else text[:width] + "..."
