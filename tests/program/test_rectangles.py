"""Non-square images: every image that the program writes has the right height and width."""

import importlib.util
import json

import pytest
from conftest import CalledProgram, gradient
from PIL import Image
from runs import variables

pytestmark = pytest.mark.slow

SIZE = ["--image_size", "16x24", "--crop", "random", "--mirror", "1", "--conditional", "1", "--sample_every", "1"]
MEASURED = [*SIZE, "--metrics_network", "patches", "--metrics_every", "4", "--metrics_samples", "6"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A program that has trained for two steps and was resumed for two more, with its output."""
    folder = tmp_path_factory.mktemp("rectangles")
    for i in range(8):
        (folder / "pics" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(gradient(40, 30 + i, (1.0 - 0.1 * i, 0.5, 0.3)))
        image.save(str(folder / "pics" / "ab"[i % 2] / f"{i}.png"))
    program = CalledProgram(folder / "a copy", folder / "pics")
    program.output = program.train(*SIZE, "--max_steps", "2")
    program.output += program.train(*MEASURED, "--max_steps", "4")
    return program


def sides_of(path):
    """Return the height and width of the image in a file."""
    with Image.open(str(path)) as image:
        return image.height, image.width


def made(program, *arguments):
    """Sample with these arguments; return {name: (height, width)} of the new images."""
    before = set(program.samples.rglob("*.*"))
    program.train("--isTrain", "0", *arguments)
    new = set(program.samples.rglob("*.*")) - before
    return {path.name: sides_of(path) for path in new if path.suffix in (".png", ".gif", ".webp")}


def test_training(trained):
    assert "Resuming from step 2" in trained.output and "Finished at step 4 (patch_distance " in trained.output
    assert sides_of(trained.samples / "train_00000004.png") == (2 * 16, 2 * 24)  # a class in each row
    assert sides_of(trained.samples / "reals.png") == (2 * 16, 2 * 24)
    assert json.loads((trained.checkpoints / "dcgan-4.json").read_text())["network"]["image_size"] == "16x24"
    assert list((trained.checkpoints / "cache").glob("18x27x3-*.records"))  # an eighth larger than the crop windows
    names = set(variables(trained.checkpoints, 4))
    assert {"generator/4x6/dense/kernel", "generator/8x12/conv/kernel", "discriminator/16x24/conv/kernel"} <= names
    assert not any("4x4" in name or "16x16" in name for name in names)


def test_a_resumed_run_keeps_its_size(trained):
    assert "image_size changed from 16x24 to 24x16" in trained.refuse(*MEASURED, "--image_size", "24x16")
    assert "image_size changed from 16x24 to 16" in trained.refuse(*MEASURED, "--image_size", "16x16")


def test_samples_films_and_arithmetic(trained):
    assert set(made(trained, "--num_samples", "4", "--single", "1").values()) == {(32, 48), (16, 24)}
    assert set(made(trained, "--num_samples", "4", "--label_grid", "1").values()) == {(2 * 28, 48)}
    picks = made(trained, "--picks", "a:3,b:1")
    assert sorted(picks.values()) == [(16, 24), (16, 24), (16, 48)]
    walk = made(trained, "--picks", "a:3,b:1", "--walk", "2")
    assert {sides for name, sides in walk.items() if "strip" not in name} == {(16, 24)} and len(walk) >= 2
    figure = made(trained, "--arithmetic", "a:1 - a:2 + b:3")
    assert sorted(figure.values()) == [(16, 24), (3 * 28, 7 * 24)]
    lapse = made(trained, "--timelapse", "1")
    assert set(lapse.values()) <= {(32 + 12, 48)}


def test_evaluated(trained):
    evaluate = ["--evaluate", "1", "--evaluate_samples", "6", "--metrics_network", "patches"]
    output = trained.train("--isTrain", "0", *evaluate)
    assert "6 images, 16x24, crop = random" in output
    (nearest,) = trained.samples.glob("nearest_*.png")
    assert sides_of(nearest) == (3 * 16, 2 * (5 * 24 + 6))  # six samples, each followed by a gap and four images


def test_exported(trained):
    formats = "frozen, page" if importlib.util.find_spec("py_mini_racer") else "frozen"
    output = trained.train("--isTrain", "0", "--export", formats)  # export compares with the sampler's images
    assert "16 images differ by at most" in output
    (described,) = trained.samples.glob("export_*/model.json")
    assert json.loads(described.read_text())["outputs"]["images"]["shape"] == [None, 16, 24, 3]
