"""Samples as files: a grid, a file for each sample, and their names."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image
from samplers import expected, flat_sampler, selected

from utils.errors import UserError
from utils.sampling import latents
from utils.sampling.class_names import quoted
from utils.sampling.generator import CheckpointGenerator
from utils.tasks.samples import class_list, write_samples


def write(session, sampler, run, from_run):
    """Write the samples that the settings ask for; return the lines on them."""
    return list(write_samples(CheckpointGenerator(session, sampler, from_run), run))


@pytest.fixture
def run(tiny, tmp_path):
    return tiny.run._replace(samples_dir=str(tmp_path), num_samples=70, sample_seed=3, grid_columns=0)


@pytest.mark.parametrize("channels", (1, 3))
def test_samples_are_written_as_a_grid_and_one_by_one(graph, run, tmp_path, channels):
    with tf.Session() as session:
        (line,) = write(
            session, flat_sampler(channels=channels), run._replace(single=1, grid_columns=10), selected(tmp_path)
        )
    name, values = "sample_00000012_seed3_run012345", expected(latents.noise(3, latents.SAMPLES, 70, 5), 0)
    grid = np.asarray(Image.open(str(tmp_path / (name + "_n70_columns10.png")))).reshape(14, 20, channels)
    assert np.array_equal(grid[::2, ::2, 0].ravel(), values) and np.array_equal(grid[1::2, 1::2], grid[::2, ::2])
    folder = tmp_path / (name + "_n70_columns10")
    names = sorted(os.listdir(str(folder)))
    assert names == [f"{name}_{i:05d}.png" for i in range(70)]
    for i in (0, 66):
        assert (np.asarray(Image.open(str(folder / names[i]))) == values[i]).all()
    assert line == f"70 samples in {folder}.png, and each as a file in {folder}"


@pytest.mark.parametrize("background, color, label_grid", (("white", 255, 0), ("black", 0, 0), ("black", 0, 1)))
def test_samples_with_alpha_are_files_with_it_and_a_grid_on_the_background(
    graph, run, tmp_path, background, color, label_grid
):
    run = run._replace(single=1, num_samples=4, label_grid=label_grid)
    with tf.Session() as session:
        write(session, flat_sampler(channels=4), run, selected(tmp_path, background=background))
    name = "sample_00000012_seed3_run012345"
    folder = tmp_path / (name + "_n4" + "_labelled" * label_grid)
    alpha = expected(latents.noise(3, latents.SAMPLES, 4, 5), 0)  # all four maps have this value
    for i in range(4):
        single = Image.open(str(folder / f"{name}_{i:05d}.png"))
        assert single.mode == "RGBA" and (np.asarray(single) == [255, 255, 255, alpha[i]]).all()
    grid = np.asarray(Image.open(str(folder) + ".png"))
    shown = alpha + (255 - alpha.astype(int)) * color // 255
    assert grid.shape[2] == 3 and np.array_equal(grid[-1, ::2, 0], shown[2:])


def test_samples_of_classes_have_a_row_each(graph, run, tmp_path):
    run = run._replace(num_samples=5, classes="red,blue")
    with tf.Session() as session:
        lines = write(session, flat_sampler(), run, selected(tmp_path, ("blue", "green", "red")))
    name = "sample_00000012_seed3_run012345_n5_red+blue"
    grid = np.asarray(Image.open(str(tmp_path / (name + ".png"))))[::2, ::2, 0]
    z = latents.noise(3, latents.SAMPLES, 3, 5)
    assert np.array_equal(grid, [expected(z, 2), expected(z, 0)])
    assert lines[0].startswith("6 samples in ") and lines[1].startswith("Classes from the top: red, blue; ")
    assert (tmp_path / (name + ".csv")).read_text() == "row,column,class\n0,0,red\n1,0,blue\n"
    assert sorted(os.listdir(str(tmp_path))) == ["dcgan-12.index", name + ".csv", name + ".png"]


def test_the_places_of_classes_in_a_wrapped_grid():
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
def test_no_request_touches_the_files_of_another(graph, run, tmp_path, classes):
    """Files of the same name, of different requests, are the same image."""
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


def test_two_runs_may_share_a_folder_of_samples(graph, run, tmp_path):
    with tf.Session() as session:
        for run_id in ("aaaaaaaa", "bbbbbbbb"):
            write(session, flat_sampler(), run, selected(tmp_path, weights=run_id.encode(), run_id=run_id))
    assert len(list(tmp_path.glob("sample_00000012_seed3_run*_n70.png"))) == 2


def test_files_of_other_weights_are_not_replaced(graph, run, tmp_path):
    """Such as those of a copy of the run that was continued apart: run and step are the same."""
    with tf.Session() as session:
        for singles in (0, 1):
            run, sampler = run._replace(single=singles), flat_sampler()
            write(session, sampler, run, selected(tmp_path))
            write(session, sampler, run, selected(tmp_path))
            with pytest.raises(UserError, match=r"_n70\.png exists already, and was not made from these weights; move"):
                write(session, sampler, run, selected(tmp_path, weights=b"others"))
        (tmp_path / "sample_00000012_seed3_run012345_n70.png").unlink()
        with pytest.raises(UserError, match=r"_00000\.png exists already"):
            write(session, sampler, run, selected(tmp_path, weights=b"others"))
        (tmp_path / "sample_00000012_seed3_run012345_n70.png").write_text("mine")
        with pytest.raises(UserError, match=r"_n70\.png exists already"):
            write(session, sampler, run, selected(tmp_path))
