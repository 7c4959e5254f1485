"""Convert float images to uint8, grids and PNG files."""

import io
import json
import math

import numpy as np
from PIL import Image, PngImagePlugin

from utils.output.alpha import unpremultiply

_KEYWORD = "DCGAN"  # the keyword of the text chunk


def to_uint8(images):
    """Convert float images in [-1, 1], of any shape, to uint8 in 0..255, rounded; NaN becomes 0."""
    return np.uint8(np.clip(np.nan_to_num(images * 127.5 + 127.5) + 0.5, 0, 255))


def center_crop(images, height, width):
    """Crop images [N, H, W, C], which must be at least this large, to their centers: [N, height, width, C]."""
    top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    return np.ascontiguousarray(images[:, top : top + height, left : left + width])


def averaged_down(images, to):
    """Return images [N, H, W, C] averaged down by a factor: [N, H / factor, W / factor, C] float32.

    The factor is the power of two that leaves `to` to 2 * `to` - 1 pixels on the shorter side; 1 for smaller images.
    """
    n, height, width, channels = images.shape
    factor = 2 ** max(0, (min(height, width) // to).bit_length() - 1)
    squares = images.reshape(n, height // factor, factor, width // factor, factor, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32)


def blank(count, image_shape, columns=0):
    """Return a white sheet, [rows * H, columns * W, C] uint8, for `count` images [H, W, C], and its number of columns.

    columns = 0: use as many columns as rows, or one more.
    """
    height, width, channels = image_shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    return np.full((rows * height, columns * width, channels), 255, np.uint8), columns


def place(sheet, columns, number, image):
    """Copy an image, [H, W, C] uint8, into a cell of a sheet; number: the index of the cell, row by row."""
    height, width, _ = image.shape
    top, left = number // columns * height, number % columns * width
    sheet[top : top + height, left : left + width] = image


def grid(images, columns=0):
    """Return a sheet with the images [N, H, W, C] uint8; columns and shape: as for `blank`."""
    sheet, columns = blank(len(images), images.shape[1:], columns)
    for number, image in enumerate(images):
        place(sheet, columns, number, image)
    return sheet


def png(image, metadata=None):
    """Return an image [H, W, C] uint8 as the bytes of a PNG file; C: 1, 3, or 4 (with premultiplied colors).

    metadata: a dict to store in the file as JSON, for `read_metadata`; None: no metadata.
    """
    buffer, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    if metadata:
        texts.add_text(_KEYWORD, json.dumps(metadata))
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else unpremultiply(image)).save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def read_metadata(path):
    """Return the metadata in a PNG file, a dict; {} if there is none, or the file cannot be read."""
    try:
        with PngImagePlugin.PngImageFile(path) as image:  # Image.open rejects very large images
            metadata = json.loads(image.info.get(_KEYWORD, "{}"))
    except (OSError, ValueError, SyntaxError, TypeError):  # Pillow raises SyntaxError for a broken PNG
        return {}
    return metadata if isinstance(metadata, dict) else {}
