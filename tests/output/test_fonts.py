"""Fonts for names: Pillow's own, fonts of the system, or none."""

import errno
import glob

import numpy as np
import pytest
from conftest import failing
from PIL import ImageFont, features

from utils.output import animation, fonts

LETTERS = {
    "A": 10,
    "\u041f": 12,
    "\u0639": 14,
    "e": 16,
    "\u0301": 4,
    "\xe9": 18,
    "\udcff": 20,
}  # widths of a test font's glyphs


class TestFont(ImageFont.FreeTypeFont):
    """A font with the glyphs of LETTERS; all others are shown as the same box."""

    __test__ = False

    def __init__(self, letters, layout_engine):
        self.letters, self.layout_engine, self.opened = letters, layout_engine, 0

    def font_variant(self, size, layout_engine):
        self.opened += 1
        return self

    def getmask(self, text):
        return bytes(LETTERS[text] if text in self.letters else 8)


BASIC, RAQM = ImageFont.Layout.BASIC, ImageFont.Layout.RAQM


@pytest.fixture
def system(monkeypatch):
    """A function that replaces the fonts of the system, and Pillow's font by one for ASCII."""

    def replace(*system_fonts):
        monkeypatch.setattr(fonts, "_all_fonts", lambda: iter((TestFont("Ae", RAQM), *system_fonts)))

    return replace


def test_names_in_ascii_need_no_font(monkeypatch):
    monkeypatch.setattr(fonts, "_all_fonts", lambda: pytest.fail("it searched for fonts"))
    assert fonts.choose_fonts(["cat", "", "A-1"]) == {}


def test_the_first_font_with_all_letters_is_chosen(system):
    cyrillic, both, unopened = TestFont("A\u041f", RAQM), TestFont("A\u041f\u0639", RAQM), TestFont("", RAQM)
    system(cyrillic, both, unopened)
    chosen = fonts.choose_fonts(["A\u041f", "A", "\u0639 \u041f"])
    assert chosen == {"A\u041f": cyrillic, "\u0639 \u041f": both} and not unopened.opened


def test_a_damaged_font_is_skipped(system, monkeypatch):
    damaged, good = TestFont("\u041f", RAQM), TestFont("\u041f", RAQM)
    monkeypatch.setattr(damaged, "font_variant", failing(errno.EIO))
    system(damaged, good)
    assert fonts.choose_fonts(["\u041f"]) == {"\u041f": good}


def test_composed_letters_are_shown(system):
    latin = TestFont("e\xe9", BASIC)
    system(latin)
    assert fonts.choose_fonts(["e\u0301"]) == {"e\u0301": latin}


@pytest.mark.parametrize("layout_engine, is_shown", ((RAQM, True), (BASIC, False)), ids=("raqm", "basic"))
@pytest.mark.parametrize("name", ("\u0639", "\u041f\u0301"), ids=("right to left", "a mark"))
def test_scripts_that_need_shaping(system, name, layout_engine, is_shown):
    font = TestFont("\u041f\u0639\u0301", layout_engine)
    system(font)
    assert fonts.choose_fonts([name]) == {name: font if is_shown else None}


def test_names_that_no_font_shows_are_numbered(system):
    system(TestFont("A\u041f\udcff", RAQM))  # some fonts have signs for bytes that are not UTF-8
    classes = ["A", "A\udcff", "\u041f", "\u732b", "\u72ac"]
    chosen = fonts.choose_fonts(classes[:-1])
    assert list(fonts.describe_missing(classes, chosen)) == [
        "No font on this system can show these class names; captions show numbers instead: #1 A\udcff, #3 \u732b."
    ]
    assert not list(fonts.describe_missing(classes, fonts.choose_fonts(["A"])))


def test_a_bitmap_font_shows_latin_1(monkeypatch):
    """Before Pillow 10.1, Pillow's own font is a bitmap font."""
    bitmap = vars(ImageFont).get("load_default_imagefont", ImageFont.load_default)()
    monkeypatch.setattr(fonts, "_all_fonts", lambda: iter([bitmap]))
    assert fonts.choose_fonts(["caf\xe9", "\u041f"]) == {"caf\xe9": bitmap, "\u041f": None}


def test_files_that_are_no_fonts_are_skipped(monkeypatch, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "A.TTF").write_bytes(b"no font")
    monkeypatch.setattr(fonts, "_FOLDERS", (str(tmp_path), str(tmp_path / "missing")))
    assert list(fonts._all_fonts()) == [fonts.default_font()]


@pytest.mark.skipif(not features.check("freetype2"), reason="Pillow was built without FreeType")
def test_a_system_font_is_found_and_writes_a_name(monkeypatch):
    """Letters that a real font has are told from those that it lacks."""
    if not glob.glob("/usr/share/fonts/**/DejaVuSans.ttf", recursive=True):
        pytest.skip("needs the font DejaVu Sans")
    monkeypatch.setattr(fonts, "_FOLDERS", ("/usr/share/fonts/truetype/dejavu",))
    chosen = fonts.choose_fonts(["\u0429\u0443\u043a\u0430", "\u732b", "x\udcff"])
    assert chosen["\u732b"] is chosen["x\udcff"] is None
    image, name = np.zeros((4, 64, 3), np.uint8), "\u0429\u0443\u043a\u0430"
    plain, shown = animation.with_text(image, "17"), animation.with_text(image, "17", name, chosen[name])
    left = int(fonts.default_font().getlength("17 "))
    assert shown.shape == (16, 64, 3) and np.array_equal(shown[:, :left], plain[:, :left])
    assert shown[:12, left:].min() < 128 and plain[:12, left:].min() == 255
