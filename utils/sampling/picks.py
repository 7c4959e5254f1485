"""Picks: samples named by their numbers, such as '3,17,40-43'; with classes 'role:3,person:0-9'.

A number names the same picture for ever: that of the same checkpoint, sample_seed, truncation and class.
"""

import re
from typing import List, NamedTuple

from utils.errors import UserError

MOST = 10**6  # numbers: those below it are allowed
_MANY = 10000  # picks at once


class Pick(NamedTuple):
    """A sample."""

    label: int  # index of its class; 0 without classes
    number: int  # of its noise, among that of the seed

    def text(self, classes):
        """Return how it is written in `picks`; classes: all names, () if there are none."""
        return f"{classes[self.label]}:{self.number}" if classes else str(self.number)

    def caption(self, classes):
        """Return it for the line above its picture: the number first, because a long name is cut."""
        return f"{self.number} {classes[self.label]}" if classes else str(self.number)


class Term(NamedTuple):
    """A part of `arithmetic`: picks whose mean is added or subtracted."""

    sign: int  # 1 or -1
    picks: List[Pick]


def parse(text, classes, setting="picks", start=0):
    """Return the Picks in a text.

    classes: all names; () if the network is unconditional. setting, start: where the text is, for the UserError that
    says which part of it is wrong: the setting's name, and the number of characters before the text.
    """
    picks, position = [], start
    for part in text.split(","):
        place = f"{setting}: {part.strip()!r} (character {position + len(part) - len(part.lstrip()) + 1})"
        picks += _picks_of(part.strip(), classes, place)
        position += len(part) + 1
    if len(picks) > _MANY:
        raise UserError(f"{setting}: {len(picks)} pictures; at most {_MANY} can be picked at once")
    return picks


def _picks_of(part, classes, place):
    name, colon, numbers = part.rpartition(":")
    if colon and not classes:
        raise UserError(f"{place} names a class, but this network is unconditional; give the number alone")
    if classes and not colon:
        raise UserError(f"{place} needs a class, such as {classes[0]}:{part or 0}")
    name = name.strip()
    if classes and name not in classes:
        raise UserError(f"{place}: no class {name!r}; the classes are {', '.join(classes)}")
    label = classes.index(name) if classes else 0
    match = re.fullmatch(r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?", numbers.strip())
    if not match:
        raise UserError(f"{place} is not a number or a range, such as 17 or 40-43")
    first = int(match.group(1))
    last = int(match.group(2) or first)
    if not first <= last < MOST:
        raise UserError(f"{place} is invalid; numbers go from 0 to {MOST - 1}, and ranges upwards")
    return [Pick(label, number) for number in range(first, min(last, first + _MANY) + 1)]


def parse_sum(text, classes):
    """Return the Terms of `arithmetic`, such as '3,8,11 - 4,9 + 20,21': signs have spaces around them."""
    terms, sign, start = [], 1, 0
    for match in [*re.finditer(r"\s+([+-])\s+", text), None]:
        end = match.start() if match else len(text)
        terms.append(Term(sign, parse(text[start:end], classes, "arithmetic", start)))
        if match:
            sign, start = int(match.group(1) + "1"), match.end()
    return terms


def check(run, classes):
    """Raise UserError for a mistake in the picks or the arithmetic that the settings `run` ask for."""
    if run.picks:
        parse(run.picks, classes)
    if run.arithmetic:
        parse_sum(run.arithmetic, classes)
