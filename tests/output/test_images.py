"""Grids and PNG files."""

import io

import numpy as np
import pytest
from PIL import Image

from utils.output import images


def numbered(count, height=2, width=3, channels=3):
    """Return images of one color each, the image's index."""
    return np.uint8(np.arange(count).reshape(-1, 1, 1, 1) * np.ones((1, height, width, channels)))


def test_to_uint8_rounds_and_bounds():
    values = np.float32([-1, -0.996, 0, 1, 1.5, -7, np.nan])
    assert images.to_uint8(values).tolist() == [0, 1, 128, 255, 255, 0, 0]
    steps = np.arange(256)
    assert images.to_uint8(np.float32(steps / 127.5 - 1)).tolist() == steps.tolist()


def test_a_grid_runs_row_by_row():
    sheet = images.grid(numbered(6), columns=3)
    assert sheet.shape == (4, 9, 3)
    assert sheet[::2, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("count, rows, columns", ((1, 1, 1), (2, 1, 2), (3, 2, 2), (5, 2, 3), (64, 8, 8), (65, 8, 9)))
@pytest.mark.parametrize("channels", (1, 3))
def test_a_grid_of_any_number_of_images(count, rows, columns, channels):
    sheet = images.grid(numbered(count, channels=channels))
    assert sheet.shape == (2 * rows, 3 * columns, channels)
    cells = sheet[::2, ::3, 0].ravel()
    assert cells[:count].tolist() == list(range(count)) and (cells[count:] == 255).all()


def test_more_columns_than_images():
    assert images.grid(numbered(2), columns=10).shape == (2, 6, 3)


@pytest.mark.parametrize("height, width", ((4, 6), (5, 7)))
def test_the_center_of_images(height, width):
    whole = np.random.RandomState(0).randint(0, 256, (2, height, width, 3)).astype(np.uint8)
    assert np.array_equal(images.center_crop(whole, 4, 4), whole[:, :4, 1:5])
    assert images.center_crop(whole, 4, 4).shape == (2, 4, 4, 3)
    assert np.array_equal(images.center_crop(whole, 2, 6), whole[:, 1:3, :6])


@pytest.mark.parametrize("channels", (1, 3))
def test_png_keeps_every_pixel(channels):
    image = np.random.RandomState(0).randint(0, 256, (5, 7, channels)).astype(np.uint8)
    back = np.asarray(Image.open(io.BytesIO(images.png(image)))).reshape(image.shape)
    assert np.array_equal(back, image)


def test_metadata_is_kept_in_the_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(images.png(numbered(1)[0], {"run": "3f", "step": 7}))
    assert images.read_metadata(str(path)) == {"run": "3f", "step": 7}
    assert np.array_equal(np.asarray(Image.open(str(path))), numbered(1)[0])


@pytest.mark.parametrize("data", (b"", b"text", images.png(numbered(1)[0]), images.png(numbered(1)[0])[:40]))
def test_files_without_metadata(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    assert images.read_metadata(str(tmp_path / "a.png")) == {} == images.read_metadata(str(tmp_path / "none.png"))


def test_the_metadata_of_an_image_larger_than_pillow_opens(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(images.png(numbered(1)[0], {"run": "3f"}))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    assert images.read_metadata(str(tmp_path / "a.png")) == {"run": "3f"}
