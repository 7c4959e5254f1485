"""The picture files of a folder, for benchmarks that need neither this program's cache nor TensorFlow."""

import contextlib
import os
import sys

from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from utils.data import depths
from utils.data.decode import BadPictureError, NotAPictureError, Recipe, decode
from utils.data.scan import Scan

WHITE = (255, 255, 255)  # behind transparent pictures: the default of `background`


def find(folder):
    """Return the paths of the picture files below `folder`, sorted, whatever their names are."""
    names = sorted(os.fsdecode(file.path) for file in Scan(folder))
    return [path for path in (os.path.join(folder, name) for name in names) if _size_of(path)]


def _size_of(path):
    """Return (width, height) of a picture; None if the file is not one."""
    try:
        with Image.open(path) as picture:
            return picture.size
    except Exception:  # Pillow raises anything for broken files
        return None


def centre_squares(paths, channels):
    """Yield the centre square of each picture at its full resolution, as a PIL image of mode RGB or L (1 channel).

    Pictures are upright and, where transparent, on white, as this program sees them. Those that cannot be decoded are
    skipped.
    """
    levels = {}
    for path in paths:
        recipe = Recipe(min(_size_of(path)), channels, "center", WHITE)
        try:
            record = decode(path, recipe, levels)
        except depths.UnknownLevelError:
            levels = _levels(paths)
            record = decode(path, recipe, levels)
        except (BadPictureError, NotAPictureError, OSError, MemoryError):
            continue
        yield Image.fromarray(record[..., 0] if channels == 1 else record)


def _levels(paths):
    """Return which values are black and white in the pictures of more than 8 bits; see depths.judge."""
    spans = []
    for path in paths:
        with contextlib.suppress(BadPictureError, NotAPictureError, OSError, MemoryError):
            try:
                decode(path, Recipe(1, 1, "center", WHITE), {})
            except depths.UnknownLevelError as error:
                spans.append(error.span)
    return depths.judge(spans, 0)
