"""Names as text that depends neither on the locale nor on how letters are composed."""

import pytest

from utils.config import names


@pytest.mark.parametrize(
    "text, expected",
    (
        ("cat", "cat"),
        ("caf\udcc3\udca9, \udce7\udc8c\udcab", "caf\xe9, \u732b"),
        ("\xe9\udcc3\udca9\udcff", "\xe9\xe9\udcff"),  # the last byte is not UTF-8
        ("\udcc3", "\udcc3"),
        ("\ud800", "\ud800"),  # Windows allows it in names
    ),
)
def test_letters_that_the_locale_lacks_are_restored(text, expected):
    assert names.readable(text) == expected


def test_names_with_differently_composed_letters_are_equal():
    forms = ("caf\xe9", "cafe\u0301", "cafe\udccc\udc81", "caf\udcc3\udca9")
    assert {names.normal_form(form) for form in forms} == {"caf\xe9"}
    assert len({names.normal_form(name) for name in ("cafe", "Caf\xe9", "caf\xe9", "caf\udce9")}) == 4


def test_a_file_contains_letters_and_no_invalid_bytes():
    assert names.to_bytes("caf\udcc3\udca9 \udcff \ud800") == b"caf\xc3\xa9 \\udcff \\ud800"
