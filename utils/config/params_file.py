"""Read a params file: plain lines `name = value` with a comment above each, in sections `# --- Title ---`.

The file is parsed, never executed, so that a mistake in it is one line with its number.
"""

import ast
import re
import tokenize
import unicodedata
import warnings
from typing import Any, NamedTuple

from utils.config import schema, suggestions
from utils.errors import UserError

_TITLE = re.compile(r"#\s*---+\s*(.*?)[\s-]*$")
_BACKSLASH_CURE = "in paths write / or \\\\ instead of \\"
_SIZE = re.compile(r"=\s*(\d+x\d+)\b")  # a height and a width without quotes
_NOT_LITERAL = object()


class Entry(NamedTuple):
    """A setting, as read from a params file."""

    value: Any
    line: int
    comment: str  # the lines of comment right above, joined
    section: str  # the title above it, "" before the first one


def read(path, shown, rules):
    """Return {name: Entry} of the params file at `path`, which must set each name of `rules` once, to a literal.

    shown: the file's name in messages. Raise UserError for anything else.
    """
    text = _read_text(path, shown)
    lines = text.split("\n")
    comments, sections = _comments(lines)
    entries = {}
    for node in _parse(text, shown).body:
        place = f"{shown} line {node.lineno}"
        if isinstance(node, ast.Expr) and isinstance(_literal(node.value), str):
            continue  # the docstring
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)):
            source = schema.truncate(lines[node.lineno - 1].strip())
            raise UserError(f"{place}: expected a line of the form name = value, not: {source}")
        name = node.targets[0].id
        if name not in rules:
            raise UserError(f"{place}: unknown setting {name}{suggestions.suggestion(name, rules)}")
        if name in entries:
            raise UserError(f"{place}: {name} is already set on line {entries[name].line}; remove one of the two")
        value = _value(name, node.value, rules[name], place)
        entries[name] = Entry(value, node.lineno, comments.get(node.lineno, ""), sections.get(node.lineno, ""))
    _check_complete(entries, shown, rules)
    return entries


def _read_text(path, shown):
    try:
        with tokenize.open(path) as file:
            text = file.read()
    except FileNotFoundError:
        raise UserError(f"{shown} is missing (looked for {path}); restore it with `git checkout {shown}`")
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error}")
    except (SyntaxError, UnicodeDecodeError):
        raise UserError(f"{shown}{_undecodable_line(path)}: this is not UTF-8 text; save the file as UTF-8")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"{shown} line {line}: it contains a NUL byte; remove it, or save the file as UTF-8 text")
    return text


def _undecodable_line(path):
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f" line {number}"
    return ""  # the mistake is in a coding declaration


def _parse(text, shown):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the \p in "C:\pics" is not an escape, and keeps its backslash
            return ast.parse(text)
    except SyntaxError as error:
        source = (text.split("\n")[error.lineno - 1 :] or [""])[0].strip() if error.lineno else ""
        place = f"{shown} line {error.lineno}" if error.lineno else shown
        unquoted = _SIZE.search(source)
        cure = f'; write it in quotes: "{unquoted.group(1)}"' if unquoted else ""
        cure = f"; {_BACKSLASH_CURE}" if "\\" in source else cure
        raise UserError(f"{place}: this is not Python ({error.msg}): {schema.truncate(source)}{cure}")
    except (RecursionError, MemoryError):
        raise UserError(f"{shown}: this is not Python (an expression is nested too deeply)")


def _literal(node):
    """Return the value of a literal such as 64, -1.5 or 'adam'; _NOT_LITERAL for anything else."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _NOT_LITERAL


def _value(name, node, rule, place):
    value = _literal(node)
    if value is _NOT_LITERAL:
        cure = f'; write it in quotes: {name} = "{node.id}"' if rule.kind is str and isinstance(node, ast.Name) else ""
        raise UserError(f"{place}: {name} must be a literal, not a name or an expression: {rule.choices}{cure}")
    value = schema.check(name, value, rule, place)
    # "C:\new" holds a line break, "C:\temp" a tab: an escape that was meant as a path of Windows.
    if rule.is_path and any(unicodedata.category(character) == "Cc" for character in value):
        raise UserError(f"{place}: {name} = {schema.short_repr(value)} contains a control character; {_BACKSLASH_CURE}")
    return value


def _comments(lines):
    """Return {line: the comment right above it} and {line: the title above it}."""
    comments, sections = {}, {}
    block, section = [], ""
    for line, source in enumerate(lines, 1):
        source = source.strip()
        title = _TITLE.match(source)
        if title:
            section, block = title.group(1), []
        elif source.startswith("#"):
            block.append(source.lstrip("# "))
        else:
            if source:
                comments[line], sections[line] = " ".join(block), section
            block = []
    return comments, sections


def _check_complete(entries, shown, rules):
    place = "at the top"
    for name, rule in rules.items():
        if name not in entries:
            missing = f"{shown}: the setting {name} is missing {place}"
            raise UserError(f"{missing}; add a line {name} = <{rule.choices}>")
        place = f"after line {entries[name].line} ({name})"
