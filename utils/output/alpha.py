"""Images with an alpha channel: [..., 4] uint8. All others are returned as they are.

In this program colors are premultiplied by alpha: a transparent pixel has no color, so none bleeds into its
neighbors when images are resized, and none is learned (Porter & Duff 1984, "Compositing digital images"). A network's
colors may exceed its alpha; they are bounded by it. Colors in PNG files are straight: not multiplied.
"""

import numpy as np
from PIL import ImageColor


def unpremultiply(images):
    """Return premultiplied images with straight colors, as PNG files have them; 0 where nothing is opaque."""
    if images.shape[-1] != 4:
        return images
    colors, alpha = _parts(images)
    colors = (255 * np.minimum(colors, alpha) + alpha // 2) // np.maximum(alpha, 1)  # rounded
    return np.uint8(np.concatenate([colors, alpha], axis=-1))


def premultiply(images):
    """Return straight images with premultiplied colors, which undoes `unpremultiply` exactly."""
    if images.shape[-1] != 4:
        return images
    colors, alpha = _parts(images)
    return np.uint8(np.concatenate([(colors * alpha + 127) // 255, alpha], axis=-1))


def composite(images, background):
    """Return premultiplied images on a color, such as 'white' or '#rrggbb': [..., 3] uint8."""
    if images.shape[-1] != 4:
        return images
    colors, alpha = _parts(images)
    behind = ((255 - alpha) * np.uint16(ImageColor.getrgb(background)) + 127) // 255
    return np.uint8(np.minimum(colors, alpha) + behind)


def _parts(images):
    """Return colors and alpha, uint16, in which the product of two of them fits."""
    return np.uint16(images[..., :3]), np.uint16(images[..., 3:])
