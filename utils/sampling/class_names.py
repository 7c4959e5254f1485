"""Names of classes in settings. One that has a comma or a sign stands in double quotes, with those in it doubled."""

import re
import textwrap

from utils.config import suggestions
from utils.errors import UserError

_QUOTED = re.compile(r'(?:^|(?<=[,\s]))"(?:[^"]|"")*"(?=\s*(?:[:,]|$))')


def split(text, separator):
    """Return (start, part, what separates it from the part before) of each part of a text.

    separator: a regular expression, which is not looked for in quoted names.
    """
    masked = _QUOTED.sub(lambda match: "_" * len(match.group()), text)
    parts, start, before = [], 0, ""
    for match in [*re.finditer(separator, masked), None]:
        parts.append((start, text[start : match.start() if match else len(text)], before))
        if match:
            start, before = match.end(), match.group()
    return parts


def quoted(name):
    """Return the name of a class as it is written in a setting."""
    is_plain = len(split(name, r",|\s[+-]\s")) == 1 and not name.startswith('"') and name == name.strip()
    return name if is_plain else '"' + name.replace('"', '""') + '"'


def label_of(name, classes, place):
    """Return the index of a class; raise UserError, which names the place, if there is none of this name.

    name: as it is written in a setting. classes: all names.
    """
    if name in classes:
        return classes.index(name)
    if len(name) > 1 and name[0] == name[-1] == '"' and name[1:-1].replace('""', '"') in classes:
        return classes.index(name[1:-1].replace('""', '"'))
    known = [quoted(each) for each in classes]
    listed = textwrap.shorten(", ".join(known), 200, placeholder=" ...")
    raise UserError(f"{place}: no class {name!r}{suggestions.suggestion(name, known, f'the classes are {listed}')}")
