"""Animations: GIF, WebP and APNG with Pillow, MP4 with imageio-ffmpeg if it is installed; and strips of frames."""

import importlib.util
import io
import math
import os
import tempfile
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from utils.output import files
from utils.output.alpha import composite, unpremultiply
from utils.output.fonts import default_font
from utils.output.images import grid

MP4_HINT = "To write an MP4 video as well: pip install imageio-ffmpeg"
_STRIP = 12  # images in a strip
_BAND = 12  # height in pixels of a line of text above or below an image


class Look(NamedTuple):
    """How an animation shows its frames."""

    background: str = "white"  # the color behind transparent frames in GIF and MP4, which have no alpha
    scale: int = 1  # factor by which frames are enlarged
    resampling: str = "lanczos"  # or "nearest", which keeps the pixels visible


_PLAIN = Look()


def write_films(path, frames, milliseconds, max_bytes=math.inf, look=_PLAIN):
    """Write the frames as animations that repeat forever, in the formats that Pillow supports; return their paths.

    path: a function that returns the path for a file extension. frames: images [H, W, C] uint8 with equal shapes; with
    C = 4, colors are premultiplied, WebP has alpha, and an APNG is also written. milliseconds: (duration of each frame
    but the last, duration of the last frame). If a file would exceed max_bytes, it contains only every second frame,
    every fourth, and so on, always including the last one.
    """
    Image.init()
    endings = {"GIF": ".gif", "WEBP": ".webp", **({"PNG": ".apng"} if frames[0].shape[2] == 4 else {})}
    paths = {format: path(ending) for format, ending in endings.items() if format in Image.SAVE_ALL}
    for format, name in paths.items():
        images = to_pil_frames(frames, look, has_alpha=format != "GIF")
        if format == "GIF":  # computing the palette of 256 colors takes the most time
            images = [image.convert("P", palette=Image.ADAPTIVE) for image in images]
        data = _encode(images, format, *milliseconds)
        while len(data) > max_bytes and len(images) > 2:
            images = images[::-1][::2][::-1]  # keeps the last frame
            data = _encode(images, format, *milliseconds)
        files.write(name, data, sync=True)
    return list(paths.values())


def _encode(images, format, milliseconds, last_milliseconds):
    first, *others = images
    durations = [milliseconds] * len(others) + [last_milliseconds]
    options = {"quality": 85, "method": 3} if format == "WEBP" else {}
    buffer = io.BytesIO()
    first.save(buffer, format, save_all=True, append_images=others, duration=durations, loop=0, **options)
    return buffer.getvalue()


def to_pil_frames(frames, look, has_alpha):
    """Return frames as a list of Pillow images, enlarged; has_alpha: keep the alpha of frames with C = 4."""
    images = []
    for frame in frames:
        frame = unpremultiply(frame) if has_alpha else composite(frame, look.background)
        image = Image.fromarray(np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame)
        size = image.width * look.scale, image.height * look.scale
        resample = Image.NEAREST if look.resampling == "nearest" else Image.LANCZOS
        images.append(image if look.scale == 1 else image.resize(size, resample))
    return images


def write_mp4(path, frames, milliseconds, look=_PLAIN):
    """Write an MP4 video; return False if imageio-ffmpeg, which encodes it, is not installed.

    frames: as for `write_films`; milliseconds: the duration of each frame.
    """
    if not importlib.util.find_spec("imageio_ffmpeg"):
        return False
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory(prefix="dcgan-") as folder:
        part = os.path.join(folder, "film.mp4")
        # yuv420p needs even sizes, which all frames have; without macro_block_size, frames would be resized. Some
        # versions of ffmpeg print warnings for widths that are not multiples of 16.
        options = {"quality": 8, "macro_block_size": 2, "ffmpeg_log_level": "error"}
        size = frames[0].shape[1] * look.scale, frames[0].shape[0] * look.scale
        writer = imageio_ffmpeg.write_frames(part, size, fps=1000.0 / milliseconds, **options)
        writer.send(None)
        for frame in frames:
            (image,) = to_pil_frames([frame], look, has_alpha=False)
            writer.send(image.tobytes())
        writer.close()
        with open(part, "rb") as file:
            files.write(path, file.read())
    return True


def strip(frames):
    """Return up to 12 evenly spaced frames, including the first one, side by side: [H, W, C] uint8."""
    chosen = np.linspace(0, len(frames), min(_STRIP, len(frames)), endpoint=False).astype(int)
    return grid(np.stack([frames[i] for i in chosen]), len(chosen))


def with_text(image, text, name="", font=None, below=False):
    """Return an image [H, W, C] uint8 with a line of text above or below it: [H + 12, W, C]. Long text is cut off.

    text: ASCII. name: text that follows it in this font.
    """
    band = Image.new("L", (image.shape[1], _BAND), 255)
    draw = ImageDraw.Draw(band)
    draw.text((1, 0), text, fill=0, font=default_font())
    if name:
        left, bottom = 1 + default_font().getlength(f"{text} "), font.getbbox(name)[3]
        draw.text((left, min(0, _BAND - bottom)), name, fill=0, font=font)
    band = np.repeat(np.asarray(band)[..., None], image.shape[2], axis=2)
    return np.concatenate([image, band] if below else [band, image])
