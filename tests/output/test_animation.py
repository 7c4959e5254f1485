"""Animations, and lines of text next to images."""

import os

import numpy as np
import pytest
from PIL import Image

from utils.output import animation


def frames(count, channels=3, size=16):
    noise = np.random.RandomState(0).randint(0, 256, (count, 1, 1, channels))
    return list(np.uint8(noise * np.ones((1, size, size, 1))))


@pytest.mark.parametrize("channels", (1, 3))
def test_animations_have_every_frame(tmp_path, channels):
    images = frames(7, channels)
    paths = animation.write_films(lambda ending: str(tmp_path / f"film{ending}"), images, (40, 80))
    assert [os.path.basename(path) for path in paths] == ["film.gif", "film.webp"]
    for path in paths:
        with Image.open(path) as film:
            assert film.format == path[len(str(tmp_path / "film.")) :].upper()
            assert film.n_frames == 7 and film.info["loop"] == 0
            for i, image in enumerate(images):
                film.seek(i)
                assert np.abs(np.asarray(film.convert("RGB")).astype(int) - image).max() <= 4
                assert film.info["duration"] == (40 if i < 6 else 80) or film.format == "WEBP"


def test_a_format_that_pillow_lacks(tmp_path, monkeypatch):
    Image.init()
    monkeypatch.delitem(Image.SAVE_ALL, "WEBP")
    path = str(tmp_path / "film")
    assert animation.write_films(lambda ending: path + ending, frames(2), (40, 40)) == [path + ".gif"]
    assert os.listdir(str(tmp_path)) == ["film.gif"]


@pytest.mark.parametrize("size", (8, 64))
def test_mp4(tmp_path, size):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = str(tmp_path / "a.mp4")
    assert animation.write_mp4(path, frames(5, 3, size), 40)
    count, seconds = imageio_ffmpeg.count_frames_and_secs(path)
    assert count == 5 and seconds == pytest.approx(0.2, abs=0.05)
    assert next(imageio_ffmpeg.read_frames(path))["size"] == (size, size)


def test_without_ffmpeg_there_is_no_mp4(tmp_path, monkeypatch):
    monkeypatch.setattr(animation.importlib.util, "find_spec", lambda name: None)
    assert not animation.write_mp4(str(tmp_path / "a.mp4"), frames(2), 40) and not list(tmp_path.iterdir())


def test_a_strip_shows_some_of_the_frames():
    images = frames(48)
    strip = animation.strip(images)
    assert strip.shape == (16, 12 * 16, 3) and np.array_equal(strip[0, ::16], [p[0, 0] for p in images[::4]])
    assert animation.strip(images[:2]).shape == (16, 32, 3)


@pytest.mark.parametrize("channels", (1, 3))
def test_text_beside_an_image(channels):
    image = frames(1, channels, 64)[0]
    above, below = animation.with_text(image, "12"), animation.with_text(image, "12", below=True)
    assert above.shape == below.shape == (76, 64, channels) and above.dtype == np.uint8
    assert np.array_equal(above[12:], image) and np.array_equal(below[:64], image)
    assert above[:12].min() < 100 and np.array_equal(above[:12], below[64:])
    assert (animation.with_text(image, "")[:12] == 255).all()
    assert animation.with_text(image, "a name that is far too long: 12").shape == above.shape


def test_alpha_is_kept_in_webp_and_apng(tmp_path):
    """Premultiplied colors: half transparent red, and opaque blue."""
    images = [np.zeros((16, 16, 4), np.uint8), np.zeros((16, 16, 4), np.uint8)]
    images[0][...], images[1][...] = (128, 0, 0, 128), (0, 0, 255, 255)
    look = animation.Look("white", scale=3, resampling="lanczos")
    paths = animation.write_films(lambda ending: str(tmp_path / f"film{ending}"), images, (40, 40), look=look)
    assert [os.path.splitext(path)[1] for path in paths] == [".gif", ".webp", ".apng"]
    shown = []
    for path in paths:
        with Image.open(path) as film:
            assert film.n_frames == 2 and film.size == (48, 48)
            shown.append(np.int16(film.convert("RGBA"))[20, 20])
    on_white, *with_alpha = shown
    assert np.abs(on_white - [255, 127, 127, 255]).max() < 20
    assert all(np.abs(pixel - [255, 0, 0, 128]).max() < 20 for pixel in with_alpha)


def test_nearest_keeps_pixels(tmp_path):
    image = np.uint8(np.random.RandomState(0).randint(0, 256, (4, 4, 3)))
    look = animation.Look(scale=2, resampling="nearest")
    (shown,) = animation.to_pil_frames([image], look, has_alpha=False)
    assert (np.asarray(shown) == image.repeat(2, axis=0).repeat(2, axis=1)).all()
