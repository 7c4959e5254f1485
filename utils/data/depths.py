"""Images of more than 8 bits per channel: which of their values is white, and their conversion to 8 bits.

The file does not say it: a camera's 10, 12 or 14 bits are stored as 16, and floats end at 1 or at 255. One image does
not show it either, as it may be a dark one. So white is judged from all images of a kind together.
"""

import json
from typing import NamedTuple

import numpy as np
from PIL import Image

_OVERSHOOT = 0.1  # share of white by which values may be below black or above white, as resizing makes them
_OUTLIERS = 0.001  # share of an image's values, at either end, that do not count: hot pixels
_MAX_VALUES = 10**6  # of an image that are looked at, evenly spaced
_WHITES = tuple(2.0**bits - 1 for bits in range(8, 33))
_TO_16_BITS = ("PPM", "JPEG2000")  # formats that name their depth, so that Pillow scales them to 16 bits
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # a TIFF tag and a value of it, which Pillow applies to 8 bits only
# Pillow reads the high bytes of colors of 16 bits. Its raw mode for the opposite byte order gives the low bytes.
_OPPOSITE = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGBA;16B": "RGBA;16L", "RGBA;16L": "RGBA;16B"}
_NATIVE = "16L" if np.little_endian else "16B"


class ValueRange(NamedTuple):
    """The values of an image of more than 8 bits."""

    kind: str  # such as "16-bit PNG" or "float TIFF"
    saturation: float  # white of 8, 9, 10, ... bits if part of the image is exactly that and nothing exceeds it; or 0
    low: float
    high: float

    @property
    def group(self):
        """What its level is found by: images of the same group have the same level."""
        return self[:2]


class Note(NamedTuple):
    """What the index of a cache notes about an image of more than 8 bits."""

    value_range: ValueRange
    level: tuple  # (black, white) that its record was made with; (): it has none yet

    def to_text(self):
        return json.dumps(self)

    @classmethod
    def from_text(cls, text):
        value_range, level = json.loads(text)
        return cls(ValueRange(*value_range), tuple(level))


class UnknownLevelError(Exception):
    """The image has more than 8 bits, and its white was not judged yet; `value_range` is its ValueRange."""

    def __init__(self, value_range):
        super().__init__(f"{value_range.kind}: white is not known")
        self.value_range = value_range


def estimate_levels(value_ranges, white_level):
    """Return which values are black and white: {(kind, saturation): (black, white)} of all Spans of a set.

    white_level: white of all of them but those that name their depth, or 0. Without it, white is the largest value of
    the smallest depth that all images of the kind fit in. A saturated image shows its own depth. Values clearly
    below 0, such as those of computed tomography, have no standard white: the lowest becomes black and the highest
    white.
    """
    levels = {}
    for kind, saturation in sorted({value_range.group for value_range in value_ranges}):
        same = [
            value_range
            for value_range in value_ranges
            if value_range.kind == kind and saturation in (0, value_range.saturation)
        ]
        low, high = min(value_range.low for value_range in same), max(value_range.high for value_range in same)
        is_given = white_level and not kind.endswith(_TO_16_BITS)
        levels[kind, saturation] = (0.0, float(white_level)) if is_given else _level(low, high, kind)
    return levels


def _level(low, high, kind):
    fitting = [white for white in _whites(kind) if high <= (1 + _OVERSHOOT) * white]
    if not fitting or low < -_OVERSHOOT * fitting[0]:
        return low, high
    return 0.0, fitting[0]


def _whites(kind):
    return (1.0, *_WHITES) if kind.startswith("float") else _WHITES


def has_low_bytes(image):
    """Return whether an image that is not loaded yet has colors of 16 bits."""
    return bool(image.tile) and all(_opposite(tile) for tile in image.tile)


def low_bytes(image):
    """Load an image that `has_low_bytes` with these in place of the high ones, and return it."""
    image.tile = [_with_raw_mode(tile, _opposite(tile)) for tile in image.tile]
    image.load()
    return image


def _opposite(tile):
    """Return the raw mode of the opposite byte order for a tile of an image file, or None."""
    mode = tile[3] if isinstance(tile[3], str) else tile[3][0] if tile[3] else ""
    return _OPPOSITE.get(str(mode).replace("16N", _NATIVE))


def _with_raw_mode(tile, mode):
    arguments = mode if isinstance(tile[3], str) else (mode, *tile[3][1:])
    # A named tuple in new versions of Pillow, which use the names.
    return tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)


def to_eight_bits(image, low, levels):
    """Return a loaded image with 8 bits per channel; one that has no more is returned as it is.

    low: the same image with the low bytes of its colors, or None. levels: see `estimate_levels`. Raise
    UnknownLevelError if they lack this image's.
    """
    if low is None and image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = _values(image, low)
    value_range = _value_range(values, _kind(image, values))
    if value_range.group not in levels:
        raise UnknownLevelError(value_range)
    scaled = _scaled(values, *levels[value_range.group])
    if image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        scaled = 255 - scaled
    result = Image.fromarray(scaled)
    result.info = {name: value for name, value in image.info.items() if name != "transparency"}  # EXIF among them
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    elif isinstance(image.info.get("transparency"), (int, tuple)):
        opaque = values != np.array(image.info["transparency"])
        result.putalpha(Image.fromarray(np.uint8(255) * (opaque if opaque.ndim == 2 else opaque.any(-1))))
    return result


def _values(image, low):
    """Return the values of an image: [H, W] integers or floats, or [H, W, 3] uint16 if there are low bytes."""
    if low is None:
        return np.asarray(image)
    values = np.asarray(image)[..., :3].astype(np.uint16) << 8
    return values | np.asarray(low)[..., :3]


def _kind(image, values):
    floats = values.dtype.kind == "f"
    short = values.dtype.itemsize == 2 or image.format in ("PNG", *_TO_16_BITS)  # some Pillows give these as 32 bits
    return f"{'float' if floats else '16-bit' if short else '32-bit'} {image.format}"


def _value_range(values, kind):
    """Return the ValueRange of an image's values."""
    if kind.endswith(_TO_16_BITS):
        return ValueRange(kind, 65535.0, 0.0, 65535.0)
    values = values.reshape(-1, *values.shape[2:])[:: max(1, values.size // _MAX_VALUES)]  # pixels, of all channels
    values = np.sort(values[np.isfinite(values)])
    if not values.size:
        return ValueRange(kind, 0.0, 0.0, 0.0)
    outliers = int(_OUTLIERS * values.size)
    low, high = float(values[outliers]), float(values[-1 - outliers])
    saturated = high in _whites(kind) and np.count_nonzero(values == high) > max(1, outliers)
    return ValueRange(kind, high if saturated else 0.0, low, high)


def _scaled(values, black, white):
    """Return values as uint8, with black as 0 and white as 255; those beyond are clipped."""
    if values.dtype.kind == "u" and values.size > 2**16:  # through a table: the same, in a small part of the memory
        return _scaled(np.arange(2**16, dtype=np.uint16), black, white)[values]
    values = np.asarray(values, np.float32 if values.dtype.itemsize == 2 else np.float64)
    return np.uint8(np.clip(np.nan_to_num((values - black) * (255.0 / max(white - black, 1e-300))) + 0.5, 0, 255))
