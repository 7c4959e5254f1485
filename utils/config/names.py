"""Names of files and classes, whatever the locale and whether letters are composed or decomposed."""

import contextlib
import os
import re
import unicodedata

_SURROGATES = re.compile("[\udc80-\udcff]+")  # bytes of a name that are not letters in the locale


def readable(text):
    """Return `text` with the UTF-8 letters of file names that a locale such as LC_ALL=C lacks.

    In such a locale, Python reads each byte of these letters as a surrogate. Bytes that are not UTF-8 stay surrogates.
    """
    return _SURROGATES.sub(_decode, text)


def _decode(match):
    return match.group().encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def normal_form(name):
    """Return a name as names are compared: composed, so that e with a combining accent equals the accented letter."""
    return unicodedata.normalize("NFC", readable(name))


def existing(path):
    """Return an absolute path, or if it does not exist, the one that does and whose names have the same normal form."""
    parent, name = os.path.split(path)
    if path.isascii() or not name or os.path.lexists(path):
        return path
    parent, names = existing(parent), []
    with contextlib.suppress(OSError):
        names = os.listdir(parent)
    return os.path.join(parent, next((each for each in names if normal_form(each) == normal_form(name)), name))


def to_bytes(text):
    """Return `text` as the bytes of a UTF-8 file; bytes of names that are not UTF-8 become escape sequences."""
    return readable(text).encode("utf-8", "backslashreplace")
