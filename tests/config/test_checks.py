"""Combinations of settings that are rejected. Does not import TensorFlow."""

import ntpath
import os
from types import SimpleNamespace

import pytest
from params_copy import edited_copy, untouched_copy  # noqa: F401  (fixtures)

from utils.config import checks

WGAN = ["--loss", "wasserstein"]
INSIDE = "is inside pics_dir = pics, which holds training images only; set {} to a folder outside it"


INVALID = (
    (
        WGAN,
        "loss = 'wasserstein' needs a gradient penalty, without which D's output grows without bounds; set "
        "gradient_penalty = 'wgan-gp' or 'r1', or a different loss, in params.py",
    ),
    (
        ["--gradient_penalty", "wgan-gp"],
        "gradient_penalty = 'wgan-gp' needs the gradient of each image, but d_norm = 'batch' mixes "
        "images of a batch; set d_norm = 'layer', 'spectral' or 'none' in model/params.py",
    ),
    (
        ["--loss", "hinge", "--label_smoothing", "0.1"],
        "label_smoothing = 0.1 has no effect with loss = 'hinge'; set label_smoothing = 0, or "
        "loss = 'non_saturating' or 'least_squares', in params.py",
    ),
    (
        [*WGAN, "--gradient_penalty", "r1", "--label_smoothing", "0.25"],
        "label_smoothing = 0.25 has no effect with loss = 'wasserstein'; set label_smoothing "
        "= 0, or loss = 'non_saturating' or 'least_squares', in params.py",
    ),
    (
        ["--penalty_every", "4"],
        "penalty_every = 4 needs a gradient_penalty; set one or penalty_every = 1 in params.py",
    ),
    (
        ["--max_filters", "8"],
        "max_filters = 8 is less than filters = 32; raise max_filters or lower filters in model/params.py",
    ),
    (
        ["--crop", "random", "--load_size", "63"],
        "load_size = 63 is less than image_size = 64, the size of the windows cut from it; raise load_size, or set "
        "it to 0, in params.py",
    ),
    (
        ["--freeze_d", "4", "--init_from", "runs/1", "--image_size", "48"],
        "freeze_d = 4 is more than the 3 convolutions of D with image_size = 48; set it to 3 or less in params.py",
    ),
    (
        ["--freeze_d", "2"],
        "freeze_d = 2 needs init_from; set init_from, or freeze_d = 0, in params.py",
    ),
    (
        ["--inception_graph", "no/such.pb"],
        "inception_graph = no/such.pb is not a file; set it to the path of the Inception network, or to '', in "
        "params.py",
    ),
    (
        ["--metrics_network", "inception"],
        "metrics_network = 'inception' needs inception_graph; set it, or metrics_network = 'auto', in params.py",
    ),
    (
        ["--metrics_every", "0", "--stop_when_stale", "3"],
        "stop_when_stale = 3 needs metrics_every above 0; set one of them in params.py",
    ),
    (["--samples_dir", "pics/out"], f"samples_dir = pics/out {INSIDE.format('samples_dir')}"),
    (["--checkpoints_dir", "pics"], f"checkpoints_dir = pics {INSIDE.format('checkpoints_dir')}"),
    (["--cache_dir", "pics/a/../b"], f"cache_dir = pics/b {INSIDE.format('cache_dir')}"),
    (
        ["--pics_dir", "samples"],
        f"samples_dir = samples {INSIDE.format('samples_dir').replace('pics,', 'samples,')}",
    ),
)


def test_invalid_combinations_are_refused(untouched):
    for argv, expected in INVALID:
        assert untouched.refuse(*argv).replace(untouched.root + os.sep, "").replace(os.sep, "/") == expected
    assert untouched.resolve(*WGAN, "--samples_dir", "pics/out", "--isTrain", "0").run.isTrain == 0  # OK for sampling


VALID = (
    [],
    [*WGAN, "--gradient_penalty", "wgan-gp", "--d_norm", "layer", "--penalty_every", "4"],
    [*WGAN, "--gradient_penalty", "r1"],
    ["--label_smoothing", "0.1"],
    ["--loss", "least_squares", "--label_smoothing", "0.1"],
    ["--max_filters", "32"],
    ["--freeze_d", "4", "--init_from", "runs/1"],
    ["--crop", "random", "--load_size", "64"],
    ["--crop", "random", "--load_size", "64", "--image_size", "96x64"],
    ["--crop", "random", "--load_size", "0"],
    ["--crop", "center", "--load_size", "10"],
    ["--inception_graph", "params.py", "--best_metric", "fid"],
    ["--samples_dir", "pics of mine"],
    ["--pics_dir", "samples/pics"],
)


def test_valid_combinations_are_accepted(untouched):
    for argv in VALID:
        assert untouched.resolve(*argv).run.isTrain == 1


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_a_link_into_pics_dir_is_refused(copy):
    (copy.folder / "pics").mkdir()
    os.symlink(str(copy.folder / "pics"), str(copy.folder / "link"))
    assert "is inside pics_dir" in copy.refuse("--samples_dir", "link/out")
    os.symlink(str(copy.folder / "samples"), str(copy.folder / "own"))
    assert "samples is inside pics_dir" in copy.refuse("--pics_dir", "own")


def test_the_first_problem_is_reported(untouched):
    message = untouched.refuse(*WGAN, "--max_filters", "8")
    assert "wasserstein" in message and "max_filters" not in message


@pytest.mark.parametrize(
    "path, folder, expected",
    (
        ("D:\\out", "C:\\pics", False),
        ("C:\\pics\\out", "C:\\pics", True),
        ("c:\\PICS\\out", "C:/pics", True),
        ("C:\\pics2", "C:\\pics", False),
        ("C:\\pics", "C:\\", True),
        ("D:\\pics", "C:\\", False),
        ("\\\\server\\share\\a", "C:\\pics", False),
    ),
)
def test_folders_on_windows(monkeypatch, path, folder, expected):
    """os.path is replaced by the Windows version, which has drives."""
    monkeypatch.setattr(checks, "os", SimpleNamespace(path=ntpath, sep="\\"))
    assert checks.normalized(path).startswith(checks.normalized(folder)) is expected
