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


def whole(least, most=2**31 - 1, **more):
    words = "%d or more" % least if most == 2**31 - 1 else "from %d to %d" % (least, most)
    return Rule(int, lambda value: least <= value <= most, "a whole number, " + words, **more)


def number(allows, words, **more):
    return Rule(float, lambda value: math.isfinite(value) and allows(value), "a number, " + words, **more)


def above_zero(**more):
    return number(lambda value: 0 < value <= 1e6, "above 0, at most 1000000", **more)


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


def folder():
    return Rule(str, lambda value: bool(value.strip()) and "\0" not in value, "the name of a folder")


RUN = {
    "isTrain": one_of(1, 0),
    "pics_dir": folder(),
    "samples_dir": folder(),
    "checkpoints_dir": folder(),
    "cache_dir": folder(),
    "crop": one_of("center", "random", "pad", "stretch", on_resume="change"),
    "load_size": whole(0, 2**12, on_resume="change"),
    "background": colour(on_resume="change"),
    "mirror": one_of(0, 1, on_resume="change"),
    "max_bad": number(lambda value: 0 <= value <= 1, "from 0 to 1"),
    "epochs": whole(1, on_resume="change"),
    "max_steps": whole(0, on_resume="change"),
    "batch_size": whole(1, 2**20, on_resume="change"),
    "k": whole(1, on_resume="keep"),
    "optimizer": one_of("adam", "rmsprop", "momentum", "sgd", "adagrad", on_resume="keep"),
    "learning_rate": above_zero(on_resume="change"),
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
    "num_samples": whole(1),
    "single": one_of(0, 1),
    "sample_seed": whole(0),
}

NETWORK = {
    "image_size": one_of(8, 16, 32, 64, 128, 256, 512, 1024, on_resume="keep"),
    "channels": one_of(3, 1, on_resume="keep"),
    "z_dim": whole(1, 2**16, on_resume="keep"),
    "filters": whole(1, 2**12, on_resume="keep"),
    "max_filters": whole(1, 2**12, on_resume="keep"),
    "kernel": whole(2, 15, on_resume="keep"),
    "downsample": one_of("average", "stride", on_resume="keep"),
    "activation": one_of("leaky_relu", "relu", "elu", "tanh", on_resume="keep"),
    "leak": fraction(on_resume="keep"),
    "init": one_of("normal", "truncated_normal", "uniform", "glorot", "he", on_resume="keep"),
    "init_stddev": above_zero(on_resume="keep"),
    "bn_momentum": fraction(on_resume="keep"),
    "bn_epsilon": number(lambda value: 2e-5 <= value <= 1, "from 0.00002 to 1", on_resume="keep"),
}


def check(name, value, rule, place):
    """Return `value` as the rule's type, or raise a UserError that names the setting, the value and the choices."""
    wrong = UserError("%s: %s = %r is not possible; it must be %s" % (place, name, value, rule.choices))
    if isinstance(value, bool) and name in ("isTrain", "mirror", "single"):
        value = int(value)
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
