"""Decode a picture file to a record: an array of pixels whose shape is the same for all pictures.

Pillow decodes; this module decides how each kind of picture is shown: crop, orientation, transparency, depth. It
imports neither TensorFlow nor the settings, because it also runs in the decoding processes.
"""

import errno
import math
import os
import warnings
from typing import NamedTuple, Tuple

import numpy as np
import PIL
from PIL import Image, ImageOps

# Formats that Pillow only identifies, or opens by starting another program.
_NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}

# Extensions of picture formats that Pillow does not read, or not in every version. Such a file is reported as unusable,
# not ignored.
_UNSUPPORTED = {".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jxl", ".nef", ".raf", ".raw", ".svg"}


class Recipe(NamedTuple):
    """Everything that determines the record of a given file."""

    size: int  # height and width
    channels: int  # 3 or 1
    crop: str  # "center": the centre square; "pad": the whole, with borders; "stretch": the whole, distorted
    background: Tuple[int, ...]  # R, G, B: the colour behind transparent pictures and of borders


class NotAPictureError(Exception):
    """The content of the file is not a picture format that Pillow reads."""


class BadPictureError(Exception):
    """The picture is unusable; the text says why."""


def decode(path, recipe):
    """Return the picture in the file `path`, str or bytes, as [size, size, channels] uint8.

    Raise NotAPictureError, BadPictureError, or OSError with an `errno` if the file itself cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warnings about metadata and large pictures
        try:
            with open(path, "rb") as file, _open(file) as picture:
                picture = _to_mode(_upright(_shrunk(picture, recipe)), recipe)
                return np.asarray(_fitted(picture, recipe), np.uint8).reshape(recipe.size, recipe.size, -1)
        except (NotAPictureError, BadPictureError, MemoryError):
            raise
        except OSError as error:
            if error.errno in (None, errno.EINVAL):  # EINVAL: a header that points before the start of the file
                raise BadPictureError(str(error))
            raise
        except Exception as error:  # on a broken file, Pillow's plugins raise any type of exception
            raise BadPictureError(f"{type(error).__name__}: {error}")


def claims_to_be_a_picture(path):
    """Return whether a file's name has the extension of a picture format."""
    extension = os.path.splitext(os.fsdecode(path))[1].lower()
    return extension in _UNSUPPORTED or Image.registered_extensions().get(extension, "PDF") not in _NOT_READ


def _open(file):
    if not file.peek(1):
        raise NotAPictureError("an empty file")
    try:
        picture = Image.open(file)
    except Image.UnidentifiedImageError:
        raise NotAPictureError(f"not in a format that Pillow {PIL.__version__} reads")
    except Image.DecompressionBombError as error:
        raise BadPictureError(str(error))
    if picture.format in _NOT_READ:
        raise NotAPictureError(f"{picture.format} is not read as a picture format")
    return picture


def _shrunk(picture, recipe):
    """Load the picture; a JPEG at 1/2, 1/4 or 1/8 of its size if at least twice the record's size remains."""
    side = max(picture.size) if recipe.crop == "pad" else min(picture.size)
    scale = 2.0 * recipe.size / side
    if scale < 1:
        picture.draft(None, tuple(math.ceil(scale * length) for length in picture.size))
    picture.load()
    return picture


def _upright(picture):
    """Rotate or mirror a picture as its EXIF orientation says; with broken EXIF it is left as stored."""
    if picture.format == "TIFF":  # Pillow has rotated it already, and some versions leave the EXIF tag in place
        return picture
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # of any type; broken metadata is not a reason to lose the picture
        return picture


def _to_mode(picture, recipe):
    """Return the picture in mode RGB, or L if recipe.channels is 1, on the background where it is transparent."""
    mode = "RGB" if recipe.channels == 3 else "L"
    if picture.mode == "F" or picture.mode.startswith("I"):
        picture = _in_eight_bits(picture)
    if picture.mode in ("La", "LA", "PA", "RGBa", "RGBA") or "transparency" in picture.info:
        if picture.mode == "La":
            picture = picture.convert("LA")
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, recipe.background), picture).convert(mode)
    if picture.mode == "LAB":
        picture = _from_lab(picture)
    return picture.convert(mode)


def _in_eight_bits(picture):
    values, transparent = np.asarray(picture), picture.info.get("transparency")
    picture = Image.fromarray(_to_eight_bits(values))
    if isinstance(transparent, int):
        picture.putalpha(Image.fromarray(np.uint8(255) * (values != transparent)))
    return picture


def _to_eight_bits(values):
    """Convert grey values of more than 8 bits, [H, W], to uint8.

    Integers are read as 16 bits; floats as 0..1, or as 0..255 if some exceed 1. Values outside these ranges have no
    standard white level and are stretched from their minimum to their maximum.
    """
    integers = values.dtype.kind != "f"
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    white = 65535.0 if integers else 1.0 if high <= 1 else 255.0
    if low < 0 or high > white:
        values, white = values - low, max(high - low, 1e-300)
    return np.uint8(np.clip(np.nan_to_num(values * (255.0 / white)) + 0.5, 0, 255))


def _from_lab(picture):
    from PIL import ImageCms

    return ImageCms.profileToProfile(
        picture, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )


def _fitted(picture, recipe):
    """Resize to a square of recipe.size pixels, with antialiasing."""
    size, (width, height) = recipe.size, picture.size
    if recipe.crop == "pad":
        scale = size / max(width, height)
        inner = tuple(max(1, round(scale * length)) for length in (width, height))
        border = Image.new("RGB", (1, 1), recipe.background).convert(picture.mode).getpixel((0, 0))
        sheet = Image.new(picture.mode, (size, size), border)
        sheet.paste(_resize(picture, inner, None), ((size - inner[0]) // 2, (size - inner[1]) // 2))
        return sheet
    if recipe.crop == "stretch":
        return _resize(picture, (size, size), None)
    side = min(width, height)
    left, top = (width - side) / 2.0, (height - side) / 2.0
    return _resize(picture, (size, size), (left, top, left + side, top + side))


def _resize(picture, size, box):
    # Reductions by more than 3 start with a box filter: faster, and visually the same as Lanczos throughout.
    return picture.resize(size, Image.LANCZOS, box=box, reducing_gap=3.0)
