"""Picks, walks, arithmetic and time-lapses: which images they show, and what their files are called."""

import os
import pathlib
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image
from samplers import expected, flat_sampler, selected

from utils.errors import UserError
from utils.output.images import png, read_metadata
from utils.sampling import latents, paths
from utils.sampling.generator import CheckpointGenerator
from utils.tasks import find_task, samples, timelapse

STEM = "sample_00000012_seed3_run012345"


@pytest.fixture
def run(tiny, tmp_path):
    return tiny.run._replace(samples_dir=str(tmp_path), num_samples=9, sample_seed=3, grid_columns=0)


def drawn(run, classes=(), size=16, weights=b"weights"):
    """Run the task that the settings ask for; return (the lines, the names of the new files)."""
    folder = run.samples_dir
    from_run = selected(pathlib.Path(folder), classes, weights)
    before = set(os.listdir(folder))
    with tf.Session() as session:
        lines = list(find_task(run).run(CheckpointGenerator(session, flat_sampler(size), from_run), run))
    return lines, sorted(set(os.listdir(folder)) - before)


def image(*path):
    return np.asarray(Image.open(os.path.join(*path)))


def test_noise_of_some_numbers_is_that_of_all():
    z = latents.noise(3, latents.SAMPLES, 9000, 7)
    numbers = [8191, 0, 4096, 4095, 0, 8192]
    assert np.array_equal(latents.noise_rows(3, latents.SAMPLES, numbers, 7), z[numbers])
    assert latents.noise_rows(3, latents.SAMPLES, [0], 1).shape == (1, 1)


def test_a_pick_is_the_image_of_that_number_in_any_grid(graph, run, tmp_path):
    drawn(run._replace(single=1))
    lines, names = drawn(run._replace(picks="7,2-3"))
    name = STEM + "_picks_7+2+3"
    assert names == [name, name + ".png"] and lines[0].startswith(f"3 samples in {tmp_path / name}.png, and each as ")
    singles = sorted(os.listdir(str(tmp_path / name)))
    assert singles == [f"{STEM}_{i:05d}.png" for i in (2, 3, 7)]
    for single in singles:  # the same name is the same file
        assert (tmp_path / name / single).read_bytes() == (tmp_path / (STEM + "_n9") / single).read_bytes()
    z = latents.noise(3, latents.SAMPLES, 9, 5)
    assert np.array_equal(image(str(tmp_path), name + ".png")[0, ::16, 0], expected(z[[7, 2]], 0))


def test_picks_of_classes(graph, run, tmp_path):
    _, names = drawn(run._replace(picks="red:4,blue:4"), ("blue", "green", "red"))
    (folder,) = [name for name in names if not name.endswith(".png")]
    z = latents.noise(3, latents.SAMPLES, 5, 5)[4:]
    for name, label in (("blue", 0), ("red", 2)):
        single = image(str(tmp_path), folder, f"{STEM}_{name}_00004.png")
        assert (single == expected(z, label)[0]).all()
    assert not [name for name in names if name.endswith(".csv")]


def test_a_pick_given_twice_is_made_once(graph, run):
    lines, names = drawn(run._replace(picks="3,2-4,3"))
    assert lines[0].startswith("3 samples in ") and STEM + "_picks_3+2+4.png" in names


def test_a_walk_through_many_classes_is_of_limited_length(graph, run):
    with pytest.raises(UserError, match="walk = 1000 through 11 images has 11000 frames"):
        drawn(run._replace(walk=1000), [str(i) for i in range(11)])


def test_the_setting_that_memory_depends_on(run):
    def size_setting(**changes):
        return find_task(run._replace(**changes)).size_setting(run._replace(**changes))

    assert size_setting() == ("num_samples", 9) and size_setting(evaluate=1)[0] == "evaluate_samples"
    assert size_setting(walk=2, picks="3,4") == ("walk", 2) and size_setting(picks="3,4") == ("picks", "3,4")


@pytest.mark.parametrize(
    "changes",
    (
        {"truncation": 0.5, "single": 1, "grid_columns": 2},
        {"label_grid": 1, "classes": "red,blue"},
        {"picks": "red:3,blue:1", "label_grid": 1, "truncation": 0.5},
        {"walk": 2, "picks": "red:3,blue:1"},
        {"walk": 2, "classes": "red,blue"},
        {"arithmetic": "red:3 - blue:1"},
    ),
)
def test_the_names_announced_at_the_start_are_those_of_the_files(graph, run, changes):
    run = run._replace(**changes)
    lines = find_task(run).describe(run)[1:]
    _, names = drawn(run, ("blue", "green", "red"))
    names = {re.sub(r"red.*blue(_[0-9]+)?(_[0-9a-f]{6})?", "<>", name) for name in names}
    for line in lines:
        name = os.path.basename(line.rstrip(os.sep)).replace("<step>", "00000012").replace("<id>", "012345")
        assert re.sub("<[a-z]+>", "<>", name) in names


def test_numbers_in_a_grid(graph, run, tmp_path):
    _, names = drawn(run._replace(label_grid=1))
    assert names == [STEM + "_n9_labelled.png"]
    grid = image(str(tmp_path), names[0])
    assert grid.shape == (3 * 28, 3 * 16, 3)  # a line of text above each
    assert np.array_equal(grid[12::28, ::16, 0].ravel(), expected(latents.noise(3, latents.SAMPLES, 9, 5), 0))
    assert grid[:12, :16].min() < 128


def test_the_number_in_a_grid_comes_before_the_name_of_the_class(graph, run, tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr(samples, "with_text", lambda image, text: texts.append(text) or image)
    drawn(run._replace(label_grid=1, num_samples=4, classes="red,blue"), ("blue", "red"))
    assert texts[-4:] == ["0 red", "1 red", "0 blue", "1 blue"]


def test_truncation_is_a_smaller_range_with_names_of_its_own(graph, run, tmp_path):
    drawn(run)
    _, names = drawn(run._replace(truncation=0.5))
    assert names == [STEM + "_truncation0.5_n9.png"] and read_metadata(str(tmp_path / names[0]))["truncation"] == 0.5
    grid = image(str(tmp_path), names[0])[::16, ::16, 0]
    assert np.array_equal(grid.ravel(), expected(0.5 * latents.noise(3, latents.SAMPLES, 9, 5), 0))


def test_a_walk_is_on_the_great_circle_through_the_picks(graph, run, tmp_path):
    lines, names = drawn(run._replace(walk=4, picks="7,2,5"))
    stem = STEM + "_walk4_7+2+5"
    assert names[:2] == [stem + ".gif", stem + ".mp4"] or names[0] == stem + ".gif"
    assert stem + "_strip.png" in names and stem + ".webp" in names
    assert lines[0].startswith("A walk of 12 frames, 0.48 s: ")
    key_points = latents.noise(3, latents.SAMPLES, 9, 5)[[7, 2, 5]]
    z, _ = paths.closed_path(key_points, [0, 0, 0], 0, 4)
    assert np.array_equal(image(str(tmp_path), stem + "_strip.png")[0, ::16, 0], expected(z, 0))
    with Image.open(str(tmp_path / (stem + ".gif"))) as film:
        assert film.n_frames == 12 and film.size == (16, 16)


def test_a_walk_without_picks_passes_the_first_samples_and_the_chosen_classes(graph, run, tmp_path):
    _, names = drawn(run._replace(walk=2, classes="red,blue"), ("blue", "green", "red"))
    (strip,) = [name for name in names if name.endswith("_strip.png")]
    assert strip == STEM + "_walk2_red+blue_strip.png"
    z = latents.noise(3, latents.SAMPLES, 6, 5)
    values = image(str(tmp_path), strip)[0, ::16, 0]
    assert np.array_equal(values[::2], expected(z, np.array([2, 0] * 3)))


def test_a_walk_of_other_weights_is_not_replaced(graph, run, tmp_path):
    drawn(run._replace(walk=2))
    with pytest.raises(UserError, match=r"_strip\.png exists already"):
        drawn(run._replace(walk=2), weights=b"others")


def test_arithmetic_is_that_of_means(graph, run, tmp_path):
    request = run._replace(arithmetic="1,2 - 3 + 4")
    ((line,), _) = drawn(request)
    figure, result = line.split(" in ", 1)[1].split(", its result in ")
    z = latents.noise(3, latents.SAMPLES, 9, 5)
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
    z = latents.noise(3, latents.SAMPLES, 3, 5)
    assert (image(line.split(", its result in ")[1]) == expected(z[2:], 2)[0]).all()


def lapse_grids(folder, steps, run_id="0123456789abcdef"):
    for step in steps:
        grid = np.full((64, 64, 3), step % 251, np.uint8)
        (folder / f"train_{step:08d}.png").write_bytes(png(grid, {"run": run_id, "step": step}))


def test_a_timelapse_has_the_grids_of_the_run_in_their_order(run, tmp_path, capsys):
    lapse_grids(tmp_path, (0, 100, 2000, 1000))
    lapse_grids(tmp_path, (300,), run_id="another")
    (tmp_path / "train_x.png").write_text("no grid")
    ((line,), _), said = drawn(run._replace(timelapse=1)), capsys.readouterr().out
    names = ["timelapse.gif", "timelapse.webp"]
    assert said == "Making the time-lapse of 4 grids.\n"
    assert line == (f"The course of training: {tmp_path / names[0]}, {tmp_path / names[1]}")
    with Image.open(str(tmp_path / "timelapse.gif")) as film:
        assert film.n_frames == 4 and film.size == (64, 76)
        for i, step in enumerate((0, 100, 1000, 2000)):
            film.seek(i)
            assert abs(film.convert("RGB").getpixel((32, 32))[0] - step % 251) <= 4
            assert film.info["duration"] == (2000 if i == 3 else 80)


def test_a_timelapse_is_of_limited_length_and_size(run, tmp_path, monkeypatch):
    lapse_grids(tmp_path, range(0, 2500, 10))
    timelapse.write_timelapse(str(tmp_path), "0123456789abcdef")
    with Image.open(str(tmp_path / "timelapse.gif")) as film:
        assert film.n_frames == 100
        size = os.path.getsize(str(tmp_path / "timelapse.gif"))
    monkeypatch.setattr(timelapse, "_MAX_BYTES", size // 2)
    timelapse.write_timelapse(str(tmp_path), "0123456789abcdef")
    with Image.open(str(tmp_path / "timelapse.gif")) as film:
        assert 20 < film.n_frames <= 50
        film.seek(film.n_frames - 1)
        assert abs(film.convert("RGB").getpixel((32, 32))[0] - 2490 % 251) <= 4  # the last one stays


def test_grids_of_other_sizes_and_damaged_ones_are_left_out(run, tmp_path):
    """A change of grid_columns or train_samples when resuming, and a broken file, must not end a finished run."""
    lapse_grids(tmp_path, (0, 100, 200, 300))
    (tmp_path / "train_00000100.png").write_bytes(png(np.zeros((32, 128, 3), np.uint8)))
    (tmp_path / "train_00000200.png").write_bytes((tmp_path / "train_00000200.png").read_bytes()[:60])
    assert timelapse.write_timelapse(str(tmp_path), "0123456789abcdef")
    with Image.open(str(tmp_path / "timelapse.gif")) as film:
        assert film.n_frames == 2


def test_sums_of_the_same_picks_have_names_of_their_own(graph, run, tmp_path):
    texts = ("3,8 + 20", "3 + 8,20", "3 + 8 + 20")
    names = [name for text in texts for name in drawn(run._replace(arithmetic=text))[1]]
    assert len(set(names)) == 2 * len(texts)


def test_no_timelapse_of_fewer_than_two_grids(run, tmp_path):
    lapse_grids(tmp_path, (0,))
    assert timelapse.write_timelapse(str(tmp_path), "0123456789abcdef") == ""
    with pytest.raises(UserError, match=r"holds fewer than two grids train_<step>\.png of this run"):
        drawn(run._replace(timelapse=1))
