"""The benchmarks read the same image files as the program."""

import os
import sys

import numpy as np
import pytest
from conftest import ROOT, gradient
from PIL import Image

sys.path.insert(0, os.path.join(ROOT, "benchmarks"))

import image_files


@pytest.fixture
def folder(tmp_path):
    """Images of several formats and names, and files that are not images."""
    image = Image.fromarray(gradient(20, 24))
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    image.save(str(tmp_path / "a" / "1.jpg"), quality=95)
    image.save(str(tmp_path / "a" / "deep" / "2.bmp"))
    image.convert("P").save(str(tmp_path / "b" / "3.gif"))
    image.save(str(tmp_path / "b" / "4"), "PNG")  # recognized by content
    image.save(str(tmp_path / ".hidden.png"))
    transparent = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    transparent.save(str(tmp_path / "b" / "5.png"))
    data = (tmp_path / "a" / "1.jpg").read_bytes()
    (tmp_path / "b" / "6.jpg").write_bytes(data[:-50])  # truncated
    (tmp_path / "b" / "7.jpg").write_bytes(b"<html>")
    (tmp_path / "README.md").write_text("text")
    return tmp_path


def test_all_image_files_are_found_whatever_their_names(folder):
    names = [os.path.relpath(path, str(folder)) for path in image_files.find(str(folder))]
    expected = ["a/1.jpg", "a/deep/2.bmp", "b/3.gif", "b/4", "b/5.png", "b/6.jpg"]
    assert names == [os.path.join(*name.split("/")) for name in expected]


def test_center_squares_at_full_resolution(folder):
    squares = list(image_files.center_squares(image_files.find(str(folder)), 3))
    assert [(square.mode, square.size) for square in squares] == [("RGB", (20, 20))] * 5  # 6.jpg is skipped
    assert np.array_equal(np.asarray(squares[1]), gradient(20, 24)[2:22])
    assert (np.asarray(squares[4]) == 255).all()  # transparent, on white
    gray = list(image_files.center_squares([str(folder / "b" / "4")], 1))
    assert [(square.mode, square.size) for square in gray] == [("L", (20, 20))]


def test_white_of_16_bits_is_estimated_from_all_images(tmp_path):
    ramp = np.tile(np.linspace(0, 1, 32), (32, 1))
    for name, white in (("bright", 4000), ("dim", 1200)):
        Image.fromarray(np.uint16(ramp * white)).save(str(tmp_path / f"{name}.png"))
    bright, dim = image_files.center_squares(image_files.find(str(tmp_path)), 1)
    assert abs(np.asarray(bright).max() - 249) <= 1 and abs(np.asarray(dim).max() - 75) <= 1
