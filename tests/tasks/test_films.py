"""Walks, arithmetic and time-lapses."""

import os

import numpy as np
import pytest
from PIL import Image
from running import STEM, drawn, image
from samplers import expected

from utils.errors import UserError
from utils.output.images import png
from utils.sampling import latents
from utils.tasks import find_task, timelapse, walk


@pytest.fixture
def run(tiny, tmp_path):
    return tiny.run._replace(samples_dir=str(tmp_path), num_samples=9, sample_seed=3, grid_columns=0)


@pytest.fixture
def without_mp4(monkeypatch):
    """Write no MP4 files: FFmpeg takes most of a test's time."""
    monkeypatch.setattr(walk.animation, "write_mp4", lambda *_: False)


def test_walk_length_is_limited(graph, run):
    with pytest.raises(UserError, match="walk = 1000 through 11 images has 11000 frames"):
        drawn(run._replace(walk=1000), [str(i) for i in range(11)])


def test_walk_interpolates_between_picks(graph, run, tmp_path):
    lines, names = drawn(run._replace(walk=4, picks="7,2,5"))
    stem = STEM + "_walk4_7+2+5"
    assert names[:2] == [stem + ".gif", stem + ".mp4"] or names[0] == stem + ".gif"
    assert stem + "_strip.png" in names and stem + ".webp" in names
    assert lines[0].startswith("A walk with 12 frames (0.48 s): ")
    key_points = latents.noise(3, latents.SAMPLES, range(9), 5)[[7, 2, 5]]
    z, _ = walk.closed_path(key_points, np.zeros((3, 0)), np.arange(4) / 4)
    assert np.array_equal(image(str(tmp_path), stem + "_strip.png")[0, ::16, 0], expected(z, 0))
    with Image.open(str(tmp_path / (stem + ".gif"))) as film:
        assert film.n_frames == 12 and film.size == (16, 16)


def test_walk_without_picks_uses_first_samples_and_classes(graph, run, tmp_path, without_mp4):
    _, names = drawn(run._replace(walk=2, classes="red,blue"), ("blue", "green", "red"))
    (strip,) = [name for name in names if name.endswith("_strip.png")]
    assert strip == STEM + "_walk2_red+blue_strip.png"
    z = latents.noise(3, latents.SAMPLES, range(6), 5)
    values = image(str(tmp_path), strip)[0, ::16, 0]
    assert np.array_equal(values[::2], expected(z, np.array([2, 0] * 3)))


def test_walk_of_other_weights_is_not_overwritten(graph, run, tmp_path, without_mp4):
    drawn(run._replace(walk=2))
    with pytest.raises(UserError, match=r"_strip\.png already exists"):
        drawn(run._replace(walk=2), weights=b"others")


def test_arithmetic_uses_means_of_noise(graph, run, tmp_path):
    request = run._replace(arithmetic="1,2 - 3 + 4")
    ((line,), _) = drawn(request)
    figure, result = line.split(" in ", 1)[1].split(", its result in ")
    z = latents.noise(3, latents.SAMPLES, range(9), 5)
    value = expected((np.float64(z[1:3]).mean(axis=0) - z[3] + z[4])[None], 0)[0]
    assert (image(result) == value).all()
    sheet = image(figure)
    assert sheet.shape == (3 * 28, 7 * 16, 3)  # 3 terms, a gap, 3 columns of the result and its neighbors
    cells = sheet[12::28, ::16, 0]
    means = expected(np.float64([z[1:3].mean(axis=0), z[3], z[4]]), 0)
    assert np.array_equal(cells[2, :3], means) and np.array_equal(cells[:2, 0], expected(z[1:3], 0))
    assert cells[1, 5] == value and len(set(cells[:, 4:].ravel())) > 5 and cells[0, 3] == 255


def test_arithmetic_of_classes(graph, run, tmp_path):
    request = run._replace(arithmetic="red:1 - blue:1 + blue:2")
    ((line,), _) = drawn(request, ("blue", "green", "red"))
    z = latents.noise(3, latents.SAMPLES, range(3), 5)
    assert (image(line.split(", its result in ")[1]) == expected(z[2:], 2)[0]).all()


def lapse_grids(folder, steps, run_id="0123456789abcdef"):
    for step in steps:
        grid = np.full((64, 64, 3), step % 251, np.uint8)
        (folder / f"train_{step:08d}.png").write_bytes(png(grid, {"run": run_id, "step": step}))


def test_timelapse_shows_grids_of_the_run_in_order(run, tmp_path, capsys):
    lapse_grids(tmp_path, (0, 100, 2000, 1000))
    lapse_grids(tmp_path, (300,), run_id="another")
    (tmp_path / "train_x.png").write_text("no grid")
    ((line,), _), said = drawn(run._replace(timelapse=1)), capsys.readouterr().out
    names = ["timelapse.gif", "timelapse.webp"]
    assert said == "Creating a time-lapse from 4 grids.\n"
    assert line == (f"Time-lapse of training: {tmp_path / names[0]}, {tmp_path / names[1]}")
    with Image.open(str(tmp_path / "timelapse.gif")) as film:
        assert film.n_frames == 4 and film.size == (64, 76)
        for i, step in enumerate((0, 100, 1000, 2000)):
            film.seek(i)
            assert abs(film.convert("RGB").getpixel((32, 32))[0] - step % 251) <= 4
            assert film.info["duration"] == (2000 if i == 3 else 80)


def test_timelapse_length_and_size_are_limited(run, tmp_path, monkeypatch):
    assert timelapse._MAX_FRAMES == 100
    monkeypatch.setattr(timelapse, "_MAX_FRAMES", 20)
    lapse_grids(tmp_path, range(0, 500, 10))
    timelapse.write_timelapse(str(tmp_path), "0123456789abcdef")
    with Image.open(str(tmp_path / "timelapse.gif")) as film:
        assert film.n_frames == 20
        size = os.path.getsize(str(tmp_path / "timelapse.gif"))
    monkeypatch.setattr(timelapse, "_MAX_BYTES", size // 2)
    timelapse.write_timelapse(str(tmp_path), "0123456789abcdef")
    with Image.open(str(tmp_path / "timelapse.gif")) as film:
        assert 4 < film.n_frames <= 10
        film.seek(film.n_frames - 1)
        assert abs(film.convert("RGB").getpixel((32, 32))[0] - 490 % 251) <= 4  # the last frame is held


def test_timelapse_skips_damaged_and_resized_grids(run, tmp_path):
    """A resumed run may have changed grid_columns or train_samples."""
    lapse_grids(tmp_path, (0, 100, 200, 300))
    (tmp_path / "train_00000100.png").write_bytes(png(np.zeros((32, 128, 3), np.uint8)))
    (tmp_path / "train_00000200.png").write_bytes((tmp_path / "train_00000200.png").read_bytes()[:60])
    assert timelapse.write_timelapse(str(tmp_path), "0123456789abcdef")
    with Image.open(str(tmp_path / "timelapse.gif")) as film:
        assert film.n_frames == 2


def test_different_sums_of_equal_picks_have_different_names(graph, run, tmp_path):
    texts = ("3,8 + 20", "3 + 8,20", "3 + 8 + 20")
    names = [name for text in texts for name in drawn(run._replace(arithmetic=text))[1]]
    assert len(set(names)) == 2 * len(texts)


def test_timelapse_needs_two_grids(run, tmp_path):
    lapse_grids(tmp_path, (0,))
    assert timelapse.write_timelapse(str(tmp_path), "0123456789abcdef") == ""
    with pytest.raises(UserError, match=r"holds fewer than two grids train_<step>\.png of this run"):
        drawn(run._replace(timelapse=1))


def test_walk_length_in_seconds_ease_and_hold(graph, run, tmp_path, without_mp4):
    lines, names = drawn(run._replace(walk="2s", picks="7,2,5"))
    assert lines[0].startswith("A walk with 51 frames (2.04 s)") and f"{STEM}_walk2s_7+2+5.gif" in names
    times = walk._times(run._replace(walk=4, walk_hold=0.08, walk_ease=1), 3)
    assert times == pytest.approx([0, 0, 0, 0.15625, 0.5, 0.84375])
    assert walk._times(run._replace(walk=2, walk_hold=0.04, along=1), 1) == pytest.approx([0, *np.arange(6) / 6])
    assert len(walk._times(run._replace(walk="2s", walk_hold=0.2, along=1), 9)) == 25  # there; and the same back
    with pytest.raises(UserError, match=r"^walk = 25 needs at least two picks; add one to picks$"):
        walk._times(run._replace(walk=25), 1)
    walk._times(run._replace(walk=1000), 10)
    walk._times(run._replace(walk=25, along=1), 1)
    for changes, message in (
        ({"walk": 1000}, r"^walk = 1000 through 11 images has 11000 frames, more than 10000; lower walk, or"),
        ({"walk": 100, "film_scale": 4}, r"has 1100 frames at film_scale = 4, more than 625"),
        ({"walk": 1, "walk_hold": 60}, r"has 16511 frames, more than 10000"),
        ({"walk": 1000, "along": 1}, r"^walk = 1000 through 11 images has 66000 frames, more than 10000"),
        ({"walk": "1s", "walk_hold": 1.0}, r"^walk = 1s is too short for 11 images with walk_hold = 1; raise walk, or"),
        ({"walk": "0.1s"}, r"^walk = 0.1s is too short for 11 images with walk_hold = 0; raise walk, or lower"),
    ):
        with pytest.raises(UserError, match=message):
            walk._times(run._replace(**changes), 11)


def test_names_of_films_contain_what_they_depend_on(graph, run, tmp_path, without_mp4):
    settings = {"walk_ease": 1, "walk_hold": 0.04, "film_scale": 2, "film_filter": "nearest"}
    _, names = drawn(run._replace(walk=2, picks="7,2", **settings))
    assert f"{STEM}_walk2_ease_hold0.04_x2_nearest_7+2.gif" in names
    with Image.open(str(tmp_path / f"{STEM}_walk2_ease_hold0.04_x2_nearest_7+2.gif")) as film:
        assert film.size == (32, 32) and film.n_frames >= 3  # GIF merges equal frames
    assert image(str(tmp_path), f"{STEM}_walk2_ease_hold0.04_x2_nearest_7+2_strip.png").shape == (16, 6 * 16, 3)


@pytest.mark.parametrize("text", ("7\n2\n\n5\n", "7, 2,\n5", "\ufeff7,2\r\n5,"))
def test_picks_from_a_file(graph, run, tmp_path, without_mp4, text):
    (tmp_path / "picks.txt").write_text(text, encoding="utf-8")
    _, names = drawn(run._replace(walk=2, picks=f"@{tmp_path}/picks.txt"))
    assert f"{STEM}_walk2_7+2+5.gif" in names
    for content, message in (
        (b"7\nx", r"picks\.txt: picks: 'x'"),
        (b"\xff", "cannot be read"),
        (b"\n", r"picks = @.*picks\.txt contains no picks; list"),
    ):
        (tmp_path / "picks.txt").write_bytes(content)
        with pytest.raises(UserError, match=message):
            find_task(run._replace(picks=f"@{tmp_path}/picks.txt"))
    with pytest.raises(UserError, match=r"picks = @.*none\.txt cannot be read .*; correct the path after @"):
        find_task(run._replace(picks=f"@{tmp_path}/none.txt"))
