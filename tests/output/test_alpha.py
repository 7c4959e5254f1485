"""Alpha: colors are premultiplied and unpremultiplied without loss, and composited on a background."""

import io

import numpy as np
import pytest
from PIL import Image

from utils.output import alpha
from utils.output.images import png

# Every color with every alpha, including colors above their alpha, which a network can generate.
PAIRS = np.stack(np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 2), axis=-1)
ALL = np.stack([PAIRS[..., 0], PAIRS[..., 0], PAIRS[..., 0], PAIRS[..., 1]], axis=-1)  # [256, 256, 4]


def test_unpremultiply_divides_colors_by_alpha():
    straight = alpha.unpremultiply(ALL)
    bounded = np.float64(np.minimum(ALL[..., :3], ALL[..., 3:]))
    expected = 255 * bounded / np.maximum(ALL[..., 3:], 1)
    assert np.abs(straight[..., :3] - expected).max() <= 0.5
    assert np.array_equal(straight[..., 3], ALL[..., 3]) and not straight[0].any()  # transparent pixels have no color
    assert np.array_equal(alpha.premultiply(straight)[..., :3], bounded)


@pytest.mark.parametrize("name, color", (("white", 255), ("black", 0), ("#0a0a0a", 10)))
def test_on_a_background(name, color):
    opacity = ALL[..., 3:] / 255.0
    expected = np.minimum(ALL[..., :3], ALL[..., 3:]) + (1 - opacity) * color
    shown = alpha.composite(ALL, name)
    assert shown.shape == (256, 256, 3) and shown.dtype == np.uint8
    assert np.abs(shown - expected).max() <= 0.5


def test_images_without_alpha_are_unchanged():
    for channels in (1, 3):
        images = np.zeros((2, 4, 4, channels), np.uint8)
        for function in (alpha.unpremultiply, alpha.premultiply, lambda each: alpha.composite(each, "red")):
            assert function(images) is images


def test_png_files_have_straight_colors():
    image = np.uint8([[[100, 50, 0, 100], [0, 0, 0, 0], [9, 8, 7, 255]]])
    image = Image.open(io.BytesIO(png(image)))
    assert image.mode == "RGBA"
    assert np.asarray(image).tolist() == [[[255, 128, 0, 100], [0, 0, 0, 0], [9, 8, 7, 255]]]
