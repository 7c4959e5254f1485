"""Kinds of rules: the values a setting may have, its default, and whether a resumed run may change it.

schema.py has one rule for each setting.
"""

import os
from typing import Any, Callable, NamedTuple, Tuple

from model import shapes
from utils.config import sizes

AUGMENTATIONS = ("color", "translation", "cutout")  # equal to KINDS in model/augment.py; a test compares them


class Rule(NamedTuple):
    """The values a setting may have, and how it is used."""

    default: Any
    kind: Callable[[Any], Any]  # int, float, str, or a function that converts to one of them
    types: Tuple[type, ...]  # accepted in a params file; `kind` then converts the value
    is_valid: Callable[[Any], bool]  # whether a converted value is valid; it and `kind` may raise ValueError
    choices: str  # describes the valid values: "expected ..."
    hint: Callable[[Any], str] = lambda value: ""  # returns the end of the message about an invalid value
    is_path: bool = False  # relative to the folder of main.py
    sampling: bool = False  # whether only tasks of isTrain = 0 use it; see utils/tasks
    # What a resumed run may do: "keep" the value; "change" it, which is reported; or change it silently ("free"),
    # because it does not affect training.
    on_resume: str = "free"
    legacy_value: Any = None  # the value of runs saved before the setting existed; None: every saved run has it
    old_defaults: Tuple[Any, ...] = ()  # defaults of earlier versions, including legacy_value


# --- Marks: the tasks that use a setting, and whether a resumed run may change it ---


def sampling(rule):
    """Mark a setting that only tasks of isTrain = 0 use."""
    return rule._replace(sampling=True)


def fixed_on_resume(rule, legacy_value=None, old_defaults=()):
    """Mark a setting that a resumed run must keep.

    legacy_value: its value in runs saved before it existed. old_defaults: defaults of earlier versions; a run that
    began with one of them keeps it, unless the user sets the setting.
    """
    earlier = old_defaults if legacy_value is None else (*old_defaults, legacy_value)
    return rule._replace(on_resume="keep", legacy_value=legacy_value, old_defaults=earlier)


def changeable_on_resume(rule, legacy_value=None, old_defaults=()):
    """Mark a setting that a resumed run may change, which is reported; for arguments see fixed_on_resume."""
    return fixed_on_resume(rule, legacy_value, old_defaults)._replace(on_resume="change")


# --- Kinds: each takes the default first ---


def integer(default, lowest, highest=None):
    """An integer in [lowest, highest], or from `lowest` to the largest of 32 bits."""
    bounds = f"{lowest} or more" if highest is None else f"from {lowest} to {highest}"
    limit = 2**31 - 1 if highest is None else highest
    return Rule(default, int, (int,), lambda value: lowest <= value <= limit, f"a whole number, {bounds}")


def number(default, lowest, highest):
    """A number in [lowest, highest]."""
    return _number(default, lambda value: lowest <= value <= highest, f"from {lowest} to {highest}")


def above_zero(default, highest=10**6):
    """A number in (0, highest]."""
    return _number(default, lambda value: 0 < value <= highest, f"above 0, at most {highest}")


def below_one(default):
    """A number in [0, 1): the decay of an average, which at 1 would never change."""
    return _number(default, lambda value: 0 <= value < 1, "from 0 to less than 1")


def _number(default, is_valid, condition):
    return Rule(default, float, (int, float), is_valid, f"a number, {condition}")


def switch(default):
    """0 or 1; a params file may also have False and True, the command line false and true."""

    def to_int(value):
        return int({"true": 1, "false": 0}.get(str(value).lower(), value))

    return Rule(default, to_int, (int, bool), lambda value: value in (0, 1), "0 or 1")


def one_of(*choices):
    """One of the given values, all of one type; the first is the default."""
    kind, words = type(choices[0]), f"{', '.join(map(str, choices[:-1]))} or {choices[-1]}"
    return Rule(choices[0], kind, (kind,), lambda value: value in choices, words)


def string(default, choices, is_valid=lambda value: True):
    """A text without NUL that passes `is_valid`; choices: the condition in words."""
    return Rule(default, str, (str,), lambda value: "\0" not in value and is_valid(value), choices)


def comma_list(words, names):
    """One of `words`, the first of which is the default; or different `names` with commas between them."""

    def is_valid(value):
        items = [item.strip(" ") for item in value.split(",")]
        return value in words or (set(items) <= set(names) and len(set(items)) == len(items))

    alone = ", ".join(word or "''" for word in words)
    return string(words[0], f"{alone} or some of {', '.join(names)} with commas between them", is_valid)


def step_or(*names):
    """One of the names, the first of which is the default, or a step; a params file may have a step without quotes."""
    rule = string(names[0], f"{', '.join(names)}, or a step", lambda value: value in names or value.isdecimal())
    return rule._replace(types=(str, int))


def folder(default):
    """A folder; it need not exist yet."""
    rule = string(default, "the name of a folder", lambda value: bool(value.strip()))
    return rule._replace(kind=file_name, is_path=True)


def path_or_none():
    """A path, or '' for none, the default."""
    return string("", "a path, or '' for none")._replace(kind=file_name, is_path=True)


def file_name(text):
    """Return `text` in the form that system functions accept; raise UnicodeEncodeError if no file can have this name.

    In a locale such as LC_ALL=C, these functions refuse non-ASCII letters. There, the command line and directory
    listings contain a surrogate for each UTF-8 byte of such a letter, and so does the result.
    """
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    return text


def color(default):
    """A color that Pillow reads, without an alpha channel."""

    def is_valid(value):
        from PIL import ImageColor  # here, so that main.main() reports a missing Pillow

        return len(ImageColor.getrgb(value)) == 3

    return string(default, "a color without transparency, such as white, #ffffff or rgb(255, 255, 255)", is_valid)


def image_size(default):
    """A height and width that the networks support; see sizes.py."""
    return Rule(default, sizes.normalized, (int, str), shapes.is_possible, sizes.CHOICES, hint=sizes.nearest)
