"""Picks: samples identified by their numbers, such as '3,17,40-43', or with classes, 'role:3,person:0-9'.

A number always identifies the same sample of a checkpoint, sample_seed, truncation and class. A name, such as 'me.jpg',
identifies a projected image; see projected.py.
"""

import math
import re
from typing import NamedTuple

import numpy as np

from utils.config.names import normal_form
from utils.config.settings import ROOT, absolute
from utils.errors import UserError, reason_of
from utils.output.fonts import choose_fonts
from utils.sampling import class_names, projected

MAX_NUMBER = 10**6  # exclusive
_MAX_PICKS = 10000
# In a sum, ranges have no spaces: '3 -8' could also be a difference.
_RANGES = {"picks": r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?", "arithmetic": r"([0-9]{1,9})(?:-([0-9]{1,9}))?"}


class Pick(NamedTuple):
    """A sample, identified by its class and number."""

    label: int  # index of the class; 0 without classes
    number: int  # index of the noise

    def text(self, classes):
        """Return the pick as `picks` spells it; classes: all names, () if there are none."""
        return f"{classes[self.label]}:{self.number}" if classes else str(self.number)

    def shown_name(self, classes):
        """Return the name in the caption: the class's, or "" without classes."""
        return classes[self.label] if classes else ""

    def caption(self, classes, fonts):
        """Return the arguments of with_text for the caption; the number is first, because a long name is cut off.

        fonts: see choose_fonts.
        """
        name = self.shown_name(classes)
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


def first(classes, count):
    """Return Picks of the first samples: number 0, 1, ...; with classes, one after the other."""
    return [Pick(i % max(1, len(classes)), i) for i in range(count)]


def chosen(run, generator=None):
    """Return the Picks and Projected images that run.picks names; raise a UserError that names the part that is wrong.

    generator: a CheckpointGenerator; None before it is open: labels and points are then placeholders.
    """
    classes, find = generator and generator.classes, _finder(run, generator)
    if not run.picks.startswith("@"):
        return parse(run.picks, classes, find=find)
    path = absolute(run.picks[1:], ROOT)
    text = _read(path)
    try:
        return parse(text, classes, find=find)
    except UserError as error:
        raise UserError(f"{path}: {error}")


def terms(run, generator=None):
    """Return (sign, picks) of each term of run.arithmetic; arguments and errors: as for `chosen`."""
    return parse_sum(run.arithmetic, generator and generator.classes, _finder(run, generator))


def _read(path):
    """Return the picks in a text file, which has them on separate lines or separated by commas."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = ",".join(line.strip().rstrip(",") for line in file if line.strip())
    except (OSError, ValueError) as error:
        raise UserError(f"picks = @{path} cannot be read ({reason_of(error)}); correct the path after @")
    if not text:
        raise UserError(f"picks = @{path} contains no picks; list numbers or names in it")
    return text


def _finder(run, generator):
    return lambda name, place: projected.find(run.samples_dir, name, place, generator)


def caption_fonts(picks, classes):
    """Return the fonts of the names in the captions of these picks; see choose_fonts."""
    return choose_fonts(pick.shown_name(classes) for pick in picks)


def rows(picks, generator, seed):
    """Return z, [n, z_dim] float32, and classes, [n, n_classes] float32 (fractions), of Picks and Projected images.

    seed: the setting sample_seed. Without classes, the second array has no columns.
    """
    numbers = [pick.number for pick in picks if isinstance(pick, Pick)]
    noise = iter(generator.noise(numbers, seed) if numbers else ())
    one_hot = np.eye(max(1, len(generator.classes)))[:, : len(generator.classes)]
    points = [(next(noise), one_hot[pick.label]) if isinstance(pick, Pick) else pick[1:] for pick in picks]
    z, fractions = zip(*points)
    return np.array(z, np.float32), np.array(fractions, np.float32).reshape(len(z), -1)


def parse(text, classes, setting="picks", start=0, find=None):
    """Return the picks in a text; raise a UserError that names the part that is wrong.

    classes: all names; () if the network is unconditional; None if they are not known yet: labels are then 0. setting,
    start: for messages, the setting and the position of the text in its value. find: a function (name, place) that
    returns a Projected image or raises UserError; None: there are none.
    """
    picks = []
    for position, part, _ in class_names.split(text, ","):
        place = f"{setting}: {part.strip()!r} (character {start + position + len(part) - len(part.lstrip()) + 1})"
        name, colon, numbers = part.strip().rpartition(":")
        match = re.fullmatch(_RANGES[setting], numbers.strip())
        if find and not match and not colon:
            picks.append(find(numbers, place))
            continue
        if classes and not colon:
            example = class_names.quoted(classes[picks[-1].label if picks else 0])
            raise UserError(f"{place} needs a class, such as {example}:{part.strip() or 0}")
        picks += _parse_part(name.strip(), colon, match, classes, place)
    if len(picks) > _MAX_PICKS:
        raise UserError(f"{setting}: more than {_MAX_PICKS} samples; pick {_MAX_PICKS} or fewer")
    return picks


def _parse_part(name, colon, match, classes, place):
    if colon and classes == ():
        raise UserError(f"{place} names a class, but this network is unconditional; give only the number")
    label = class_names.class_index(name, classes, place) if classes else 0
    if not match:
        raise UserError(f"{place} is not a number or a range, such as 17 or 40-43")
    first = int(match.group(1))
    last = int(match.group(2) or first)
    if not first <= last < MAX_NUMBER:
        raise UserError(f"{place} is invalid; use numbers from 0 to {MAX_NUMBER - 1} and ascending ranges")
    return [Pick(label, number) for number in range(first, min(last, first + _MAX_PICKS) + 1)]


def parse_sum(text, classes, find=None):
    """Return (sign, picks) of each term of `arithmetic`, such as '3,8,11 - 4,9 + 20,21'; sign: 1 or -1.

    Signs have spaces on both sides; ranges contain no spaces. classes, find: as for `parse`.
    """
    terms = []
    for start, term, sign in class_names.split(text, r"\s+[+-]\s+"):
        try:
            terms.append((int((sign.strip() or "+") + "1"), parse(term, classes, "arithmetic", start, find)))
        except UserError as error:
            rule = "; signs have spaces on both sides, as in '3 - 8'" if re.search("[+-]", term) else ""
            raise UserError(f"{error}{rule}")
    return terms
