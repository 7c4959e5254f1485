"""Convert images to sRGB from the color space that their embedded ICC profile describes.

Pillow's ImageCms (LittleCMS) is imported when the first profile is found: most images have none.
"""

import functools
import io

import numpy as np
from PIL import Image

# The fate of an image's color profile. NONE: it has none, or one of sRGB, which needs no conversion.
NONE, CONVERTED, DAMAGED, UNSUPPORTED = "", "converted", "damaged", "unsupported"

_GRAY, _RGB = ("1", "L", "LA", "La"), ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr")
# For each color space of a profile: the mode in which colors are converted, and the modes of images that may have it.
_MODES = {"GRAY": ("L", _GRAY), "RGB ": ("RGB", _GRAY + _RGB), "CMYK": ("CMYK", ("CMYK",))}
_RELATIVE_COLORIMETRIC, _BLACK_POINT_COMPENSATION = 1, 0x2000  # Pillow has renamed its constants for them
_TOLERANCE = 3  # levels out of 255: a profile that changes colors by no more than this is a variant of sRGB


def to_srgb(image):
    """Return a loaded 8-bit image, converted to sRGB if its profile requires that, and the fate of the profile."""
    profile = image.info.get("icc_profile", b"")
    if profile is None:  # Pillow could not read it
        return image, DAMAGED
    if not profile or image.mode == "LAB":
        return image, NONE
    try:
        transform, mode, modes = _transform(profile)
    except ImportError:  # Pillow was built without LittleCMS
        return image, UNSUPPORTED
    if not modes:
        return image, NONE
    if image.mode not in modes:
        return image, DAMAGED
    alpha = None
    if "A" in image.mode.upper() or "transparency" in image.info:
        image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        alpha = image.getchannel("A")
    image = transform.apply(image.convert(mode))
    if alpha:
        image.putalpha(alpha)
    return image, CONVERTED


@functools.lru_cache(maxsize=16)
def _transform(profile):
    """Return (transform to sRGB, mode of its images, modes of images to convert) for the bytes of a profile.

    The modes are () for sRGB, and (None,) for a damaged profile. Raise ImportError without LittleCMS.
    """
    from PIL import ImageCms

    levels = np.uint8(np.linspace(0, 255, 18))
    colors = Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(18, -1, 3))
    try:
        parsed = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode, modes = _MODES[parsed.profile.xcolor_space]
        transform = ImageCms.buildTransform(
            parsed, ImageCms.createProfile("sRGB"), mode, "RGB", _RELATIVE_COLORIMETRIC, _BLACK_POINT_COMPENSATION
        )
        colors = colors.convert(mode)
        converted = np.int16(transform.apply(colors))
    except (KeyError, OSError, TypeError, ValueError, ImageCms.PyCMSError):
        return None, "", (None,)
    if converted[-1, -1].min() < 128:  # white becomes dark: LittleCMS does not notice all damage
        return None, "", (None,)
    is_srgb = np.abs(converted - np.int16(colors.convert("RGB"))).max() <= _TOLERANCE
    return transform, mode, () if is_srgb else modes
