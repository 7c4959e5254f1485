"""Decode a picture file to a record: an array of pixels whose shape is the same for all pictures.

Pillow decodes; this module decides how each kind of picture is shown: crop, orientation, transparency, depth. It
imports neither TensorFlow nor the settings, because it also runs in the decoding processes.
"""

import errno
import math
import warnings
from typing import NamedTuple, Tuple, Union

import numpy as np
import PIL
from PIL import Image, ImageOps

from utils.config import sizes
from utils.data import depths, formats, repair


class Recipe(NamedTuple):
    """Everything that determines the record of a given file."""

    size: Union[int, str]  # height and width, as image_size has them; see config/sizes.py
    channels: int  # 3, 1, or 4: colours premultiplied by alpha, and alpha
    # "center": the largest part, in the centre, of the record's proportions; "pad": the whole, with borders; "stretch":
    # the whole, distorted
    crop: str
    background: Tuple[int, ...]  # R, G, B: the colour behind transparent pictures and of borders; () with 4 channels

    @property
    def shape(self):
        """Of a record: [H, W, C]."""
        return (*sizes.sides(self.size), self.channels)


class NotAPictureError(Exception):
    """The content of the file is not a picture format that Pillow reads."""


class BadPictureError(Exception):
    """The picture is unusable; the text says why."""


ERRORS = (NotAPictureError, BadPictureError, depths.UnknownLevelError)  # of `decode`


def decode(path, recipe, levels):
    """Return the picture in the file `path`, str or bytes, as uint8 of the shape of `recipe`.

    levels: which values are black and white in pictures of more than 8 bits; see depths.judge. Raise
    depths.UnknownLevelError if they lack this picture's; NotAPictureError, BadPictureError, or OSError with an `errno`
    if the file itself cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warnings about metadata and large pictures
        try:
            with open(path, "rb") as file:
                picture = depths.to_eight_bits(*_loaded(file, recipe), levels)
                picture = _to_mode(_upright(picture), recipe)
                return np.asarray(_fitted(picture, recipe), np.uint8).reshape(recipe.shape)
        except (*ERRORS, MemoryError):
            raise
        except OSError as error:
            if error.errno in (None, errno.EINVAL):  # EINVAL: a header that points before the start of the file
                raise BadPictureError(str(error))
            raise
        except Exception as error:  # on a broken file, Pillow's plugins raise any type of exception
            raise BadPictureError(f"{type(error).__name__}: {error}")


def _loaded(file, recipe):
    """Return the picture in an open file, loaded at the size that the recipe needs, and the low bytes of its colours.

    The latter is the same picture, or None if colours have 8 bits. Slight damage is overlooked.
    """
    head = file.read(formats.HEAD)
    file.seek(0)
    if not head:
        raise NotAPictureError("an empty file")
    whole_file = repair.without_bad_chunks(file)
    picture = _open(whole_file, head)
    if picture.format == "TIFF" and formats.is_raw(file.name):
        raise BadPictureError("a camera's raw file, of which only the preview is read; convert it to PNG or JPEG")
    has_low_bytes = depths.has_low_bytes(picture)  # before loading: Pillow forgets it then
    try:
        picture = _shrunk(picture, recipe)
        return picture, depths.low_bytes(_open(whole_file, head)) if has_low_bytes else None
    except OSError:
        whole = None
        if picture.format in ("JPEG", "MPO"):
            whole = repair.load_without_end(file, lambda other: _shrunk(_open(other, head), recipe))
        if whole is None:
            raise
        return whole, None


def _open(file, head):
    """Return the picture in a file that begins with the bytes `head`, not loaded yet."""
    try:
        picture = Image.open(file)
    except Image.UnidentifiedImageError:
        name, reason = formats.name_of(head), f"not in a format that Pillow {PIL.__version__} reads"
        if name:
            raise BadPictureError(f"{name}, {reason}")
        raise NotAPictureError(reason)
    except Image.DecompressionBombError as error:
        raise BadPictureError(str(error))
    if picture.format in formats.NOT_READ:
        raise NotAPictureError(f"{picture.format} is not read as a picture format")
    return picture


def _shrunk(picture, recipe):
    """Load the picture; a JPEG at 1/2, 1/4 or 1/8 of its size if at least twice the record's size remains."""
    height, width, _ = recipe.shape
    scales = 2.0 * width / picture.width, 2.0 * height / picture.height
    scale = min(scales) if recipe.crop == "pad" else max(scales)
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
    """Return the picture in mode RGBa, which is premultiplied, if recipe.channels is 4.

    Otherwise in mode RGB, or L if recipe.channels is 1, on the background where it is transparent.
    """
    mode = "L" if recipe.channels == 1 else "RGB"
    if picture.mode in ("La", "LA", "PA", "RGBa", "RGBA") or "transparency" in picture.info:
        if picture.mode == "La":
            picture = picture.convert("LA")
        picture = picture.convert("RGBA")
        if recipe.channels == 4:
            return picture.convert("RGBa")
        return Image.alpha_composite(Image.new("RGBA", picture.size, recipe.background), picture).convert(mode)
    if picture.mode == "LAB":
        picture = _from_lab(picture)
    picture = picture.convert(mode)
    return picture.convert("RGBA").convert("RGBa") if recipe.channels == 4 else picture


def _from_lab(picture):
    from PIL import ImageCms

    return ImageCms.profileToProfile(
        picture, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )


def _fitted(picture, recipe):
    """Resize to the size of the record, with antialiasing."""
    (to_height, to_width, _), (width, height) = recipe.shape, picture.size
    size = to_width, to_height
    if recipe.crop == "pad":
        scale = min(to_width / width, to_height / height)
        inner = tuple(max(1, round(scale * length)) for length in (width, height))
        sheet = Image.new(picture.mode, size, _border(picture.mode, recipe))
        sheet.paste(_resize(picture, inner, None), ((to_width - inner[0]) // 2, (to_height - inner[1]) // 2))
        return sheet
    if recipe.crop == "stretch":
        return _resize(picture, size, None)
    # The largest part of the record's proportions: it has the whole height or the whole width.
    part_width, part_height = min(width, height * to_width / to_height), min(height, width * to_height / to_width)
    left, top = (width - part_width) / 2.0, (height - part_height) / 2.0
    return _resize(picture, size, (left, top, left + part_width, top + part_height))


def _border(mode, recipe):
    """Return the colour of borders for a picture of this mode: the background, or with 4 channels nothing."""
    if recipe.channels == 4:
        return (0, 0, 0, 0)
    return Image.new("RGB", (1, 1), recipe.background).convert(mode).getpixel((0, 0))


def _resize(picture, size, box):
    if picture.mode == "RGBa":
        return _resize_with_alpha(picture, size, box)
    # Reductions by more than 3 start with a box filter: faster, and visually the same as Lanczos throughout.
    return picture.resize(size, Image.LANCZOS, box=box, reducing_gap=3.0)


def _resize_with_alpha(picture, size, box):
    """Resize a premultiplied picture. Lanczos overshoots: where alpha is cut at 255, its colours are in proportion."""
    *colours, alpha = (np.asarray(_resize(band.convert("F"), size, box)) for band in picture.split())
    opacity = np.clip(alpha, 0, 255)
    kept = opacity / np.maximum(alpha, 1e-6)
    bands = [*(np.clip(colour * kept, 0, opacity) for colour in colours), opacity]
    return Image.merge("RGBa", [Image.fromarray(np.uint8(band + 0.5)) for band in bands])
