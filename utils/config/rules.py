"""Kinds of rules: what a setting may be, when it is used, and whether a resumed run may change it.

schema.py has one rule for each setting.
"""

import math
import os
from typing import Any, Callable, NamedTuple, Tuple

from model import shapes
from utils.config import sizes

SWITCH_CHOICES = "0 or 1"
AUGMENTATIONS = ("color", "translation", "cutout")


class Rule(NamedTuple):
    """What a setting may be."""

    kind: Callable[[Any], Any]  # int, float or str; or a function that converts to one of them
    types: Tuple[type, ...]  # accepted in a params file; the value is then converted by `kind`
    is_valid: Callable[[Any], bool]  # whether a value of `kind` is valid
    choices: str  # the same in words: "expected ..."
    hint: Callable[[Any], str] = lambda value: ""  # what the message about a value that is not valid ends with
    is_path: bool = False  # relative to the folder of main.py
    sampling: bool = False  # whether only tasks of isTrain = 0 use it; see utils/tasks
    # What a later run on the same checkpoint may do: "keep" the value; "change" it, which is reported; or change it
    # silently ("free"), because it does not affect what is learned.
    on_resume: str = "free"
    legacy_value: Any = None  # the value of runs saved before the setting existed; None: every saved run has it
    old_defaults: Tuple[Any, ...] = ()  # default values of earlier versions, `legacy_value` among them


# --- Modifiers: when a setting is used, and what a resumed run may do with it ---


def sampling(rule):
    """Mark a setting that only tasks of isTrain = 0 use."""
    return rule._replace(sampling=True)


def fixed_on_resume(rule, legacy_value=None, old_defaults=()):
    """Mark a setting that a resumed run must keep. legacy_value: its value in runs saved before it existed.

    old_defaults: default values of earlier versions. Where it is not set otherwise, a run keeps the default it had.
    """
    return rule._replace(
        on_resume="keep", legacy_value=legacy_value, old_defaults=_defaults(legacy_value, old_defaults)
    )


def changeable_on_resume(rule, legacy_value=None, old_defaults=()):
    """Mark a setting that a resumed run may change, which is reported; arguments: see `fixed_on_resume`."""
    return rule._replace(
        on_resume="change", legacy_value=legacy_value, old_defaults=_defaults(legacy_value, old_defaults)
    )


def _defaults(legacy_value, old_defaults):
    return (*old_defaults, *(() if legacy_value is None else (legacy_value,)))


# --- Kinds ---


def integer(lowest, highest=None):
    """A whole number in a range; both ends are allowed. Without a highest one it is the largest of 32 bits."""
    bounds = f"{lowest} or more" if highest is None else f"from {lowest} to {highest}"
    most = 2**31 - 1 if highest is None else highest
    return Rule(int, (int,), lambda value: lowest <= value <= most, f"a whole number, {bounds}")


def number(is_valid, choices):
    """A finite number; choices: the condition in words."""
    return Rule(float, (int, float), lambda value: math.isfinite(value) and is_valid(value), f"a number, {choices}")


def above_zero():
    """A number in (0, 1e6]."""
    return number(lambda value: 0 < value <= 1e6, "above 0, at most 1000000")


def zero_or_more(highest=10**6):
    """A number in [0, highest]."""
    return number(lambda value: 0 <= value <= highest, f"0 or more, at most {highest}")


def fraction():
    """A number in [0, 1]."""
    return number(lambda value: 0 <= value <= 1, "from 0 to 1")


def below_one():
    """A number in [0, 1): the decay of an average, which at 1 would never change."""
    return number(lambda value: 0 <= value < 1, "from 0 to less than 1")


def one_of(*choices):
    """One of the given values, which are all of one type."""
    words = f"{', '.join(map(str, choices[:-1]))} or {choices[-1]}"
    return Rule(type(choices[0]), (type(choices[0]),), lambda value: value in choices, words)


def comma_list(*choices):
    """Some of the given texts with commas between them, each at most once; or ''."""
    words = f"'' or some of {', '.join(choices)} with commas between them"

    def is_valid(value):
        return not value or _are_different([name.strip() for name in value.split(",")], choices)

    return string(words, is_valid)


def _are_different(names, choices):
    """Return whether the names are some of the choices, each at most once."""
    return set(names) <= set(choices) and len(set(names)) == len(names)


def switch():
    """0 or 1; False and True are accepted in a params file."""
    return Rule(int, (int, bool), lambda value: value in (0, 1), SWITCH_CHOICES)


def string(choices, is_valid=lambda value: True):
    """A text without NUL that passes `is_valid`; choices: the condition in words."""
    return Rule(str, (str,), lambda value: "\0" not in value and is_valid(value), choices)


def step_or(*names):
    """One of the names, or a step; in a params file a step may be written without quotes."""
    rule = string(f"{', '.join(names)}, or a step", lambda value: value in names or value.isdecimal())
    return rule._replace(types=(str, int))


def folder():
    """A folder; it need not exist yet."""
    rule = string("the name of a folder", lambda value: bool(value.strip()) and _is_encodable(value))
    return rule._replace(is_path=True)


def path_or_none():
    """A path, or '' for none."""
    return string("a path, or '' for none", _is_encodable)._replace(is_path=True)


def _is_encodable(text):
    try:
        file_name(text)
    except UnicodeEncodeError:  # half of a surrogate pair: no file can have this name
        return False
    return True


def file_name(text):
    """Return `text` as functions of the system take it; raise UnicodeEncodeError if no file can have such a name.

    In a locale such as LC_ALL=C they take no letters like the u umlaut of a params file. The command line, and lists
    of folders, have the bytes of UTF-8 for it there, each as a surrogate; so has the result.
    """
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    return text


def color():
    """A color that Pillow reads, without an alpha channel."""

    def is_valid(value):
        try:
            from PIL import ImageColor  # here, so that main.main() reports a missing Pillow

            return len(ImageColor.getrgb(value)) == 3
        except ValueError:
            return False

    return string("a color without transparency, such as white, #ffffff or rgb(255, 255, 255)", is_valid)


def image_size():
    """A height and width that the networks can make; see sizes.py."""
    return Rule(sizes.normalized, (int, str), shapes.is_possible, sizes.CHOICES, hint=sizes.nearest)


def augmentation():
    """'adaptive', 'auto', 'none', or different AUGMENTATIONS with commas between them."""

    def is_valid(value):
        names = value.replace(" ", "").split(",")
        return value in ("adaptive", "auto", "none") or _are_different(names, AUGMENTATIONS)

    return string(f"adaptive, auto, none, or some of {', '.join(AUGMENTATIONS)} with commas between them", is_valid)
