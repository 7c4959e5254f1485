"""What the user reads about the images: startup lines, skipped.csv, and one-line errors."""

import collections
import os

import numpy as np
import pytest
from conftest import InMemory
from preparing import decode_here, load, own_folders, refused, skipped

from utils.data import ImageDataset, pool, report


@pytest.fixture
def run(tiny, pics, tmp_path):
    """Run settings for `pics`, with separate folders."""
    return own_folders(tiny.run, pics, tmp_path)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setattr(pool, "decode_all", decode_here)


def images_of(labels, classes):
    noise = np.random.RandomState(0).randint(0, 256, (len(labels), 8, 8, 3)).astype(np.uint8)
    return ImageDataset(InMemory(noise), np.int32(labels), classes, "", None)


NOTHING = report.Summary([], collections.Counter(), 0, collections.Counter(), 0, 0.0, collections.Counter(), {})


def test_everything_that_is_left_out_is_said(run):
    summary = report.Summary(
        unusable=[(f"{i}.jpg", "why") for i in range(6)],
        ignored=collections.Counter({".txt": 5, ".db": 4, ".mp4": 3, "no extension": 2, ".x": 1}),
        hidden=7,
        folders=collections.Counter({"@eaDir": 3, "lost+found": 1, "repeated": 2}),
        decoded=1,
        seconds=1.25,
        high_bit_depth=collections.Counter(
            {("16-bit PNG", (0.0, 4095.0)): 2, ("32-bit TIFF", (-1024.0, 16777215.0)): 1}
        ),
        profiles={"unsupported": 1, "converted": 4, "damaged": 2},
    )
    lines = report.describe(images_of([0, 1, 1, -1, 1], ["a", "b"]), summary, run).split("\n")
    assert lines == [
        f"5 images in {run.pics_dir}: a 1, b 3, no class 1",
        "Ignored: 15 other files (.txt 5, .db 4, .mp4 3, no extension 2, ...), 6 folders (@eaDir 3, repeated 2, "
        "lost+found 1), 7 hidden.",
        "Unusable, left out: 6",
        *[f"  {i}.jpg: why" for i in range(5)],
        f"  ... all are listed in {os.path.join(run.checkpoints_dir, 'skipped.csv')}",
        f"Prepared 1 file in 1.2 s; the cache is in {run.cache_dir}.",
        "More than 8 bits: 2 16-bit PNG files with white at 4095, 1 32-bit TIFF file with black at -1024 and white at "
        "16777215; if that is wrong, set white_level.",
        "Color profiles: 4 converted to sRGB, 2 damaged and ignored, 1 ignored, because this Pillow was built without "
        "LittleCMS.",
    ]


@pytest.mark.parametrize(
    "folders, profiles, expected",
    (
        ({}, {"damaged": 1}, ""),
        ({"@eaDir": 1}, {}, "system folders are ignored"),
        ({"repeated": 1}, {"converted": 1}, "each folder is read once, color profiles are converted"),
    ),
)
def test_what_earlier_versions_did_differently(folders, profiles, expected):
    assert report.changes(NOTHING._replace(folders=folders, profiles=profiles)) == expected


def test_nothing_to_say_is_one_line(run):
    assert report.describe(images_of([0] * 4, ["a"]), NOTHING, run) == f"4 images in {run.pics_dir}: a 4"


def test_fewer_images_than_a_batch(run):
    lines = report.describe(images_of([0], ["a"]), NOTHING, run).split("\n")
    assert lines[0] == f"1 image in {run.pics_dir}: a 1"
    assert lines[1:] == ["Fewer images than batch_size = 4: batches repeat images; add images or lower it."]


def test_many_classes_are_cut_short(run):
    classes = [f"c{i:02d}" for i in range(30)]
    line = report.describe(images_of(list(range(30)), classes), NOTHING, run)
    assert line.endswith("c18 1, c19 1, ... (30 classes)")


def test_without_usable_images_folder_kinds_and_layout_are_named(run, pics):
    for path in pics.rglob("*.jpg"):
        path.unlink()
    line = f"pics_dir = {pics} holds no usable images; it should hold images as <class>/<n>.jpg"
    assert refused(run) == line
    for name in ("a.txt", "b.txt", "c.mp4", ".x"):
        (pics / name).write_bytes(b"x")
    assert "holds no usable images, 3 other files (.txt 2, .mp4 1), 1 hidden; it should hold" in refused(run)
    (pics / "red" / "1.jpg").write_bytes(b"<html>")
    line = refused(run)
    assert "holds no usable images, 1 unusable (such as red/1.jpg: not in a format" in line
    assert "skipped.csv lists why; it should hold images as <class>/<n>.jpg" in line
    assert list(skipped(run)) == ["red/1.jpg"]


def test_more_unusable_ones_than_max_bad(run, pics):
    for i in range(4):
        (pics / "red" / f"bad {i}.jpg").write_bytes(b"no")
    assert len(load(run._replace(max_bad=0.25))[1].unusable) == 4  # 4 of 16 files: at most a quarter
    line = refused(run._replace(max_bad=0.24))
    assert "holds 12 usable images, 4 unusable (such as red/bad 0.jpg: " in line
    assert "that is more than max_bad = 0.24; " in line and "skipped.csv lists why" in line
    assert refused(run._replace(max_bad=0.0))


def test_a_skipped_csv_that_cannot_be_written_is_a_warning(run, capsys):
    """Another program may hold it open; that is no reason not to resume a run."""
    os.mkdir(os.path.join(run.checkpoints_dir, "skipped.csv"))
    load(run)
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith(f"main.py: skipped.csv in checkpoints_dir = {run.checkpoints_dir} cannot be written (")
    assert "so it does not list the unusable files of this start; close other programs that have it open" in line


@pytest.mark.parametrize(
    "count, line",
    (
        (0, "0 of 9 inspected images have transparency; channels = 3 learns the same, faster."),
        (4, "4 of 9 inspected images have transparency; the others count as opaque."),
        (9, "9 of 9 inspected images have transparency."),
    ),
)
def test_transparency_that_is_learnt_is_told(run, count, line):
    array = np.random.RandomState(0).randint(0, 200, (9, 8, 8, 4)).astype(np.uint8)
    array[..., 3], array[:count, 5, 5] = 255, 0
    dataset = ImageDataset(InMemory(array), np.zeros(9, np.int32), ["a"], "", None)
    assert report.describe(dataset, NOTHING, run).split("\n")[1:] == [line]


@pytest.mark.parametrize("flat, told", ((0, False), (1, False), (4, True), (40, True)))
def test_many_images_of_nearly_one_color_are_told(run, flat, told):
    array = np.random.RandomState(0).randint(0, 256, (40, 8, 8, 3)).astype(np.uint8)
    array[:flat] = np.uint8([7, 200, 30]) + (array[:flat] > 127)  # nearly one color
    dataset = ImageDataset(InMemory(array), np.zeros(40, np.int32), ["a"], "", lambda i: [f"{i}.tif"])
    text = report.describe(dataset, NOTHING, run)
    line = f"{flat} of 40 inspected images are of nearly one color, such as 0.tif; if that is wrong, see reals"
    assert (line in text) == told and ("color" in text) == told
