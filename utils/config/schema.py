"""The rule for each setting; params files, the command line and saved runs are checked against it.

To add a setting, add one line here, and one line with a comment at the same place in a params file.
"""

import contextlib

from utils.config import rules
from utils.config.rules import changeable_on_resume, fixed_on_resume, sampling
from utils.errors import UserError

# Run settings, in the order of params.py.
RUN = {
    # Task and folders
    "isTrain": rules.switch(1),
    "pics_dir": rules.folder("pics"),
    "samples_dir": rules.folder("samples"),
    "checkpoints_dir": rules.folder("checkpoints"),
    "cache_dir": rules.folder("checkpoints/cache"),
    "init_from": rules.path_or_none(),
    "freeze_d": fixed_on_resume(rules.integer(0, lowest=0, highest=8), legacy_value=0),
    # Pictures
    "crop": changeable_on_resume(rules.one_of("center", "random", "pad", "stretch")),
    "load_size": changeable_on_resume(rules.integer(0, lowest=0, highest=2**12)),
    "background": changeable_on_resume(rules.color("white")),
    "white_level": changeable_on_resume(rules.number(0.0, lowest=0, highest=2**32), legacy_value=0.0),
    "mirror": changeable_on_resume(rules.switch(0)),
    "max_megapixels": changeable_on_resume(rules.integer(179, lowest=1, highest=10**5), legacy_value=179),
    "max_bad": rules.number(0.5, lowest=0, highest=1),
    # Length of training
    "epochs": changeable_on_resume(rules.integer(300, lowest=1)),
    "max_steps": changeable_on_resume(rules.integer(0, lowest=0)),
    "max_minutes": rules.number(0.0, lowest=0, highest=10**6),
    # Algorithm
    "batch_size": changeable_on_resume(rules.integer(8, lowest=1, highest=2**20)),
    "k": fixed_on_resume(rules.integer(1, lowest=1)),
    "loss": fixed_on_resume(
        rules.one_of("non_saturating", "hinge", "least_squares", "wasserstein"), legacy_value="non_saturating"
    ),
    "label_smoothing": changeable_on_resume(rules.below_one(0.0), legacy_value=0.0),
    "gradient_penalty": fixed_on_resume(rules.one_of("none", "r1", "wgan-gp"), legacy_value="none"),
    "penalty_weight": changeable_on_resume(rules.above_zero(10.0)),
    "penalty_every": fixed_on_resume(rules.integer(1, lowest=1, highest=1000)),
    # Augmentation and averaging
    "augment": changeable_on_resume(
        rules.comma_list(("adaptive", "auto", "none"), rules.AUGMENTATIONS), legacy_value="none", old_defaults=("auto",)
    ),
    "ema_decay": fixed_on_resume(rules.below_one(0.9998), legacy_value=0.0, old_defaults=(0.999,)),
    # Optimizers and learning rates
    "optimizer": fixed_on_resume(rules.one_of("adam", "rmsprop", "momentum", "sgd", "adagrad")),
    "learning_rate": changeable_on_resume(rules.above_zero(0.0003)),
    "d_learning_rate": changeable_on_resume(rules.number(0.0, lowest=0, highest=10**6), legacy_value=0.0),
    "g_learning_rate": changeable_on_resume(rules.number(0.0, lowest=0, highest=10**6), legacy_value=0.0),
    "rate_decay_from": changeable_on_resume(rules.number(1.0, lowest=0, highest=1), legacy_value=1.0),
    "beta1": fixed_on_resume(rules.below_one(0.5)),
    "beta2": fixed_on_resume(rules.below_one(0.999)),
    "decay": fixed_on_resume(rules.below_one(0.9)),
    "momentum": fixed_on_resume(rules.below_one(0.9)),
    "initial_accumulator": fixed_on_resume(rules.above_zero(0.1)),
    "epsilon": fixed_on_resume(rules.above_zero(1e-8)),
    # Computation
    "precision": changeable_on_resume(  # up to version 0.12, 'auto' was recorded as float16 on a GPU
        rules.one_of("auto", "float32", "bfloat16", "float16"), legacy_value="float32", old_defaults=("float16",)
    ),
    "seed": fixed_on_resume(rules.integer(0, lowest=0, highest=2**31 - 1)),
    # Output
    "sample_every": changeable_on_resume(rules.integer(100, lowest=0)),
    "train_samples": changeable_on_resume(rules.integer(64, lowest=1, highest=10000)),
    "checkpoint_every": changeable_on_resume(rules.integer(500, lowest=0)),
    "grid_columns": changeable_on_resume(rules.integer(0, lowest=0, highest=10000)),
    "keep_checkpoints": changeable_on_resume(rules.integer(3, lowest=1)),
    "keep_every": changeable_on_resume(rules.integer(0, lowest=0)),
    "on_nan": changeable_on_resume(rules.one_of("rollback", "stop")),
    "on_lost_game": changeable_on_resume(rules.one_of("warn", "rollback"), legacy_value="warn"),
    "log_every": changeable_on_resume(rules.integer(10, lowest=1)),
    # Workers
    "worker_timeout": rules.integer(1800, lowest=1, highest=10**6),
    # Metrics
    "metrics_every": changeable_on_resume(rules.integer(1000, lowest=0)),
    "metrics_samples": changeable_on_resume(rules.integer(256, lowest=2, highest=10**6)),
    "metrics_network": changeable_on_resume(
        rules.one_of("auto", "inception", "efficientnet", "efficientnet-lite2", "patches", "none"), legacy_value="auto"
    ),
    "inception_graph": rules.path_or_none(),
    "best_metric": changeable_on_resume(rules.string("auto", "auto, or the name of a metric", bool)),
    "stop_when_stale": changeable_on_resume(rules.integer(0, lowest=0), legacy_value=0),
    # Sampling
    "checkpoint": sampling(rules.step_or("best", "latest")),
    "num_samples": sampling(rules.integer(64, lowest=1)),
    "single": sampling(rules.switch(0)),
    "sample_seed": sampling(rules.integer(0, lowest=0, highest=2**31 - 1)),
    "truncation": sampling(rules.above_zero(1.0, highest=1)),
    "classes": sampling(rules.string("", "'' for all, or names of class folders, separated by commas")),
    "evaluate": sampling(rules.switch(0)),
    "evaluate_samples": sampling(rules.integer(2048, lowest=2, highest=10**6)),
    # Films, picks and arithmetic
    "picks": sampling(rules.string("", "'' or numbers of samples, such as '3,17,40-43'")),
    "label_grid": sampling(rules.switch(0)),
    "walk": sampling(rules.frames_or_seconds(1000)),
    "walk_ease": sampling(rules.switch(0)),
    "walk_hold": sampling(rules.number(0.0, lowest=0, highest=60)),
    "along": sampling(rules.integer(0, lowest=0, highest=2**16)),
    "film_scale": sampling(rules.integer(1, lowest=1, highest=8)),
    "film_filter": sampling(rules.one_of("lanczos", "nearest")),
    "arithmetic": sampling(rules.string("", "'' or numbers of samples, such as '3,8,11 - 4,9 + 20,21'")),
    "timelapse": sampling(rules.switch(0)),
    # Latent space
    "directions": sampling(rules.integer(0, lowest=0, highest=100)),
    "project": sampling(rules.string("", "'' or paths of images or folders, separated by commas")),
    "project_film": sampling(rules.switch(0)),
    # Files for other programs
    "export": sampling(rules.comma_list(("",), ("saved_model", "frozen", "tflite", "onnx", "page"))),
}

# Network settings, in the order of model/params.py. Sampling reads them from the checkpoint.
NETWORK = {
    # Networks
    "image_size": fixed_on_resume(rules.image_size(64)),
    "channels": fixed_on_resume(rules.one_of(3, 1, 4)),
    "conditional": fixed_on_resume(rules.switch(0), legacy_value=0),
    "z_dim": fixed_on_resume(rules.integer(100, lowest=1, highest=2**16)),
    "filters": fixed_on_resume(rules.integer(32, lowest=1, highest=2**12)),
    "max_filters": fixed_on_resume(rules.integer(1024, lowest=1, highest=2**12)),
    "d_width": fixed_on_resume(rules.above_zero(0.5, highest=4), legacy_value=1.0),
    "output_filters": fixed_on_resume(rules.integer(16, lowest=0, highest=2**12), legacy_value=0),
    "skip_excitation": fixed_on_resume(rules.switch(1), legacy_value=0),
    # A resumed run keeps the values of 'auto'; a run that starts from its weights need not keep legacy values.
    "d_features": fixed_on_resume(rules.one_of("auto", "efficientnet", "none"), "none")._replace(old_defaults=()),
    "clusters": fixed_on_resume(rules.one_of(32, 0, 2, 4, 8, 16, 64, 128, 256), legacy_value=0),
    "cluster_levels": fixed_on_resume(rules.one_of("auto", "all", "last"), "last")._replace(old_defaults=()),
    # Layers
    "kernel": fixed_on_resume(rules.integer(4, lowest=2, highest=15)),
    "upsample": fixed_on_resume(rules.one_of("smooth", "transposed"), legacy_value="transposed"),
    "downsample": fixed_on_resume(rules.one_of("average", "stride")),
    "activation": fixed_on_resume(rules.one_of("leaky_relu", "relu", "elu", "tanh")),
    "leak": fixed_on_resume(rules.below_one(0.2)),
    # Initialisation
    "init": fixed_on_resume(rules.one_of("normal", "truncated_normal", "uniform", "glorot", "he")),
    "init_stddev": fixed_on_resume(rules.above_zero(0.02)),
    # Normalisation
    "d_norm": fixed_on_resume(rules.one_of("batch", "spectral", "layer", "none"), legacy_value="batch"),
    "bn_momentum": fixed_on_resume(rules.below_one(0.9)),
    "bn_epsilon": fixed_on_resume(rules.number(0.0001, lowest=2e-5, highest=1)),
    "sync_batch_norm": changeable_on_resume(rules.switch(1), legacy_value=1),
}

ALL = dict(RUN, **NETWORK)


def check(name, value, rule, place):
    """Return `value` converted by the rule; raise a UserError that names place, setting, value and choices."""
    problem = f"{place}: {name} = {short_repr(value)} is invalid; expected {rule.choices}"
    if type(value) in rule.types:
        with contextlib.suppress(OverflowError, ValueError):  # OverflowError: an integer too large for a float
            converted = rule.kind(value)
            if rule.is_valid(converted):
                return converted
            problem += rule.hint(converted)
    raise UserError(problem)


def parse(name, text, rule, place):
    """Convert a text from the command line to the type of its rule, and check it; raise UserError as `check` does."""
    with contextlib.suppress(ValueError):  # `check` rejects the text
        text = rule.kind(text)
    return check(name, text, rule, place)


def format_value(value):
    """Return a value as it is typed on the command line."""
    return "''" if value == "" else str(value)


def listed(values):
    """Return {name: value} as 'name = value, name = value'."""
    return ", ".join(f"{name} = {format_value(value)}" for name, value in values.items())


def short_repr(value, width=60):
    """Return a value for a message: its repr, cut after `width` characters, or a remark if an integer is too long."""
    try:
        return truncate(repr(value), width)
    except ValueError:  # Python does not convert integers with more than 4300 digits to text
        return "(a number too long to show)"


def truncate(text, width=60):
    """Return `text` for a message, cut after `width` characters."""
    return text if len(text) <= width else text[:width] + "..."
