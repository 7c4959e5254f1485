"""Parsing of image_size, and the hint for sizes that the network cannot generate."""

import pytest

from model import shapes
from utils.config import rules, schema, settings
from utils.errors import UserError


@pytest.mark.parametrize("text, size", (("64", 64), ("64x64", 64), ("64x96", "64x96"), (" 64 X 96 ", "64x96")))
def test_a_size_has_only_one_form(text, size):
    resolved = settings.resolve(["--image_size", text]).network
    assert resolved.image_size == size and type(resolved.image_size) is type(size)
    assert (resolved.height, resolved.width) == shapes.sides(size) and shapes.format_size(*shapes.sides(size)) == size
    assert resolved._replace(filters=3).width == resolved.width


@pytest.mark.parametrize(
    "value, hint",
    (
        ("60x96", "; the nearest are 56x88 (7x11 times 8) and 64x96 (4x6 times 16)"),
        ("96x60", "; the nearest are 88x56 (11x7 times 8) and 96x64 (6x4 times 16)"),
        ("64x72", "; the nearest are 56x64 (7x8 times 8) and 64x80 (4x5 times 16)"),
        ("72x128", "; the nearest are 64x112 (4x7 times 16) and 80x144 (5x9 times 16)"),
        (60, "; the nearest are 56 (7x7 times 8) and 64 (4x4 times 16)"),
        ("100x100", "; the nearest are 96 (6x6 times 16) and 112 (7x7 times 16)"),
        (4096, "; the nearest are 896 (7x7 times 128) and 1024 (4x4 times 256)"),
        ("0x64", ""),
        (-64, ""),
        ("64x", ""),
        ("64x96x3", ""),
        ("wide", ""),
    ),
)
def test_error_of_an_impossible_size_names_the_nearest(value, hint):
    with pytest.raises(UserError) as raised:
        schema.check("image_size", value, schema.ALL["image_size"], "here")
    assert str(raised.value) == f"here: image_size = {value!r} is invalid; expected {rules.SIZES}{hint}"


def test_load_size_is_at_least_the_shorter_side():
    with pytest.raises(UserError) as raised:
        settings.resolve(["--crop", "random", "--load_size", "63", "--image_size", "96x64"])
    assert "load_size = 63 is less than the shorter side of image_size = 96x64" in str(raised.value)
