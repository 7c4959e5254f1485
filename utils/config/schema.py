"""What each setting may be: the table that the params files, the command line and saved runs are checked against."""

import math
from typing import Any, Callable, NamedTuple

from PIL import ImageColor

from utils.errors import UserError


class Rule(NamedTuple):
    """What a setting may be."""

    kind: type  # int, float or str
    allows: Callable[[Any], bool]
    choices: str  # the same in words
    # What a later run on the same checkpoint may do with it: 'keep' it as it was, 'change' it and be told so, or
    # do as it likes ('free'), because the setting does not touch what is learnt.
    on_resume: str = "free"
    before: Any = None  # what runs went by whose record does not have it yet; None: every record has it


def whole(least, most=2**31 - 1, **more):
    words = "%d or more" % least if most == 2**31 - 1 else "from %d to %d" % (least, most)
    return Rule(int, lambda value: least <= value <= most, "a whole number, " + words, **more)


def number(allows, words, **more):
    return Rule(float, lambda value: math.isfinite(value) and allows(value), "a number, " + words, **more)


def above_zero(**more):
    return number(lambda value: 0 < value <= 1e6, "above 0, at most 1000000", **more)


def zero_or_more(**more):
    return number(lambda value: 0 <= value <= 1e6, "0 or more, at most 1000000", **more)


def fraction(**more):
    return number(lambda value: 0 <= value < 1, "from 0 to less than 1", **more)


def one_of(*choices, **more):
    words = ", ".join(str(c) for c in choices[:-1]) + " or " + str(choices[-1])
    return Rule(type(choices[0]), lambda value: value in choices, words, **more)


def colour(**more):
    def allows(value):
        try:
            return len(ImageColor.getrgb(value)) == 3
        except ValueError:
            return False

    return Rule(str, allows, "a colour without transparency, such as white, #ffffff or rgb(255, 255, 255)", **more)


def augmentation(**more):
    def allows(value):
        names = value.replace(" ", "").split(",")
        return value in ("auto", "none") or (set(names) <= set(AUGMENTATIONS) and len(set(names)) == len(names))

    return Rule(str, allows, "auto, none, or some of %s with commas between them" % ", ".join(AUGMENTATIONS), **more)


def path():
    return Rule(str, lambda value: "\0" not in value, "a path, or '' for none")


def folder():
    return Rule(str, lambda value: bool(value.strip()) and "\0" not in value, "the name of a folder")


SWITCHES = (
    "isTrain",
    "mirror",
    "single",
    "evaluate",
    "conditional",
    "sync_batch_norm",
)  # True and False count as 1 and 0
AUGMENTATIONS = ("color", "translation", "cutout")

RUN = {
    "isTrain": one_of(1, 0),
    "pics_dir": folder(),
    "samples_dir": folder(),
    "checkpoints_dir": folder(),
    "cache_dir": folder(),
    "init_from": path(),
    "crop": one_of("center", "random", "pad", "stretch", on_resume="change"),
    "load_size": whole(0, 2**12, on_resume="change"),
    "background": colour(on_resume="change"),
    "mirror": one_of(0, 1, on_resume="change"),
    "max_bad": number(lambda value: 0 <= value <= 1, "from 0 to 1"),
    "epochs": whole(1, on_resume="change"),
    "max_steps": whole(0, on_resume="change"),
    "batch_size": whole(1, 2**20, on_resume="change"),
    "k": whole(1, on_resume="keep"),
    "loss": one_of(
        "non_saturating", "hinge", "least_squares", "wasserstein", on_resume="keep", before="non_saturating"
    ),
    "label_smoothing": fraction(on_resume="change", before=0.0),
    "gradient_penalty": one_of("none", "r1", "wgan-gp", on_resume="keep", before="none"),
    "penalty_weight": above_zero(on_resume="change"),
    "penalty_every": whole(1, 1000, on_resume="keep"),
    "augment": augmentation(on_resume="change", before="none"),
    "ema_decay": fraction(on_resume="keep", before=0.0),
    "precision": one_of("auto", "float32", "bfloat16", "float16", on_resume="change", before="float32"),
    "optimizer": one_of("adam", "rmsprop", "momentum", "sgd", "adagrad", on_resume="keep"),
    "learning_rate": above_zero(on_resume="change"),
    "d_learning_rate": zero_or_more(on_resume="change", before=0.0),
    "g_learning_rate": zero_or_more(on_resume="change", before=0.0),
    "rate_decay_from": number(lambda value: 0 <= value <= 1, "from 0 to 1", on_resume="change", before=1.0),
    "beta1": fraction(on_resume="keep"),
    "beta2": fraction(on_resume="keep"),
    "decay": fraction(on_resume="keep"),
    "momentum": fraction(on_resume="keep"),
    "initial_accumulator": above_zero(on_resume="keep"),
    "epsilon": above_zero(on_resume="keep"),
    "seed": whole(0, on_resume="keep"),
    "sample_every": whole(0, on_resume="change"),
    "train_samples": whole(1, 10000, on_resume="change"),
    "checkpoint_every": whole(0, on_resume="change"),
    "grid_columns": whole(0, 10000, on_resume="change"),
    "keep_checkpoints": whole(1, on_resume="change"),
    "keep_every": whole(0, on_resume="change"),
    "on_nan": one_of("rollback", "stop", on_resume="change"),
    "log_every": whole(1, on_resume="change"),
    "worker_timeout": whole(1, 10**6),
    "metrics_every": whole(0, on_resume="change"),
    "metrics_samples": whole(2, 10**6, on_resume="change"),
    "inception_graph": path(),
    # Which metrics there are is up to utils/metrics/measure.py; utils/metrics/ranking.py checks the name.
    "best_metric": Rule(str, lambda value: bool(value), "auto, or the name of a metric", on_resume="change"),
    "checkpoint": Rule(str, lambda value: value in ("best", "latest") or value.isdecimal(), "best, latest, or a step"),
    "num_samples": whole(1),
    "single": one_of(0, 1),
    "sample_seed": whole(0),
    "classes": Rule(
        str, lambda value: "\0" not in value, "'' for all, or names of class folders with commas between them"
    ),
    "evaluate": one_of(0, 1),
    "evaluate_samples": whole(2, 10**6),
}

NETWORK = {
    "image_size": one_of(8, 16, 32, 64, 128, 256, 512, 1024, on_resume="keep"),
    "channels": one_of(3, 1, on_resume="keep"),
    "z_dim": whole(1, 2**16, on_resume="keep"),
    "filters": whole(1, 2**12, on_resume="keep"),
    "max_filters": whole(1, 2**12, on_resume="keep"),
    "kernel": whole(2, 15, on_resume="keep"),
    "upsample": one_of("smooth", "transposed", on_resume="keep", before="transposed"),
    "downsample": one_of("average", "stride", on_resume="keep"),
    "d_norm": one_of("batch", "spectral", "layer", "none", on_resume="keep", before="batch"),
    "conditional": one_of(0, 1, on_resume="keep", before=0),
    "activation": one_of("leaky_relu", "relu", "elu", "tanh", on_resume="keep"),
    "leak": fraction(on_resume="keep"),
    "init": one_of("normal", "truncated_normal", "uniform", "glorot", "he", on_resume="keep"),
    "init_stddev": above_zero(on_resume="keep"),
    "bn_momentum": fraction(on_resume="keep"),
    "bn_epsilon": number(lambda value: 2e-5 <= value <= 1, "from 0.00002 to 1", on_resume="keep"),
    "sync_batch_norm": one_of(1, 0, on_resume="change", before=1),
}


def check(name, value, rule, place):
    """Return `value` as the rule's type, or raise a UserError that names the setting, the value and the choices."""
    wrong = UserError("%s: %s = %r is not possible; it must be %s" % (place, name, value, rule.choices))
    if isinstance(value, bool) and name in SWITCHES:
        value = int(value)
    if name == "checkpoint" and type(value) is int:  # a step, written without quotes
        value = str(value)
    if isinstance(value, bool) or not isinstance(value, (int, float) if rule.kind is float else rule.kind):
        raise wrong
    try:
        value = rule.kind(value)
        allowed = rule.allows(value)
    except OverflowError:  # a whole number too large for a float
        raise wrong
    if not allowed:
        raise wrong
    return value


def parse(name, text, rule, place):
    """Return the command line's `text` as the rule's type, checked."""
    try:
        value = rule.kind(text)
    except ValueError:
        raise UserError("%s: %s = %r is not possible; it must be %s" % (place, name, text, rule.choices))
    return check(name, value, rule, place)
