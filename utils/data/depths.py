"""Images with more than 8 bits per channel: their black and white levels, and their conversion to 8 bits.

Files do not state the white level: a camera's 10-, 12- or 14-bit values are stored in 16 bits, and white in float files
may be 1 or 255. A single image does not reveal the level either, because it may be dark. White is therefore estimated
from all images of a kind.
"""

import json
from typing import NamedTuple

import numpy as np
from PIL import Image

_OVERSHOOT = 0.1  # fraction of white by which resizing may push values below black or above white
_OUTLIERS = 0.001  # fraction of an image's values ignored at either end, such as hot pixels
_MAX_VALUES = 10**6  # maximum number of values inspected per image, evenly spaced
_WHITES = tuple(2.0**bits - 1 for bits in range(8, 33))
_TO_16_BITS = ("PPM", "JPEG2000")  # these formats state their depth, and Pillow scales them to 16 bits
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # a TIFF tag and its value; Pillow applies it to 8-bit images only
# Pillow reads the high bytes of 16-bit colors. Its raw mode for the opposite byte order reads the low bytes.
_OPPOSITE = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGBA;16B": "RGBA;16L", "RGBA;16L": "RGBA;16B"}
_NATIVE = "16L" if np.little_endian else "16B"


class ValueRange(NamedTuple):
    """The range of values in an image with more than 8 bits per channel."""

    kind: str  # for example "16-bit PNG" or "float TIFF"
    saturation: float  # white at 8, 9, 10, ... bits if part of the image has this value and nothing exceeds it; else 0
    low: float
    high: float

    @property
    def group(self):
        """The kind and the saturation: all images of a group have the same levels."""
        return self[:2]


def to_note(value_range, level=()):
    """Return the text that a cache's index stores for an image with more than 8 bits per channel.

    level: (black, white) of the image's record; () before the record is written.
    """
    return json.dumps([value_range, level])


def from_note(text):
    """Return the ValueRange and the level in a text from `to_note`."""
    value_range, level = json.loads(text)
    return ValueRange(*value_range), tuple(level)


class UnknownLevelError(Exception):
    """The white level of an image is not estimated yet; `value_range` is the image's ValueRange."""

    def __init__(self, value_range):
        self.value_range = value_range


def estimate_levels(value_ranges, white_level):
    """Return the black and white levels of each group in a list of ValueRanges: {group: (black, white)}.

    White is the maximum value of the smallest bit depth that all images of a kind fit in. A saturated image reveals its
    own depth. Images with values clearly below 0, such as computed tomography, or above every bit depth have no
    standard white: black is the lowest value and white the highest. white_level: the white of all formats that do not
    state their bit depth; 0: estimate it.
    """
    levels = {}
    for kind, saturation in {value_range.group for value_range in value_ranges}:
        if white_level and not kind.endswith(_TO_16_BITS):
            levels[kind, saturation] = 0.0, float(white_level)
            continue
        group = [each for each in value_ranges if each.kind == kind and saturation in (0, each.saturation)]
        low, high = min(each.low for each in group), max(each.high for each in group)
        white = next((white for white in _whites(kind) if high <= (1 + _OVERSHOOT) * white), 0.0)
        levels[kind, saturation] = (0.0, white) if white and low >= -_OVERSHOOT * white else (low, high)
    return levels


def _whites(kind):
    return (1.0, *_WHITES) if kind.startswith("float") else _WHITES


def low_byte_tiles(image):
    """Return an unloaded image's tiles, set to read the low bytes of 16-bit colors; [] for other images."""
    tiles = []
    for tile in image.tile or []:  # None for an ICO in old versions of Pillow
        mode, *others = [tile[3]] if isinstance(tile[3], str) else tile[3] or [""]
        opposite = _OPPOSITE.get(str(mode).replace("16N", _NATIVE))
        if opposite is None:
            return []
        arguments = (opposite, *others) if others else opposite
        # In new versions of Pillow, tiles are named tuples, and their fields are read by name.
        tiles.append(tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments))
    return tiles


def to_eight_bits(image, low, levels):
    """Convert a loaded image to 8 bits per channel; an 8-bit image is returned as is.

    low: the same image with the low bytes of its colors, or None. levels: see `estimate_levels`. Raise
    UnknownLevelError if `levels` lacks this image's group.
    """
    if low is None and image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = np.asarray(image)  # [H, W] integers or floats
    if low is not None:
        values = values[..., :3].astype(np.uint16) << 8 | np.asarray(low)[..., :3]  # [H, W, 3]
    value_range = _value_range(values, image.format)
    if value_range.group not in levels:
        raise UnknownLevelError(value_range)
    scaled = _scaled(values, *levels[value_range.group])
    if image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        scaled = 255 - scaled
    result, transparency = Image.fromarray(scaled), image.info.get("transparency")
    result.info = {name: value for name, value in image.info.items() if name != "transparency"}  # EXIF and others
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    elif isinstance(transparency, (int, tuple)):
        opaque = (np.atleast_3d(values) != np.array(transparency)).any(axis=-1)
        result.putalpha(Image.fromarray(np.uint8(255) * opaque))
    return result


def _value_range(values, image_format):
    """Return the ValueRange of an image's values."""
    # Some versions of Pillow return the 16-bit values of these formats as 32-bit integers.
    bits = 16 if image_format in ("PNG", *_TO_16_BITS) else 8 * values.dtype.itemsize
    kind = f"float {image_format}" if values.dtype.kind == "f" else f"{bits}-bit {image_format}"
    if image_format in _TO_16_BITS:
        return ValueRange(kind, 65535.0, 0.0, 65535.0)
    values = values.reshape(-1, *values.shape[2:])[:: max(1, values.size // _MAX_VALUES)]  # pixels with all channels
    values = np.sort(values[np.isfinite(values)])
    if not values.size:
        return ValueRange(kind, 0.0, 0.0, 0.0)
    outliers = int(_OUTLIERS * values.size)
    low, high = float(values[outliers]), float(values[-1 - outliers])
    saturated = high in _whites(kind) and np.count_nonzero(values == high) > max(1, outliers)
    return ValueRange(kind, high if saturated else 0.0, low, high)


def _scaled(values, black, white):
    """Scale values to uint8, black to 0 and white to 255; values outside this range are clipped."""
    if values.dtype.kind == "u" and values.size > 2**16:  # a lookup table needs much less memory
        return _scaled(np.arange(2**16, dtype=np.uint16), black, white)[values]
    values = np.asarray(values, np.float32 if values.dtype.itemsize == 2 else np.float64)
    return np.uint8(np.clip(np.nan_to_num((values - black) * (255.0 / max(white - black, 1e-300))) + 0.5, 0, 255))
