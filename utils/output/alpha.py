"""Pictures with an alpha channel: [..., 4] uint8. All others are returned as they are.

In this program colours are premultiplied by alpha: a transparent pixel has no colour, so none bleeds into its
neighbours when pictures are resized, and none is learnt (Porter & Duff 1984, "Compositing digital images"). A network's
colours may exceed its alpha; they are bounded by it. Colours in PNG files are straight: not multiplied.
"""

import numpy as np
from PIL import ImageColor


def straight(pictures):
    """Return premultiplied pictures with straight colours, as PNG files have them; 0 where nothing is opaque."""
    if pictures.shape[-1] != 4:
        return pictures
    colours, alpha = _parts(pictures)
    colours = (255 * np.minimum(colours, alpha) + alpha // 2) // np.maximum(alpha, 1)  # rounded
    return np.uint8(np.concatenate([colours, alpha], axis=-1))


def premultiplied(pictures):
    """Return straight pictures with premultiplied colours, which undoes `straight` exactly."""
    if pictures.shape[-1] != 4:
        return pictures
    colours, alpha = _parts(pictures)
    return np.uint8(np.concatenate([(colours * alpha + 127) // 255, alpha], axis=-1))


def on_background(pictures, background):
    """Return premultiplied pictures on a colour, such as 'white' or '#rrggbb': [..., 3] uint8."""
    if pictures.shape[-1] != 4:
        return pictures
    colours, alpha = _parts(pictures)
    behind = ((255 - alpha) * np.uint16(ImageColor.getrgb(background)) + 127) // 255
    return np.uint8(np.minimum(colours, alpha) + behind)


def _parts(pictures):
    """Return colours and alpha, uint16, in which the product of two of them fits."""
    return np.uint16(pictures[..., :3]), np.uint16(pictures[..., 3:])
