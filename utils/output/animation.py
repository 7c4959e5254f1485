"""Films of images: animated GIF and WebP by Pillow, MP4 by imageio-ffmpeg if that is installed, and a strip."""

import functools
import importlib.util
import io
import os
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from utils.output import files
from utils.output.images import grid

MP4_HINT = "For an MP4 film as well: pip install imageio-ffmpeg"
_STRIP = 12  # images in a strip
_BAND = 12  # pixels: height of a line of text above or below an image


def animated(frames, format, milliseconds):
    """Return an animation that repeats for ever, bytes; b'' if Pillow was built without this format.

    frames: images [H, W, C] uint8 of equal shapes, C 1 or 3. format: 'GIF' or 'WEBP'. milliseconds: of each
    frame, or a list.
    """
    return encoded(images_of(frames, format), format, milliseconds)


def images_of(frames, format):
    """Return the frames as images that `encoded` takes: for a GIF with 256 colors, which is most of its work."""
    images = [_rgb(frame) for frame in frames]
    return [image.convert("P", palette=Image.ADAPTIVE) for image in images] if format == "GIF" else images


def encoded(images, format, milliseconds):
    """Return the animation of images that `images_of` has made; see `animated`."""
    Image.init()
    if format not in Image.SAVE_ALL:
        return b""
    first, *others = images
    options = {"quality": 85, "method": 3} if format == "WEBP" else {}
    buffer = io.BytesIO()
    first.save(buffer, format, save_all=True, append_images=others, duration=milliseconds, loop=0, **options)
    return buffer.getvalue()


def write_films(path_of, animate):
    """Write the animations that Pillow can; return their paths.

    path_of: returns the path for an ending. animate: returns the animation, bytes, for a format.
    """
    paths = []
    for format in ("GIF", "WEBP"):
        data = animate(format)
        if data:
            paths.append(path_of("." + format.lower()))
            files.write(paths[-1], data)
    return paths


def write_mp4(path, frames, milliseconds):
    """Write an MP4 film; return whether imageio-ffmpeg, which that needs, is installed.

    frames: as of `animated`; milliseconds: of each.
    """
    if not importlib.util.find_spec("imageio_ffmpeg"):
        return False
    import imageio_ffmpeg

    height, width = frames[0].shape[:2]
    with tempfile.TemporaryDirectory(prefix="dcgan-") as folder:
        part = os.path.join(folder, "film.mp4")
        # Sizes are even, which is what yuv420p needs; without macro_block_size images would be resized. Some versions
        # of ffmpeg warn of widths that are not multiples of 16.
        options = {"quality": 8, "macro_block_size": 2, "ffmpeg_log_level": "error"}
        writer = imageio_ffmpeg.write_frames(part, (width, height), fps=1000.0 / milliseconds, **options)
        writer.send(None)
        for frame in frames:
            writer.send(np.asarray(_rgb(frame)).tobytes())
        writer.close()
        with open(part, "rb") as file:
            files.write(path, file.read())
    return True


def strip(frames):
    """Return some of the frames side by side, evenly spaced, from the first one on: [H, W, C] uint8."""
    chosen = np.linspace(0, len(frames), min(_STRIP, len(frames)), endpoint=False).astype(int)
    return grid(np.stack([frames[i] for i in chosen]), len(chosen))


def with_text(image, text, below=False):
    """Return an image, [H, W, C] uint8, with a line of text above or below it, [H + 12, W, C]; a long text is cut."""
    band, font = Image.new("L", (image.shape[1], _BAND), 255), _font()
    if not isinstance(font, ImageFont.FreeTypeFont):  # a bitmap font, which has the letters of Latin-1 only
        text = text.encode("latin-1", "replace").decode("latin-1")
    ImageDraw.Draw(band).text((1, 0), text, fill=0, font=font)
    band = np.repeat(np.asarray(band)[..., None], image.shape[2], axis=2)
    return np.concatenate([image, band] if below else [band, image])


@functools.lru_cache(maxsize=1)  # with FreeType it is read anew at each call, and a grid needs it for every image
def _font():
    try:
        return ImageFont.load_default(size=10)
    except (TypeError, ImportError, OSError):  # Pillow before 10.1, or built without FreeType
        return ImageFont.load_default()


def _rgb(frame):
    return Image.fromarray(frame if frame.shape[2] == 3 else np.repeat(frame, 3, axis=2))
