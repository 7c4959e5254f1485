"""Names of files and classes, whatever the locale and whether letters are composed or decomposed."""

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


def to_bytes(text):
    """Return `text` as the bytes of a UTF-8 file; bytes of names that are not UTF-8 become escape sequences."""
    return readable(text).encode("utf-8", "backslashreplace")
