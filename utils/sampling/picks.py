"""Picks: samples identified by their numbers, such as '3,17,40-43', or with classes, 'role:3,person:0-9'.

A number always identifies the same sample of a checkpoint, sample_seed, truncation and class.
"""

import math
import re
from typing import NamedTuple

from utils.config.names import normal_form
from utils.errors import UserError
from utils.sampling import class_names

MAX_NUMBER = 10**6  # exclusive
_MAX_PICKS = 10000
_MAX_FRAMES = 10000  # a 400-second walk; all frames are held in memory
# In a sum, ranges have no spaces: '3 -8' could also be a difference.
_RANGES = {"picks": r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?", "arithmetic": r"([0-9]{1,9})(?:-([0-9]{1,9}))?"}


class Pick(NamedTuple):
    """A sample, identified by its class and number."""

    label: int  # index of the class; 0 without classes
    number: int  # index of the noise

    def text(self, classes):
        """Return the pick as `picks` spells it; classes: all names, () if there are none."""
        return f"{classes[self.label]}:{self.number}" if classes else str(self.number)

    def caption(self, classes, fonts):
        """Return the arguments of with_text for the caption; the number is first, because a long name is cut off.

        fonts: see choose_fonts.
        """
        name = classes[self.label] if classes else ""
        if name not in fonts:
            return (f"{self.number} {name}".rstrip(),)
        return (str(self.number), normal_form(name), fonts[name]) if fonts[name] else (f"{self.number} #{self.label}",)


def of_classes(count, class_indices):
    """Return (picks, columns) for a grid of at least `count` samples, the same number of each class.

    Without class_indices, the labels are 0 and columns is 0. Otherwise, each class has the same numbers and fills a row
    of the grid, or part of a row if the grid would become too narrow, so that each column compares classes.
    """
    if not class_indices:
        return [Pick(0, number) for number in range(count)], 0
    each = -(-count // len(class_indices))
    columns = each * max(1, int(math.sqrt(len(class_indices) / each)))
    return [Pick(label, number) for label in class_indices for number in range(each)], columns


def parse(text, classes, setting="picks", start=0):
    """Return the Picks in a text; raise a UserError that names the part that is wrong.

    classes: all names; () if the network is unconditional; None if they are not known yet: labels are then 0. setting,
    start: for messages, the setting and the position of the text in its value.
    """
    picks = []
    for position, part, _ in class_names.split(text, ","):
        place = f"{setting}: {part.strip()!r} (character {start + position + len(part) - len(part.lstrip()) + 1})"
        if classes and ":" not in part:
            example = class_names.quoted(classes[picks[-1].label if picks else 0])
            raise UserError(f"{place} needs a class, such as {example}:{part.strip() or 0}")
        picks += _parse_part(part.strip(), classes, place, _RANGES[setting])
    if len(picks) > _MAX_PICKS:
        raise UserError(f"{setting}: more than {_MAX_PICKS} samples; pick {_MAX_PICKS} or fewer")
    return picks


def _parse_part(part, classes, place, pattern):
    name, colon, numbers = part.rpartition(":")
    if colon and classes == ():
        raise UserError(f"{place} names a class, but this network is unconditional; give only the number")
    label = class_names.class_index(name.strip(), classes, place) if classes else 0
    match = re.fullmatch(pattern, numbers.strip())
    if not match:
        raise UserError(f"{place} is not a number or a range, such as 17 or 40-43")
    first = int(match.group(1))
    last = int(match.group(2) or first)
    if not first <= last < MAX_NUMBER:
        raise UserError(f"{place} is invalid; use numbers from 0 to {MAX_NUMBER - 1} and ascending ranges")
    return [Pick(label, number) for number in range(first, min(last, first + _MAX_PICKS) + 1)]


def parse_sum(text, classes):
    """Return (sign, picks) of each term of `arithmetic`, such as '3,8,11 - 4,9 + 20,21'; sign: 1 or -1.

    Signs have spaces on both sides; ranges contain no spaces.
    """
    terms = []
    for start, term, sign in class_names.split(text, r"\s+[+-]\s+"):
        try:
            terms.append((int((sign.strip() or "+") + "1"), parse(term, classes, "arithmetic", start)))
        except UserError as error:
            rule = "; signs have spaces on both sides, as in '3 - 8'" if re.search("[+-]", term) else ""
            raise UserError(f"{error}{rule}")
    return terms


def check_walk(frames, picks):
    """Raise UserError if a walk through these Picks is impossible; frames: the number of frames for each pick."""
    if len(picks) < 2:
        raise UserError(f"walk = {frames} needs at least two picks; add one to picks")
    total = frames * len(picks)
    if total > _MAX_FRAMES:
        raise UserError(
            f"walk = {frames} through {len(picks)} images has {total} frames, more than {_MAX_FRAMES}; "
            "lower walk, or choose fewer picks or classes"
        )
