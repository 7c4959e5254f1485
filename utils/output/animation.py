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


def animate(frames, format, milliseconds):
    """Return an animation of frames, bytes; see `to_pil_frames` and `encode`."""
    return encode(to_pil_frames(frames, format), format, milliseconds)


def to_pil_frames(frames, format):
    """Return images as `encode` takes them; a GIF's get palettes of 256 colors, which is most of its work.

    frames: images [H, W, C] uint8 of equal shapes, C 1 or 3. format: 'GIF' or 'WEBP'.
    """
    images = [_rgb(frame) for frame in frames]
    return [image.convert("P", palette=Image.ADAPTIVE) for image in images] if format == "GIF" else images


def encode(images, format, milliseconds):
    """Return an animation that repeats forever, bytes; b'' if Pillow was built without this format.

    images: from `to_pil_frames` of this format. milliseconds: of each frame, or a list.
    """
    Image.init()
    if format not in Image.SAVE_ALL:
        return b""
    first, *others = images
    options = {"quality": 85, "method": 3} if format == "WEBP" else {}
    buffer = io.BytesIO()
    first.save(buffer, format, save_all=True, append_images=others, duration=milliseconds, loop=0, **options)
    return buffer.getvalue()


def write_films(path, film):
    """Write the animations that Pillow supports; return their paths.

    path: a function that returns the path for an ending. film: a function that returns the animation, bytes, for a
    format.
    """
    films = {path(f".{format.lower()}"): film(format) for format in ("GIF", "WEBP")}
    films = {name: data for name, data in films.items() if data}
    for name, data in films.items():
        files.write(name, data)
    return list(films)


def write_mp4(path, frames, milliseconds):
    """Write an MP4 film; return False if imageio-ffmpeg, which writes it, is not installed.

    frames: as for `to_pil_frames`; milliseconds: of each.
    """
    if not importlib.util.find_spec("imageio_ffmpeg"):
        return False
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory(prefix="dcgan-") as folder:
        part = os.path.join(folder, "film.mp4")
        # yuv420p needs even sizes, which all frames have; without macro_block_size, images would be resized. Some
        # versions of ffmpeg print warnings for widths that are not multiples of 16.
        options = {"quality": 8, "macro_block_size": 2, "ffmpeg_log_level": "error"}
        writer = imageio_ffmpeg.write_frames(part, _rgb(frames[0]).size, fps=1000.0 / milliseconds, **options)
        writer.send(None)
        for frame in frames:
            writer.send(_rgb(frame).tobytes())
        writer.close()
        with open(part, "rb") as file:
            files.write(path, file.read())
    return True


def strip(frames):
    """Return up to 12 of the frames side by side, evenly spaced, with the first one: [H, W, C] uint8."""
    chosen = np.linspace(0, len(frames), min(_STRIP, len(frames)), endpoint=False).astype(int)
    return grid(np.stack([frames[i] for i in chosen]), len(chosen))


def with_text(image, text, below=False):
    """Return an image, [H, W, C] uint8, with a line of text above or below it, [H + 12, W, C]; a long text is cut."""
    band, font = Image.new("L", (image.shape[1], _BAND), 255), _font()
    if not isinstance(font, ImageFont.FreeTypeFont):  # a bitmap font has the letters of Latin-1 only
        text = text.encode("latin-1", "replace").decode("latin-1")
    ImageDraw.Draw(band).text((1, 0), text, fill=0, font=font)
    band = np.repeat(np.asarray(band)[..., None], image.shape[2], axis=2)
    return np.concatenate([image, band] if below else [band, image])


@functools.lru_cache(maxsize=1)  # FreeType reads the font anew at each call, and a grid calls for every image
def _font():
    try:
        return ImageFont.load_default(size=10)
    except (TypeError, ImportError, OSError):  # Pillow before 10.1, or built without FreeType
        return ImageFont.load_default()


def _rgb(frame):
    return Image.fromarray(frame if frame.shape[2] == 3 else np.repeat(frame, 3, axis=2))
