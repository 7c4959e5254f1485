"""Pictures out: from the generator's numbers to grids and PNG files."""

import io
import math
import os

import numpy as np
from PIL import Image


def to_uint8(images):
    """Turn float pictures in [-1, 1], of any shape, into uint8 in 0..255, rounded; what is not a number becomes 0."""
    return np.uint8(np.clip(np.nan_to_num(images * 127.5 + 127.5) + 0.5, 0, 255))


def central(pictures, size):
    """Cut the middle out of each of [N, H, W, C]: [N, size, size, C]."""
    top, left = (pictures.shape[1] - size) // 2, (pictures.shape[2] - size) // 2
    return np.ascontiguousarray(pictures[:, top : top + size, left : left + size])


def blank(count, picture_shape, columns=0):
    """Return a white sheet for `count` pictures of shape [H, W, C], [rows * H, columns * W, C] uint8, and its columns.

    columns 0: as many as rows, or one more.
    """
    height, width, channels = picture_shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    return np.full((rows * height, columns * width, channels), 255, np.uint8), columns


def place(sheet, columns, number, picture):
    """Put a picture, [H, W, C] uint8, onto a sheet at the place of this number, counted row by row."""
    height, width, _ = picture.shape
    top, left = number // columns * height, number % columns * width
    sheet[top : top + height, left : left + width] = picture


def grid(images, columns=0):
    """Lay pictures [N, H, W, C] uint8 out on a sheet: see `blank`."""
    sheet, columns = blank(len(images), images.shape[1:], columns)
    for number, image in enumerate(images):
        place(sheet, columns, number, image)
    return sheet


def png(image):
    """Encode [H, W, C] uint8, C 1 or 3, as PNG: bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
    return buffer.getvalue()


def write(path, data):
    """Write bytes to `path`, so that under this name there is never half of them."""
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)
