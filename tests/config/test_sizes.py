"""image_size: squares and rectangles, which of them are possible, and which are named in place of others."""

import pytest

from utils.config import schema, settings, sizes
from utils.errors import UserError


@pytest.mark.parametrize("text, size", (("64", 64), ("64x64", 64), ("64x96", "64x96"), (" 64 X 96 ", "64x96")))
def test_a_size_has_one_form(text, size):
    resolved = settings.resolve(["--image_size", text]).network
    assert resolved.image_size == size and type(resolved.image_size) is type(size)
    assert (resolved.height, resolved.width) == sizes.sides(size) and sizes.size_of(*sizes.sides(size)) == size
    assert resolved._replace(filters=3).width == resolved.width


def test_which_sizes_are_possible():
    squares = [size for size in range(2000) if sizes.is_possible(size)]
    assert squares[:12] == [8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56] and squares[-2:] == [896, 1024]
    assert {8, 16, 32, 64, 128, 256, 512, 1024} <= set(squares)  # those of earlier versions
    for size in ("64x96", "96x64", "48x80", "16x64", "256x1024", "80x112", "896x1024"):
        assert sizes.is_possible(size), size
    for size in ("64x72", "60x96", "16x72", "8x6", "512x2048", "65x65", "0x64", "100x200"):
        assert not sizes.is_possible(size), size
    assert all(map(sizes.is_possible, (sizes.size_of(*pair) for pair in sizes._possible())))


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
def test_an_impossible_size_is_refused_with_the_nearest(value, hint):
    with pytest.raises(UserError) as raised:
        schema.check("image_size", value, schema.ALL["image_size"], "here")
    assert str(raised.value) == f"here: image_size = {value!r} is invalid; expected {sizes.CHOICES}{hint}"


def test_windows_of_a_rectangle_need_its_shorter_side():
    with pytest.raises(UserError) as raised:
        settings.resolve(["--crop", "random", "--load_size", "63", "--image_size", "96x64"])
    assert "load_size = 63 is less than the shorter side of image_size = 96x64" in str(raised.value)
