"""channels = 4: from PNG files with alpha to samples, animations and exports with alpha."""

import importlib.util
import json

import numpy as np
import pytest
from conftest import CalledProgram
from PIL import Image, ImageDraw
from runs import assert_same_run, copy_until, folders, rows

pytestmark = pytest.mark.slow

ALPHA = ["--channels", "4", "--background", "#ff0000", "--metrics_every", "2", "--sample_every", "2"]
ALPHA += ["--checkpoint_every", "2"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A program that has trained for four steps on blue discs with a transparent green background."""
    tmp_path = tmp_path_factory.mktemp("trained")
    folder = tmp_path / "some pics"
    (folder / "discs").mkdir(parents=True)
    for i in range(12):
        image = Image.new("RGBA", (24, 24), (0, 255, 0, 0))
        ImageDraw.Draw(image).ellipse((4, 4, 12 + i, 14 + i), fill=(0, 0, 255, 255))
        image.save(str(folder / "discs" / f"{i}.png"))
    program = CalledProgram(tmp_path / "a copy", folder)
    program.output = program.train(*ALPHA, "--max_steps", "4", *folders("one"))
    return program


def test_from_transparent_images_to_transparent_samples(trained):
    program, output, one, samples = trained, trained.output, folders("one"), trained.folder / "one" / "s"
    assert "12 of 12 inspected images have transparency." in output
    assert [row["step"] for row in rows(program.folder / "one" / "c") if row["ms_ssim"]] == ["2", "4"]
    reals = np.asarray(Image.open(str(samples / "reals.png")))
    assert (reals[0, 0] == [255, 0, 0]).all() and not reals[..., 1].any()  # composited on the background, without green
    assert Image.open(str(samples / "train_00000004.png")).mode == "RGB" and (samples / "timelapse.gif").exists()

    # Exact resuming.
    copy_until(program, "one", "two", 2)
    program.train(*ALPHA, "--max_steps", "4", *folders("two"))
    assert_same_run(program, "one", "two", 4)

    # Samples: grids and animations on the training background, and single files with alpha.
    program.train("--isTrain", "0", "--num_samples", "4", "--single", "1", *one)
    singles = sorted(samples.glob("*_n4/*.png"))
    assert len(singles) == 4 and all(Image.open(str(path)).mode == "RGBA" for path in singles)
    single, grid = Image.open(str(singles[0])), Image.open(str(next(samples.glob("*_n4.png"))))
    on_red = Image.alpha_composite(Image.new("RGBA", single.size, "#ff0000"), single).convert("RGB")
    assert np.abs(np.int32(grid)[:16, :16] - np.int32(on_red)).max() <= 1
    requests = (
        (["--walk", "2", "--picks", "0,1"], "*_strip.png", "RGB"),
        (["--arithmetic", "0 - 1 + 2"], "*_result.png", "RGBA"),
        (["--evaluate", "1"], "nearest_*.png", "RGB"),
    )
    for request, pattern, mode in requests:
        program.train("--isTrain", "0", *request, *one)
        assert Image.open(str(next(samples.glob(pattern)))).mode == mode


def test_exports_have_straight_colors(trained):
    has_page = importlib.util.find_spec("py_mini_racer")
    trained.train("--isTrain", "0", "--export", "frozen" + ",page" * bool(has_page), *folders("one"))
    (described,) = (trained.folder / "one" / "s").glob("export_*/model.json")
    outputs = json.loads(described.read_text())["outputs"]
    assert outputs["images"]["shape"] == [None, 16, 16, 4] and outputs["images"]["colours"] == "straight"
    assert outputs["images_float"]["colours"] == "premultiplied by alpha"
