"""Decode an image file into a record: an array of pixels with the same shape for all images.

Pillow decodes the file; this module handles cropping, orientation, transparency and bit depth. It imports neither
TensorFlow nor the settings, because it also runs in the decoding processes.
"""

import contextlib
import errno
import math
import threading
import warnings
from typing import NamedTuple, Tuple, Union

import numpy as np
import PIL
from PIL import Image, ImageOps

from model import shapes
from utils.data import depths, formats, profiles, repair

_LOCK = threading.Lock()  # on the settings of Python and Pillow that `decode` changes for its duration


class DecodeOptions(NamedTuple):
    """All settings that affect the record of a file."""

    size: Union[int, str]  # height and width in the format of image_size; see model/shapes.py
    channels: int  # 1, 3, or 4 (colors premultiplied by alpha, and alpha)
    # "center": the largest central part with the proportions of the record; "pad": the whole image with borders;
    # "stretch": the whole image, distorted
    crop: str
    background: Tuple[int, ...]  # R, G, B: the color of borders and behind transparent pixels; () with 4 channels
    max_pixels: int = 179 * 10**6  # maximum width x height of a file's image; the last field, see cache.use_cache

    @property
    def shape(self):
        """Shape of a record: [H, W, C]."""
        return (*shapes.sides(self.size), self.channels)


class BadImageError(Exception):
    """The image is unusable; the text states the reason."""


class NotAnImageError(BadImageError):
    """The file's content is not in an image format that Pillow reads."""


ERRORS = (BadImageError, depths.UnknownLevelError)  # raised by `decode`


def decode(path, options, levels):
    """Return the image in the file `path` (str or bytes), uint8 of shape options.shape, and the fate of its profile.

    The fate is one of the constants in profiles.py. levels: black and white levels for images with more than 8 bits per
    channel; see depths.estimate_levels. Raise depths.UnknownLevelError if this image's levels are missing,
    NotAnImageError or BadImageError if the image is unusable, and OSError with an `errno` if the file itself cannot be
    read.
    """
    try:
        with _pillow_settings(options), open(path, "rb") as file:
            image = depths.to_eight_bits(*_load(file, options), levels)
            image, profile = profiles.to_srgb(_upright(image))
            image = _convert(image, options)
            return np.asarray(_fit(image, options), np.uint8).reshape(options.shape), profile
    except (*ERRORS, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise BadImageError(f"{str(error).partition(',')[0]}; to use it, raise max_megapixels")
    except Exception as error:  # Pillow's plugins raise exceptions of any type for a broken file
        if getattr(error, "errno", None) not in (None, errno.EINVAL):  # EINVAL: an offset before the start of the file
            raise
        raise BadImageError(str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def _pillow_settings(options):
    """Accept images of up to options.max_pixels, and ignore warnings about metadata and large images."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, options.max_pixels // 2  # Pillow refuses the double
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _load(file, options):
    """Return the image in an open file, loaded at the size that the options need, and the low bytes of its colors.

    The low bytes are an image of the same size, or None if colors have only 8 bits. Minor damage is tolerated.
    """
    head = file.read(formats.HEAD)
    file.seek(0)
    if not head:
        raise NotAnImageError("an empty file")
    repaired = repair.without_bad_chunks(file) if head.startswith(repair.PNG) else file
    image = _open(repaired, head)
    if image.format == "TIFF" and formats.extension(file.name) in formats.RAW:
        raise BadImageError("a camera's raw file, of which only the preview is read; convert it to PNG or JPEG")
    low_byte_tiles, low = depths.low_byte_tiles(image), None  # before loading, which discards the tiles
    try:
        _load_reduced(image, options)
    except OSError:
        is_jpeg = image.format in ("JPEG", "MPO")
        image = is_jpeg and repair.load_without_end(file, lambda each: _load_reduced(_open(each, head), options))
        if not image:
            raise
    if low_byte_tiles:
        low = _open(repaired, head)
        low.tile = low_byte_tiles
        low.load()
    return image, low


def _open(file, head):
    """Open the image in a file that begins with the bytes `head`, without loading its pixels."""
    try:
        image = Image.open(file)
    except Image.UnidentifiedImageError:
        name, reason = formats.unreadable_format(head), f"not in a format that Pillow {PIL.__version__} reads"
        raise BadImageError(f"{name}, {reason}") if name else NotAnImageError(reason)
    if image.format in formats.NOT_READ:
        raise NotAnImageError(f"{image.format} is not read as an image format")
    return image


def _load_reduced(image, options):
    """Load the image; load a JPEG at 1/2, 1/4 or 1/8 of its size if that is at least twice the record's size."""
    height, width, _ = options.shape
    scales = 2.0 * width / image.width, 2.0 * height / image.height
    scale = min(scales) if options.crop == "pad" else max(scales)
    if scale < 1:
        image.draft(None, tuple(math.ceil(scale * length) for length in image.size))
    image.load()
    return image


def _upright(image):
    """Apply an image's EXIF orientation; return a TIFF, or an image with broken EXIF data, unchanged."""
    if image.format != "TIFF":  # Pillow has already rotated TIFFs, and some versions keep the EXIF tag
        with contextlib.suppress(Exception):  # Pillow raises exceptions of any type for broken EXIF
            return ImageOps.exif_transpose(image)
    return image


def _convert(image, options):
    """Convert the image to mode RGBa (premultiplied), RGB or L, for options.channels = 4, 3 or 1.

    In modes RGB and L, transparent pixels are composited on the background.
    """
    mode = "L" if options.channels == 1 else "RGB"
    has_alpha = image.mode in ("La", "LA", "PA", "RGBa", "RGBA") or "transparency" in image.info
    if image.mode == "LAB":
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    elif image.mode == "La":
        image = image.convert("LA")
    image = image.convert("RGBA" if has_alpha else mode)
    if options.channels == 4:
        return image.convert("RGBA").convert("RGBa")
    if has_alpha:
        return Image.alpha_composite(Image.new("RGBA", image.size, options.background), image).convert(mode)
    return image


def _fit(image, options):
    """Crop, pad or stretch the image to the record's size, with antialiasing."""
    (to_height, to_width, _), (width, height) = options.shape, image.size
    size, box = (to_width, to_height), None
    if options.crop == "pad":
        scale = min(to_width / width, to_height / height)
        inner = _resize(image, tuple(max(1, round(scale * length)) for length in (width, height)), None)
        has_alpha = options.channels == 4
        sheet = Image.new("RGBa", size) if has_alpha else Image.new("RGB", size, options.background).convert(image.mode)
        sheet.paste(inner, ((to_width - inner.width) // 2, (to_height - inner.height) // 2))
        return sheet
    if options.crop == "center":  # the largest part with the proportions of the record
        part_width, part_height = min(width, height * to_width / to_height), min(height, width * to_height / to_width)
        left, top = (width - part_width) / 2.0, (height - part_height) / 2.0
        box = left, top, left + part_width, top + part_height
    return _resize(image, size, box)


def _resize(image, size, box):
    """Resize the part `box` of an image. Where Lanczos raises alpha above 255, colors are scaled down with alpha."""
    if image.mode != "RGBa":
        # Reductions by a factor of more than 3 start with a box filter: faster, with no visible difference.
        return image.resize(size, Image.LANCZOS, box=box, reducing_gap=3.0)
    *colors, alpha = (np.asarray(_resize(band.convert("F"), size, box)) for band in image.split())
    opacity = np.clip(alpha, 0, 255)
    scale = opacity / np.maximum(alpha, 1e-6)
    bands = [*(np.clip(color * scale, 0, opacity) for color in colors), opacity]
    return Image.merge("RGBa", [Image.fromarray(np.uint8(band + 0.5)) for band in bands])
