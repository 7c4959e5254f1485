"""Fonts for captions: Pillow's own, or a font of the system for names with letters that Pillow's lacks."""

import contextlib
import functools
import glob
import os
import textwrap
import unicodedata

from PIL import ImageFont

from utils.config.names import normal_form

_SIZE, _TEST_SIZE = 10, 64  # pixels; small letters can look like the sign for a missing letter
_UNASSIGNED = "\U0010ffff"  # a character that no font has
_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts",  # Linux
    "/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts",  # macOS
    "C:/Windows/Fonts", "~/AppData/Local/Microsoft/Windows/Fonts",
)  # fmt: skip


@functools.lru_cache(maxsize=1)  # FreeType would read the font again for every image of a grid
def default_font():
    """Return Pillow's font: ASCII only; before Pillow 10.1, a bitmap font with Latin-1."""
    try:
        return ImageFont.load_default(size=_SIZE)
    except (TypeError, ImportError, OSError):  # Pillow before 10.1, or built without FreeType
        return ImageFont.load_default()


def choose_fonts(names):
    """Return {name: font} for the names that are not ASCII; the font is None if no font can show the name."""
    fonts = {name: None for name in names if not name.isascii()}
    for font in _all_fonts() if fonts else ():
        missing = [name for name, found in fonts.items() if not found]
        if not missing:
            break
        with contextlib.suppress(OSError):  # a damaged font
            fonts.update(dict.fromkeys(_shown(missing, font), font))
    return fonts


def describe_missing(classes, fonts):
    """Yield a line with the numbers of the classes that have no font, if any; classes: all names."""
    numbered = [f"#{i} {name}" for i, name in enumerate(classes) if name in fonts and not fonts[name]]
    if numbered:
        listed = textwrap.shorten(", ".join(numbered), 200, placeholder=" ...")
        yield f"No font on this system can show these class names; captions show numbers instead: {listed}."


def _all_fonts():
    """Yield Pillow's font, then the fonts of the system; regular styles, which have short names, before others."""
    yield default_font()
    patterns = [os.path.join(os.path.expanduser(folder), "**", "*.[oOtT][tT][cCfF]") for folder in _FOLDERS]
    paths = [path for pattern in patterns for path in glob.glob(pattern, recursive=True)]
    paths = [path for path in paths if "LastResort" not in path]  # macOS: a sign for each script instead of letters
    for path in sorted(paths, key=lambda path: (len(os.path.basename(path)), path)):
        try:
            yield ImageFont.truetype(path, _SIZE)
        except (ImportError, OSError):  # Pillow was built without FreeType; a damaged font, or one of fixed sizes
            continue


def _shown(names, font):
    """Return the names that a font can show."""
    if not isinstance(font, ImageFont.FreeTypeFont):
        return [name for name in names if max(normal_form(name)) <= "\xff"]
    can_shape = font.layout_engine == ImageFont.Layout.RAQM
    font = font.font_variant(size=_TEST_SIZE, layout_engine=ImageFont.Layout.BASIC)
    missing = bytes(font.getmask(_UNASSIGNED))

    @functools.lru_cache(maxsize=None)
    def can_show(letter):
        if unicodedata.category(letter) == "Cs" or (_needs_shaping(letter) and not can_shape):
            return False
        return letter.isspace() or bytes(font.getmask(letter)) != missing

    return [name for name in names if all(map(can_show, normal_form(name)))]


def _needs_shaping(letter):
    """Return whether a letter is written from right to left, or is a mark whose place depends on other letters."""
    return unicodedata.bidirectional(letter) in ("R", "AL") or unicodedata.category(letter)[0] == "M"
