"""Decode an image file to a record: an array of pixels whose shape is the same for all images.

Pillow decodes; this module decides how each kind of image is shown: crop, orientation, transparency, depth. It
imports neither TensorFlow nor the settings, because it also runs in the decoding processes.
"""

import errno
import math
import warnings
from typing import NamedTuple, Tuple, Union

import numpy as np
import PIL
from PIL import Image, ImageOps

from model import shapes
from utils.data import depths, formats, repair


class DecodeOptions(NamedTuple):
    """Everything that determines the record of a given file."""

    size: Union[int, str]  # height and width, as image_size has them; see model/shapes.py
    channels: int  # 3, 1, or 4: colors premultiplied by alpha, and alpha
    # "center": the largest part, in the center, of the record's proportions; "pad": the whole, with borders; "stretch":
    # the whole, distorted
    crop: str
    background: Tuple[int, ...]  # R, G, B: the color behind transparent images and of borders; () with 4 channels

    @property
    def shape(self):
        """Of a record: [H, W, C]."""
        return (*shapes.sides(self.size), self.channels)


class NotAnImageError(Exception):
    """The content of the file is not an image format that Pillow reads."""


class BadImageError(Exception):
    """The image is unusable; the text says why."""


ERRORS = (NotAnImageError, BadImageError, depths.UnknownLevelError)  # of `decode`


def decode(path, options, levels):
    """Return the image in the file `path`, str or bytes, as uint8 of the shape of `options`.

    levels: which values are black and white in images of more than 8 bits; see depths.estimate_levels. Raise
    depths.UnknownLevelError if they lack this image's; NotAnImageError, BadImageError, or OSError with an `errno`
    if the file itself cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warnings about metadata and large images
        try:
            with open(path, "rb") as file:
                image = depths.to_eight_bits(*_loaded(file, options), levels)
                image = _to_mode(_upright(image), options)
                return np.asarray(_fitted(image, options), np.uint8).reshape(options.shape)
        except (*ERRORS, MemoryError):
            raise
        except OSError as error:
            if error.errno in (None, errno.EINVAL):  # EINVAL: a header that points before the start of the file
                raise BadImageError(str(error))
            raise
        except Exception as error:  # on a broken file, Pillow's plugins raise any type of exception
            raise BadImageError(f"{type(error).__name__}: {error}")


def _loaded(file, options):
    """Return the image in an open file, loaded at the size that the options needs, and the low bytes of its colors.

    The latter is the same image, or None if colors have 8 bits. Slight damage is overlooked.
    """
    head = file.read(formats.HEAD)
    file.seek(0)
    if not head:
        raise NotAnImageError("an empty file")
    whole_file = repair.without_bad_chunks(file)
    image = _open(whole_file, head)
    if image.format == "TIFF" and formats.is_raw(file.name):
        raise BadImageError("a camera's raw file, of which only the preview is read; convert it to PNG or JPEG")
    has_low_bytes = depths.has_low_bytes(image)  # before loading: Pillow forgets it then
    try:
        image = _shrunk(image, options)
        return image, depths.low_bytes(_open(whole_file, head)) if has_low_bytes else None
    except OSError:
        whole = None
        if image.format in ("JPEG", "MPO"):
            whole = repair.load_without_end(file, lambda other: _shrunk(_open(other, head), options))
        if whole is None:
            raise
        return whole, None


def _open(file, head):
    """Return the image in a file that begins with the bytes `head`, not loaded yet."""
    try:
        image = Image.open(file)
    except Image.UnidentifiedImageError:
        name, reason = formats.name_of(head), f"not in a format that Pillow {PIL.__version__} reads"
        if name:
            raise BadImageError(f"{name}, {reason}")
        raise NotAnImageError(reason)
    except Image.DecompressionBombError as error:
        raise BadImageError(str(error))
    if image.format in formats.NOT_READ:
        raise NotAnImageError(f"{image.format} is not read as an image format")
    return image


def _shrunk(image, options):
    """Load the image; a JPEG at 1/2, 1/4 or 1/8 of its size if at least twice the record's size remains."""
    height, width, _ = options.shape
    scales = 2.0 * width / image.width, 2.0 * height / image.height
    scale = min(scales) if options.crop == "pad" else max(scales)
    if scale < 1:
        image.draft(None, tuple(math.ceil(scale * length) for length in image.size))
    image.load()
    return image


def _upright(image):
    """Rotate or mirror an image as its EXIF orientation says; with broken EXIF it is left as stored."""
    if image.format == "TIFF":  # Pillow has rotated it already, and some versions leave the EXIF tag in place
        return image
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # of any type; broken metadata is not a reason to lose the image
        return image


def _to_mode(image, options):
    """Return the image in mode RGBa, which is premultiplied, if options.channels is 4.

    Otherwise in mode RGB, or L if options.channels is 1, on the background where it is transparent.
    """
    mode = "L" if options.channels == 1 else "RGB"
    if image.mode in ("La", "LA", "PA", "RGBa", "RGBA") or "transparency" in image.info:
        if image.mode == "La":
            image = image.convert("LA")
        image = image.convert("RGBA")
        if options.channels == 4:
            return image.convert("RGBa")
        return Image.alpha_composite(Image.new("RGBA", image.size, options.background), image).convert(mode)
    if image.mode == "LAB":
        image = _from_lab(image)
    image = image.convert(mode)
    return image.convert("RGBA").convert("RGBa") if options.channels == 4 else image


def _from_lab(image):
    from PIL import ImageCms

    return ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )


def _fitted(image, options):
    """Resize to the size of the record, with antialiasing."""
    (to_height, to_width, _), (width, height) = options.shape, image.size
    size = to_width, to_height
    if options.crop == "pad":
        scale = min(to_width / width, to_height / height)
        inner = tuple(max(1, round(scale * length)) for length in (width, height))
        sheet = Image.new(image.mode, size, _border(image.mode, options))
        sheet.paste(_resize(image, inner, None), ((to_width - inner[0]) // 2, (to_height - inner[1]) // 2))
        return sheet
    if options.crop == "stretch":
        return _resize(image, size, None)
    # The largest part of the record's proportions: it has the whole height or the whole width.
    part_width, part_height = min(width, height * to_width / to_height), min(height, width * to_height / to_width)
    left, top = (width - part_width) / 2.0, (height - part_height) / 2.0
    return _resize(image, size, (left, top, left + part_width, top + part_height))


def _border(mode, options):
    """Return the color of borders for an image of this mode: the background, or with 4 channels nothing."""
    if options.channels == 4:
        return (0, 0, 0, 0)
    return Image.new("RGB", (1, 1), options.background).convert(mode).getpixel((0, 0))


def _resize(image, size, box):
    if image.mode == "RGBa":
        return _resize_with_alpha(image, size, box)
    # Reductions by more than 3 start with a box filter: faster, and visually the same as Lanczos throughout.
    return image.resize(size, Image.LANCZOS, box=box, reducing_gap=3.0)


def _resize_with_alpha(image, size, box):
    """Resize a premultiplied image. Lanczos overshoots: where alpha is cut at 255, its colors are in proportion."""
    *colors, alpha = (np.asarray(_resize(band.convert("F"), size, box)) for band in image.split())
    opacity = np.clip(alpha, 0, 255)
    kept = opacity / np.maximum(alpha, 1e-6)
    bands = [*(np.clip(color * kept, 0, opacity) for color in colors), opacity]
    return Image.merge("RGBa", [Image.fromarray(np.uint8(band + 0.5)) for band in bands])
