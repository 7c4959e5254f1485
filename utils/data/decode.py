"""A picture file in, a record out: an array of pixels that always has the same shape.

Decoding is Pillow's; this file decides what a person expects to see of each kind of picture. It imports neither
TensorFlow nor the settings, for it also runs in worker processes.
"""

import errno
import math
import os
import warnings
from typing import NamedTuple, Tuple

import numpy as np
import PIL
from PIL import Image, ImageOps

# Formats that Pillow knows by sight only, or opens with the help of another program.
_NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}

# Pictures by name that Pillow does not read, or not everywhere: such a file is a picture missed, no file passed over.
_MISSED = {".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jxl", ".nef", ".raf", ".raw", ".svg"}


class Recipe(NamedTuple):
    """Everything that decides what the record of a given file is."""

    size: int  # height and width
    channels: int  # 3 or 1
    crop: str  # "center": the centre square; "pad": all of it, with borders; "stretch": all of it, out of shape
    background: Tuple[int, ...]  # what shines through where a picture is transparent, and fills borders: R, G, B


class NotAPictureError(Exception):
    """The content of a file is nothing that Pillow reads."""


class BadPictureError(Exception):
    """A picture cannot be used; the text says why."""


def decode(path, recipe):
    """Return the picture in the file `path`, str or bytes, as [size, size, channels] uint8.

    Raise NotAPictureError, BadPictureError, or OSError with an `errno` where the file itself cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata, and on pictures that are merely large
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
        except Exception as error:  # Pillow's plugins raise what they like on a broken file
            raise BadPictureError("%s: %s" % (type(error).__name__, error))


def claims_to_be_a_picture(path):
    """Say whether a file's name ends like a picture's."""
    ending = os.path.splitext(os.fsdecode(path))[1].lower()
    return ending in _MISSED or Image.registered_extensions().get(ending, "PDF") not in _NOT_READ


def _open(file):
    if not file.peek(1):
        raise NotAPictureError("an empty file")
    try:
        picture = Image.open(file)
    except Image.UnidentifiedImageError:
        raise NotAPictureError("not in a format that Pillow %s reads" % PIL.__version__)
    except Image.DecompressionBombError as error:
        raise BadPictureError(str(error))
    if picture.format in _NOT_READ:
        raise NotAPictureError("%s is not a picture format that is read here" % picture.format)
    return picture


def _shrunk(picture, recipe):
    """Let a JPEG be decoded at a half, a quarter or an eighth of its size, where twice the record is left."""
    side = max(picture.size) if recipe.crop == "pad" else min(picture.size)
    scale = 2.0 * recipe.size / side
    if scale < 1:
        picture.draft(None, tuple(math.ceil(scale * length) for length in picture.size))
    picture.load()
    return picture


def _upright(picture):
    """Turn a picture as its EXIF orientation says; one whose EXIF is broken stays as it is."""
    if picture.format == "TIFF":  # Pillow has turned it, and some versions keep the orientation all the same
        return picture
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # metadata is no reason to lose a picture, and Pillow raises what it likes on it
        return picture


def _to_mode(picture, recipe):
    """Return the picture in mode RGB, or L where recipe.channels is 1."""
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
    """Bring grey values of more than 8 bits, [H, W], to uint8.

    Whole numbers are taken as 16 bits, fractions as 0..1, or as 0..255 where they pass 1. What does not fit has no
    agreed white, and is stretched from its least to its greatest value.
    """
    whole = values.dtype.kind != "f"
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    white = 65535.0 if whole else 1.0 if high <= 1 else 255.0
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
        grey = Image.new("RGB", (1, 1), recipe.background).convert(picture.mode)
        sheet = Image.new(picture.mode, (size, size), grey.getpixel((0, 0)))
        sheet.paste(_resize(picture, inner, None), ((size - inner[0]) // 2, (size - inner[1]) // 2))
        return sheet
    if recipe.crop == "stretch":
        return _resize(picture, (size, size), None)
    side = min(width, height)
    left, top = (width - side) / 2.0, (height - side) / 2.0
    return _resize(picture, (size, size), (left, top, left + side, top + side))


def _resize(picture, size, box):
    # A reduction of more than threefold is done by a box filter first, which no eye tells from Lanczos throughout.
    return picture.resize(size, Image.LANCZOS, box=box, reducing_gap=3.0)
