"""Plain samples and picks: grids, single files and their names."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image
from running import STEM, drawn, image
from samplers import expected, flat_sampler, selected

from utils.errors import UserError
from utils.output.images import read_metadata
from utils.sampling import latents, picks
from utils.sampling.class_names import quoted
from utils.sampling.generator import CheckpointGenerator
from utils.tasks import samples
from utils.tasks.samples import class_list, write_samples


@pytest.fixture
def run(tiny, tmp_path):
    return tiny.run._replace(samples_dir=str(tmp_path), num_samples=9, sample_seed=3, grid_columns=0)


def write(session, sampler, run, from_run):
    """Write samples; return the printed lines."""
    return list(write_samples(CheckpointGenerator(session, sampler, from_run), run))


@pytest.mark.parametrize("channels", (1, 3))
def test_grid_and_single_files(graph, run, tmp_path, channels):
    run = run._replace(num_samples=70)
    with tf.Session() as session:
        (line,) = write(
            session, flat_sampler(channels=channels), run._replace(single=1, grid_columns=10), selected(tmp_path)
        )
    name, values = "sample_00000012_seed3_run012345", expected(latents.noise(3, latents.SAMPLES, range(70), 5), 0)
    grid = np.asarray(Image.open(str(tmp_path / (name + "_n70_columns10.png")))).reshape(14, 20, channels)
    assert np.array_equal(grid[::2, ::2, 0].ravel(), values) and np.array_equal(grid[1::2, 1::2], grid[::2, ::2])
    folder = tmp_path / (name + "_n70_columns10")
    names = sorted(os.listdir(str(folder)))
    assert names == [f"{name}_{i:05d}.png" for i in range(70)]
    for i in (0, 66):
        assert (np.asarray(Image.open(str(folder / names[i]))) == values[i]).all()
    assert line == f"70 samples in {folder}.png, and one file each in {folder}"


@pytest.mark.parametrize("background, color, label_grid", (("white", 255, 0), ("black", 0, 0), ("black", 0, 1)))
def test_single_files_have_alpha_and_grid_has_background(graph, run, tmp_path, background, color, label_grid):
    run = run._replace(single=1, num_samples=4, label_grid=label_grid)
    with tf.Session() as session:
        write(session, flat_sampler(channels=4), run, selected(tmp_path, background=background))
    name = "sample_00000012_seed3_run012345"
    folder = tmp_path / (name + "_n4" + "_labelled" * label_grid)
    alpha = expected(latents.noise(3, latents.SAMPLES, range(4), 5), 0)  # all four channels have this value
    for i in range(4):
        single = Image.open(str(folder / f"{name}_{i:05d}.png"))
        assert single.mode == "RGBA" and (np.asarray(single) == [255, 255, 255, alpha[i]]).all()
    grid = np.asarray(Image.open(str(folder) + ".png"))
    shown = alpha + (255 - alpha.astype(int)) * color // 255
    assert grid.shape[2] == 3 and np.array_equal(grid[-1, ::2, 0], shown[2:])


def test_grid_has_a_row_for_each_class(graph, run, tmp_path):
    run = run._replace(num_samples=5, classes="red,blue")
    with tf.Session() as session:
        lines = write(session, flat_sampler(), run, selected(tmp_path, ("blue", "green", "red")))
    name = "sample_00000012_seed3_run012345_n5_red+blue"
    grid = np.asarray(Image.open(str(tmp_path / (name + ".png"))))[::2, ::2, 0]
    z = latents.noise(3, latents.SAMPLES, range(3), 5)
    assert np.array_equal(grid, [expected(z, 2), expected(z, 0)])
    assert lines[0].startswith("6 samples in ") and lines[1].startswith("Classes from the top: red, blue; ")
    assert (tmp_path / (name + ".csv")).read_text() == "row,column,class\n0,0,red\n1,0,blue\n"
    assert sorted(os.listdir(str(tmp_path))) == ["dcgan-12.index", name + ".csv", name + ".png"]


def test_class_list_of_a_wrapped_grid():
    labels = np.repeat([0, 1, 2, 3], 2)
    text = class_list(labels, 6, ["a", 'b "c", d', "\udcff", "d"]).decode("utf-8", "surrogateescape")
    assert text == 'row,column,class\n0,0,a\n0,2,"b ""c"", d"\n0,4,\udcff\n1,0,d\n'


REQUESTS = (
    {},
    {"num_samples": 4},
    {"sample_seed": 4},
    {"classes": "blue"},
    {"classes": "red"},
    {"classes": "red,blue"},
    {"classes": "blue,red"},
    {"num_samples": 1, "classes": "red,blue,green"},
)


@pytest.mark.parametrize("classes", ((), ("blue", "green", "red"), ("Zoë/+", "\udcff", "x" * 300)))
def test_files_with_equal_names_are_equal(graph, run, tmp_path, classes):
    """If different requests write a file with the same name, its image is the same."""
    made, sampler = {}, flat_sampler()
    with tf.Session() as session:
        for number, changes in enumerate(REQUESTS):
            if not classes and "classes" in changes:
                continue
            folder = tmp_path / str(number)
            folder.mkdir()
            names = dict(zip(("blue", "green", "red"), classes))
            chosen = ",".join(quoted(names[name]) for name in changes.get("classes", "").split(",") if name)
            request = run._replace(num_samples=9, single=1)._replace(**changes)
            request = request._replace(samples_dir=str(folder), classes=chosen)
            write(session, sampler, request, selected(tmp_path, classes))
            files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}
            single = {os.path.basename(name): data for name, data in files.items() if os.sep in name}
            assert not set(files) & set(made) and len(single) == len(files) - (2 if classes else 1)
            assert all(made.get(name, data) == data for name, data in single.items())
            assert max(len(os.fsencode(name)) for name in single) < 143
            made.update(files, **single)


def test_two_runs_share_samples_dir(graph, run, tmp_path):
    with tf.Session() as session:
        for run_id in ("aaaaaaaa", "bbbbbbbb"):
            write(session, flat_sampler(), run, selected(tmp_path, weights=run_id.encode(), run_id=run_id))
    assert len(list(tmp_path.glob("sample_00000012_seed3_run*_n9.png"))) == 2


def test_files_of_other_weights_are_not_overwritten(graph, run, tmp_path):
    """A copy of the run that was trained separately has the same run id and step."""
    sampler = flat_sampler()
    with tf.Session() as session:
        for singles in (0, 1):
            run = run._replace(single=singles)
            write(session, sampler, run, selected(tmp_path))
            write(session, sampler, run, selected(tmp_path))
            with pytest.raises(UserError, match=r"_n9\.png already exists, and was not generated from these weights"):
                write(session, sampler, run, selected(tmp_path, weights=b"others"))
        (tmp_path / "sample_00000012_seed3_run012345_n9.png").unlink()
        with pytest.raises(UserError, match=r"_00000\.png already exists"):
            write(session, sampler, run, selected(tmp_path, weights=b"others"))
        (tmp_path / "sample_00000012_seed3_run012345_n9.png").write_text("mine")
        with pytest.raises(UserError, match=r"_n9\.png already exists"):
            write(session, sampler, run, selected(tmp_path))


def test_pick_equals_sample_with_its_number(graph, run, tmp_path):
    drawn(run._replace(single=1))
    lines, names = drawn(run._replace(picks="7,2-3"))
    name = STEM + "_picks_7+2+3"
    assert names == [name, name + ".png"] and lines[0].startswith(f"3 samples in {tmp_path / name}.png, and one file ")
    singles = sorted(os.listdir(str(tmp_path / name)))
    assert singles == [f"{STEM}_{i:05d}.png" for i in (2, 3, 7)]
    for single in singles:  # files with the same name are identical
        assert (tmp_path / name / single).read_bytes() == (tmp_path / (STEM + "_n9") / single).read_bytes()
    z = latents.noise(3, latents.SAMPLES, range(9), 5)
    assert np.array_equal(image(str(tmp_path), name + ".png")[0, ::16, 0], expected(z[[7, 2]], 0))


def test_picks_of_classes(graph, run, tmp_path):
    _, names = drawn(run._replace(picks="red:4,blue:4"), ("blue", "green", "red"))
    (folder,) = [name for name in names if not name.endswith(".png")]
    z = latents.noise(3, latents.SAMPLES, range(5), 5)[4:]
    for name, label in (("blue", 0), ("red", 2)):
        single = image(str(tmp_path), folder, f"{STEM}_{name}_00004.png")
        assert (single == expected(z, label)[0]).all()
    assert not [name for name in names if name.endswith(".csv")]


def test_duplicate_picks_are_drawn_once(graph, run):
    lines, names = drawn(run._replace(picks="3,2-4,3"))
    assert lines[0].startswith("3 samples in ") and STEM + "_picks_3+2+4.png" in names


def test_label_grid_shows_numbers(graph, run, tmp_path):
    _, names = drawn(run._replace(label_grid=1))
    assert names == [STEM + "_n9_labelled.png"]
    grid = image(str(tmp_path), names[0])
    assert grid.shape == (3 * 28, 3 * 16, 3)  # a line of text above each
    assert np.array_equal(grid[12::28, ::16, 0].ravel(), expected(latents.noise(3, latents.SAMPLES, range(9), 5), 0))
    assert grid[:12, :16].min() < 128


def test_label_grid_shows_number_before_class(graph, run, tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr(samples, "with_text", lambda image, *caption: texts.append(caption) or image)
    drawn(run._replace(label_grid=1, num_samples=4, classes="red,blue"), ("blue", "red"))
    assert texts[-4:] == [("0 red",), ("1 red",), ("0 blue",), ("1 blue",)]


def test_label_grid_shows_number_of_class_without_font(graph, run, tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr(samples, "with_text", lambda image, *caption: texts.append(caption) or image)
    monkeypatch.setattr(picks, "choose_fonts", lambda names: {"\u732b": None})
    lines, _ = drawn(run._replace(label_grid=1, num_samples=2), ("blue", "\u732b"))
    assert texts[-2:] == [("0 blue",), ("0 #1",)]
    assert lines[1] == "No font on this system can show these class names; captions show numbers instead: #1 \u732b."


def test_truncation_scales_noise_and_is_in_names(graph, run, tmp_path):
    drawn(run)
    _, names = drawn(run._replace(truncation=0.5))
    assert names == [STEM + "_truncation0.5_n9.png"] and read_metadata(str(tmp_path / names[0]))["truncation"] == 0.5
    grid = image(str(tmp_path), names[0])[::16, ::16, 0]
    assert np.array_equal(grid.ravel(), expected(0.5 * latents.noise(3, latents.SAMPLES, range(9), 5), 0))


@pytest.fixture
def many(run, monkeypatch):
    """Settings for more samples than a grid shows unless it is requested, and than a folder holds."""
    monkeypatch.setattr(samples, "MANY", 4)
    return run._replace(num_samples=10)


def test_many_samples_need_single_files_or_a_requested_grid(many):
    text = "num_samples = 10 is too high for a grid; set single = 1 to write a file for each sample, or grid_columns to"
    with pytest.raises(UserError, match=text):
        samples.TASK.describe(many)
    assert [line.split(":")[0].strip() for line in samples.TASK.describe(many._replace(single=1))[1:]] == [
        "Single files"
    ]
    assert len(samples.TASK.describe(many._replace(single=1, label_grid=1))) == 3
    assert samples.TASK.describe(many._replace(grid_columns=3))[1].startswith("  Grid: ")


def test_many_single_files_have_subfolders_and_no_grid(graph, many, tmp_path):
    lines, (folder,) = drawn(many._replace(single=1))
    values = expected(latents.noise(3, latents.SAMPLES, range(10), 5), 0)
    assert folder == f"{STEM}_n10" and lines == [f"10 samples, one file each, in {tmp_path / folder}"]
    for i, value in enumerate(values):
        assert (image(str(tmp_path), folder, f"{i // 4:03d}", f"{STEM}_{i:05d}.png") == value).all()
    assert sorted(os.listdir(str(tmp_path / folder))) == ["000", "001", "002"]


@pytest.mark.parametrize("classes", ((), ("a", "b")))
def test_same_command_writes_the_missing_files_after_a_stop(graph, many, tmp_path, monkeypatch, classes):
    run, real_png, calls = many._replace(single=1), samples.png, []

    def stopped_png(*arguments):
        calls.append(arguments)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real_png(*arguments)

    monkeypatch.setattr(samples, "png", stopped_png)
    with pytest.raises(KeyboardInterrupt):
        drawn(run, classes)
    (folder,) = tmp_path.glob("*_n10")
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    assert len(written) == 6
    os.remove(str(sorted(written)[0]))
    del written[sorted(written)[0]]
    calls.clear()
    monkeypatch.setattr(samples, "png", lambda *arguments: calls.append(arguments) or real_png(*arguments))
    lines, _ = drawn(run, classes)
    assert lines[0] == "5 of the 10 files exist already." and len(calls) == 5
    assert all(path.stat().st_mtime_ns == mtime_ns for path, mtime_ns in written.items())
    assert len(drawn(run, classes)[0]) == 2 and len(calls) == 5  # nothing is missing
    made = {path.name: path.read_bytes() for path in folder.rglob("*.png")}
    drawn(run._replace(grid_columns=3), classes)
    assert made == {path.name: path.read_bytes() for path in tmp_path.glob("*_columns3/*/*.png")}


def test_files_of_a_different_precision_are_written_again(graph, many, tmp_path):
    run = many._replace(single=1)
    drawn(run)
    for precision, existing in (("float32", 1), ("bfloat16", 0), ("bfloat16", 1), ("auto", 0)):
        assert len(drawn(run._replace(precision=precision))[0]) == 1 + existing
    with pytest.raises(UserError, match="not generated from these weights"):
        drawn(run, weights=b"others")
