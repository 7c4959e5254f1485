"""Images with an alpha channel: [..., 4] uint8. Other images are returned unchanged.

In this program colors are premultiplied by alpha: a transparent pixel has no color, so no color bleeds into its
neighbors when images are resized, and none is learned (Porter & Duff 1984, "Compositing digital images"). Colors that a
network draws may exceed their alpha, which then bounds them. PNG files have straight colors: not multiplied.
"""

import numpy as np
from PIL import ImageColor


def unpremultiply(images):
    """Return premultiplied images with straight colors, as in PNG files; the colors of transparent pixels are 0."""
    if images.shape[-1] != 4:
        return images
    colors, alpha = _parts(images)
    colors = (255 * np.minimum(colors, alpha) + alpha // 2) // np.maximum(alpha, 1)  # rounded
    return np.uint8(np.concatenate([colors, alpha], axis=-1))


def premultiply(images):
    """Return images of straight colors with premultiplied ones; this undoes `unpremultiply` exactly."""
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
    """Return colors and alpha as uint16, which can hold the product of two of them."""
    return np.uint16(images[..., :3]), np.uint16(images[..., 3:])
