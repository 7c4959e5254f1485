"""The image files of a folder, for benchmarks that need neither this program's cache nor TensorFlow."""

import contextlib
import os
import sys

from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from utils.data import depths
from utils.data.decode import BadImageError, DecodeOptions, decode
from utils.data.scan import Scan

WHITE = (255, 255, 255)  # the default background of transparent images


def find(folder):
    """Return the sorted paths of the image files below `folder`, with any extension."""
    paths = sorted(os.path.join(folder, os.fsdecode(path)) for path, *_ in Scan(folder))
    return [path for path in paths if _image_size(path)]


def _image_size(path):
    """Return (width, height) of an image; None if the file is not an image."""
    try:
        with Image.open(path) as image:
            return image.size
    except Exception:  # Pillow raises exceptions of any type for a broken file
        return None


def center_squares(paths, channels):
    """Yield the center square of each image at its full resolution, as a PIL image of mode RGB or L (1 channel).

    Images are upright, and transparent ones are on white, as in this program. Images that cannot be decoded are
    skipped.
    """
    levels = {}
    for path in paths:
        options = DecodeOptions(min(_image_size(path)), channels, "center", WHITE)
        try:
            record, _ = decode(path, options, levels)
        except depths.UnknownLevelError:
            levels = _levels(paths)
            record, _ = decode(path, options, levels)
        except (BadImageError, OSError, MemoryError):
            continue
        yield Image.fromarray(record[..., 0] if channels == 1 else record)


def _levels(paths):
    """Return the black and white levels of images with more than 8 bits per channel; see depths.estimate_levels."""
    value_ranges = []
    for path in paths:
        with contextlib.suppress(BadImageError, OSError, MemoryError):
            try:
                decode(path, DecodeOptions(1, 1, "center", WHITE), {})
            except depths.UnknownLevelError as error:
                value_ranges.append(error.value_range)
    return depths.estimate_levels(value_ranges, 0)
