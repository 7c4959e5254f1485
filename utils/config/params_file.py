"""Read a params file: plain lines `name = value` with a comment above each, in sections `# --- Title ---`.

The file is parsed, never executed, so that a mistake is reported in one line, with its line number.
"""

import ast
import re
import warnings
from typing import Any, NamedTuple

from utils.config import schema, suggestions
from utils.errors import UserError

# A title "# --- Pictures ---", or the comment directly above a setting, and the setting's name.
_TITLE_OR_SETTING = re.compile(r"^# ?---+ *(.*?)[ -]*$|((?:^#(?! ?---).*\n)*)^(\w+) *=", re.MULTILINE)
_CONTROL_CHARACTER = re.compile(r"[\0-\x1f\x7f-\x9f]")
_BACKSLASH_CURE = "in paths write / or \\\\ instead of \\"
_SIZE = re.compile(r"=\s*(\d+x\d+)\b")  # a height and a width without quotes


class Entry(NamedTuple):
    """A setting of a params file."""

    value: Any
    line: int  # 0: the file lacks the setting, and `value` is its default
    comment: str  # the comment lines directly above, joined
    section: str  # the section title above the setting; "Settings" before the first title


def read(path, shown, rules):
    """Return {name: Entry} of the params file at `path` for all names in `rules`, in their order.

    shown: the file's name in messages. Raise UserError if the file cannot be read, or unless it only sets names in
    `rules`, each at most once, to valid literals.
    """
    text = _read_text(path, shown)
    comments, entries = _comments(text), {}
    tree = _parse(text, shown)
    for node in tree.body if ast.get_docstring(tree) is None else tree.body[1:]:
        place = f"{shown} line {node.lineno}"
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
            source = schema.truncate(text.split("\n")[node.lineno - 1].strip())
            raise UserError(f"{place}: expected a line of the form name = value, not: {source}")
        name = node.targets[0].id
        if name not in rules:
            raise UserError(f"{place}: unknown setting {name}{suggestions.suggestion(name, rules)}")
        if name in entries:
            raise UserError(f"{place}: {name} is already set on line {entries[name].line}; remove one of the two")
        value = _value(name, node.value, rules[name], place)
        entries[name] = Entry(value, node.lineno, *comments.get(name, ("", "Settings")))
    return {name: entries.get(name, Entry(rule.default, 0, "", "Settings")) for name, rule in rules.items()}


def _read_text(path, shown):
    try:
        with open(path, "rb") as file:
            # Python finds the declaration of an encoding in the same way.
            coding = re.match(rb"(?:#.*\n)?#.*?coding[:=] *([-\w.]+)", file.read())
        with open(path, encoding=coding.group(1).decode() if coding else "utf-8-sig") as file:
            return file.read()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{shown} line {line}: this is not UTF-8 text; save the file as UTF-8")
    except (OSError, LookupError) as error:  # LookupError: an unknown encoding
        raise UserError(f"{shown} cannot be read ({error}); restore it with `git checkout {shown}`")


def _parse(text, shown):
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{shown} line {line} contains a NUL byte; remove it, or save the file as UTF-8 text")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the \p in "C:\pics" is not an escape, and keeps its backslash
            return ast.parse(text)
    except SyntaxError as error:
        line = error.lineno or 1
        source = text.split("\n")[line - 1].strip()
        unquoted = _SIZE.search(source)
        cure = f'; write it in quotes: "{unquoted.group(1)}"' if unquoted else ""
        cure = f"; {_BACKSLASH_CURE}" if "\\" in source else cure
        raise UserError(f"{shown} line {line}: this is not Python ({error.msg}): {schema.truncate(source)}{cure}")
    except (RecursionError, MemoryError):
        raise UserError(f"{shown}: this is not Python (an expression is nested too deeply)")


def _value(name, node, rule, place):
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        cure = f'; write it in quotes: {name} = "{node.id}"' if str in rule.types and isinstance(node, ast.Name) else ""
        raise UserError(f"{place}: {name} must be a literal, not a name or an expression: {rule.choices}{cure}")
    value = schema.check(name, value, rule, place)
    # "C:\new" holds a line break, "C:\temp" a tab: an escape sequence in what was meant as a Windows path.
    if rule.is_path and _CONTROL_CHARACTER.search(value):
        raise UserError(f"{place}: {name} = {schema.short_repr(value)} contains a control character; {_BACKSLASH_CURE}")
    return value


def _comments(text):
    """Return {name of a setting: (the comment directly above it, the title above it)}."""
    comments, section = {}, "Settings"
    for title, comment, name in _TITLE_OR_SETTING.findall(text):
        section = title or section
        comments[name] = " ".join(line.strip("# ") for line in comment.splitlines()), section
    return comments
