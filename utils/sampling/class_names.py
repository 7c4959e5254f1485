"""Class names in settings.

A name that contains a comma, or a plus or minus sign between spaces, is double-quoted; quotes inside it are doubled.
"""

import re
import textwrap

from utils.config import suggestions
from utils.config.names import normal_form
from utils.errors import UserError

_QUOTED = re.compile(r'(?:^|(?<=[,\s]))"(?:[^"]|"")*"(?=\s*(?:[:,]|$))')


def split(text, separator):
    """Split a text; return (start, part, the separator before the part) for each part.

    separator: a regular expression. Quoted names are not split.
    """
    masked = _QUOTED.sub(lambda match: "_" * len(match.group()), text)
    parts, start, before = [], 0, ""
    for match in [*re.finditer(separator, masked), None]:
        parts.append((start, text[start : match.start() if match else len(text)], before))
        if match:
            start, before = match.end(), match.group()
    return parts


def quoted(name):
    """Return a class name as settings spell it, in quotes if necessary."""
    is_plain = len(split(name, r",|\s[+-]\s")) == 1 and not name.startswith('"') and name == name.strip()
    return name if is_plain else '"' + name.replace('"', '""') + '"'


def unquoted(name):
    """Return a name without the quotes that `quoted` adds."""
    return name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name


def _find(name, classes):
    """Return the index of the class with this name, without quotes; None if there is none."""
    for form in (str, normal_form):  # an equal name first: earlier versions allowed two classes with one normal form
        forms = list(map(form, classes))
        if form(name) in forms:
            return forms.index(form(name))
    return None


def class_index(name, classes, place):
    """Return the index of a class; if it does not exist, raise a UserError that begins with `place`.

    name: quoted or not, its letters composed or not. classes: all names.
    """
    for spelling in (name, unquoted(name)):
        index = _find(spelling, classes)
        if index is not None:
            return index
    name, known = normal_form(name), [quoted(normal_form(each)) for each in classes]
    listed = textwrap.shorten(", ".join(known), 200, placeholder=" ...")
    raise UserError(f"{place}: no class {name!r}{suggestions.suggestion(name, known, f'the classes are {listed}')}")


def class_indices(text, classes):
    """Return the indices of the classes named in `text`, such as 'role,person'; '' means all classes.

    Raise UserError for an unknown name, or for any name if the network is unconditional (`classes` is empty).
    """
    names = [text] if _find(text, classes) is not None else [part.strip() for _, part, _ in split(text, ",")]
    wanted = [name for name in names if name]
    if wanted and not classes:
        raise UserError(f"classes = {text!r}, but this network is unconditional; train with conditional = 1")
    return [class_index(name, classes, "classes") for name in wanted] or list(range(len(classes)))
