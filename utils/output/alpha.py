"""Images with an alpha channel: [..., 4] uint8. Other images are returned unchanged.

This program premultiplies colors by alpha: a transparent pixel has no color, so no color bleeds into its neighbors when
images are resized, and none is learned (Porter & Duff 1984, "Compositing digital images"). Colors that a network
generates may exceed their alpha and are then clipped to it. PNG files contain straight (not premultiplied) colors.
"""

import numpy as np
from PIL import ImageColor


def unpremultiply(images):
    """Convert premultiplied images to straight colors, as in PNG files; transparent pixels get the color 0."""
    if images.shape[-1] != 4:
        return images
    colors, alpha = _parts(images)
    colors = (255 * np.minimum(colors, alpha) + alpha // 2) // np.maximum(alpha, 1)  # rounded
    return np.uint8(np.concatenate([colors, alpha], axis=-1))


def premultiply(images):
    """Convert images with straight colors to premultiplied colors; this undoes `unpremultiply` exactly."""
    if images.shape[-1] != 4:
        return images
    colors, alpha = _parts(images)
    return np.uint8(np.concatenate([(colors * alpha + 127) // 255, alpha], axis=-1))


def composite(images, background):
    """Composite premultiplied images onto a color, such as 'white' or '#rrggbb': [..., 3] uint8."""
    if images.shape[-1] != 4:
        return images
    colors, alpha = _parts(images)
    behind = ((255 - alpha) * np.uint16(ImageColor.getrgb(background)) + 127) // 255
    return np.uint8(np.minimum(colors, alpha) + behind)


def _parts(images):
    """Return colors and alpha as uint16, which can hold the product of two uint8 values."""
    return np.uint16(images[..., :3]), np.uint16(images[..., 3:])
