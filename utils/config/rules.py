"""Kinds of rules: the values a setting may have, its default, and whether a resumed run may change it.

See schema.py for the rule of each setting.
"""

import itertools
import math
import os
from typing import Any, Callable, NamedTuple, Tuple

from model import shapes

AUGMENTATIONS = ("color", "translation", "cutout")  # equal to KINDS in model/augment.py; a test compares them
SIZES = (
    f"one number for a square, such as 64, or height x width, such as 64x96: {shapes.MIN_SIDE} to {shapes.MAX_SIDE} "
    "pixels each, a small base, such as 4x6, times a power of two, and no side more than "
    f"{shapes.MAX_RATIO} times the other"
)


class Rule(NamedTuple):
    """The values a setting may have, and how it is used."""

    default: Any
    kind: Callable[[Any], Any]  # int, float, str, or a function that converts to one of them
    types: Tuple[type, ...]  # accepted in a params file; `kind` then converts the value
    is_valid: Callable[[Any], bool]  # whether a converted value is valid; `kind` and `is_valid` may raise ValueError
    choices: str  # describes the valid values: "expected ..."
    hint: Callable[[Any], str] = lambda value: ""  # returns the end of the message about an invalid value
    is_path: bool = False  # relative to the folder of main.py
    sampling: bool = False  # whether only tasks of isTrain = 0 use it; see utils/tasks
    # What a resumed run may do: "keep" the value; "change" it, which is reported; or change it silently ("free"),
    # because it does not affect training.
    on_resume: str = "free"
    legacy_value: Any = None  # the value of runs saved before the setting existed; None: every saved run records it
    old_defaults: Tuple[Any, ...] = ()  # defaults of earlier versions, including legacy_value


# --- Marks: the tasks that use a setting, and whether a resumed run may change it ---


def sampling(rule):
    """Mark a setting that only tasks of isTrain = 0 use."""
    return rule._replace(sampling=True)


def fixed_on_resume(rule, legacy_value=None, old_defaults=()):
    """Mark a setting that a resumed run must keep.

    legacy_value: the setting's value in runs saved before the setting existed. old_defaults: defaults of earlier
    versions; a run that began with such a default keeps it, unless the user sets the setting.
    """
    earlier = old_defaults if legacy_value is None else (*old_defaults, legacy_value)
    return rule._replace(on_resume="keep", legacy_value=legacy_value, old_defaults=earlier)


def changeable_on_resume(rule, legacy_value=None, old_defaults=()):
    """Mark a setting that a resumed run may change, which is reported; for arguments see fixed_on_resume."""
    return fixed_on_resume(rule, legacy_value, old_defaults)._replace(on_resume="change")


# --- Kinds: each takes the default first ---


def integer(default, lowest, highest=None):
    """An integer in [lowest, highest]; without `highest`, the limit is the largest 32-bit integer."""
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
    """A number in [0, 1), such as the decay of a moving average, which would never change with decay 1."""
    return _number(default, lambda value: 0 <= value < 1, "from 0 to less than 1")


def _number(default, is_valid, condition):
    return Rule(default, float, (int, float), is_valid, f"a number, {condition}")


def frames_or_seconds(highest):
    """A number of frames from 0, the default, to `highest`; or a length in seconds, such as '10s'."""

    def kind(value):
        return f"{float(value[:-1]):g}s" if str(value).endswith("s") else int(value)

    def is_valid(value):
        return 0 < float(value[:-1]) <= highest if isinstance(value, str) else 0 <= value <= highest

    condition = f"from 0 to {highest}, or seconds, such as '10s'"
    return Rule(0, kind, (int, str), is_valid, f"a whole number of frames, {condition}")


def switch(default):
    """0 or 1; a params file may also use False and True, and the command line false and true."""

    def to_int(value):
        return int({"true": 1, "false": 0}.get(str(value).lower(), value))

    return Rule(default, to_int, (int, bool), lambda value: value in (0, 1), "0 or 1")


def one_of(*choices):
    """One of the given values, all of one type; the first is the default."""
    kind, words = type(choices[0]), f"{', '.join(map(str, choices[:-1]))} or {choices[-1]}"
    return Rule(choices[0], kind, (kind,), lambda value: value in choices, words)


def string(default, choices, is_valid=lambda value: True, types=(str,)):
    """A text without NUL that passes `is_valid`; choices: the condition in words."""
    return Rule(default, str, types, lambda value: "\0" not in value and is_valid(value), choices)


def comma_list(words, names):
    """One of `words`, the first of which is the default; or different `names`, separated by commas."""

    def is_valid(value):
        items = [item.strip(" ") for item in value.split(",")]
        return value in words or (set(items) <= set(names) and len(set(items)) == len(items))

    alone = ", ".join(word or "''" for word in words)
    return string(words[0], f"{alone} or some of {', '.join(names)}, separated by commas", is_valid)


def step_or(*names):
    """One of the names, the first of which is the default, or a step; a step needs no quotes in a params file."""
    choices = f"{', '.join(names)}, or a step"
    return string(names[0], choices, lambda value: value in names or value.isdecimal(), (str, int))


def folder(default):
    """A folder; it need not exist yet."""
    rule = string(default, "the name of a folder", lambda value: bool(value.strip()))
    return rule._replace(kind=file_name, is_path=True)


def path_or_none():
    """A path, or '' for none, the default."""
    return string("", "a path, or '' for none")._replace(kind=file_name, is_path=True)


def file_name(text):
    """Return `text` in the form that system functions accept; raise UnicodeEncodeError if no file can have this name.

    In a locale such as LC_ALL=C, these functions reject non-ASCII letters. The command line and directory listings then
    contain a surrogate for each UTF-8 byte of such a letter, and so does the result.
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
    """A height and width that the networks support."""
    return Rule(default, normalized_size, (int, str), shapes.is_possible, SIZES, hint=nearest_sizes)


def normalized_size(value):
    """Return the canonical form of a size such as 64, '64', '64x64' or '64x96'; raise ValueError for any other text."""
    height, separator, width = str(value).lower().partition("x")
    return shapes.format_size(int(height), int(width if separator else height))


def nearest_sizes(size):
    """Return a hint that names the two possible sizes nearest to an impossible one; '' if a side is not above 0."""
    if min(shapes.sides(size)) < 1:
        return ""
    height, width = map(math.log, shapes.sides(size))
    candidates = []
    for doublings, *base in itertools.product(range(1, 9), range(4, 29), range(4, 29)):
        sides = [side << doublings for side in base]
        possible = shapes.format_size(*sides)
        if shapes.is_possible(possible) and shapes.num_doublings(possible) == doublings:
            higher, wider = math.log(sides[0]) - height, math.log(sides[1]) - width
            distance = abs(higher) + abs(wider) + 2 * abs(higher - wider)  # the aspect ratio counts most
            candidates.append((distance, sides, f"{possible} ({base[0]}x{base[1]} times {2**doublings})"))
    two = sorted((sides, text) for _, sides, text in sorted(candidates)[:2])
    return f"; the nearest are {two[0][1]} and {two[1][1]}"
