"""The folders of a run: files from a different run are refused."""

import numpy as np
import pytest

from utils.checkpoints import manifest
from utils.errors import UserError
from utils.output import images
from utils.training import folders


@pytest.mark.parametrize(
    "folder, name, refused",
    (
        ("samples", "train_00000700.png", True),
        ("samples", "reals.png", True),
        ("samples", "sample_00000700_seed0.png", False),
        ("checkpoints", "history.csv", True),
        ("checkpoints", "report.html", True),
        ("checkpoints", "logs", True),
        ("checkpoints", "dcgan-10.index", True),
        ("checkpoints", "dcgan-0.index", False),  # left by a kill during the first save
        ("checkpoints", "notes.txt", False),
    ),
)
def test_files_of_an_earlier_run(settings, tmp_path, folder, name, refused):
    for each in ("samples", "checkpoints"):
        (tmp_path / each).mkdir()
    (tmp_path / folder / name).write_text("dear")
    paths = {"samples_dir": str(tmp_path / "samples"), "checkpoints_dir": str(tmp_path / "checkpoints")}
    run = settings.run._replace(**paths)
    if not refused:
        folders.check_no_foreign_files(run)
        return
    with pytest.raises(
        UserError, match=f"{folder}_dir = .* contains {name} from an earlier run, but .* contains no checkpoint"
    ):
        folders.check_no_foreign_files(run)


@pytest.fixture
def run(settings, tmp_path):
    (tmp_path / "reals.png").write_bytes(b"no PNG")
    return settings.run._replace(samples_dir=str(tmp_path), checkpoints_dir=str(tmp_path / "c"))


def recorded(run, run_id="", **before):
    """The manifest of a checkpoint from a run with the settings `before`."""
    return manifest.Manifest(7, dict(run._asdict(), **before), (), manifest.SavedState(run_id=run_id))


MOVED = {"checkpoints_dir": "D:\\runs\\c", "samples_dir": "C:\\s"}


@pytest.mark.parametrize("before", ({}, {"samples_dir": "/elsewhere"}, {"checkpoints_dir": "/c"}, MOVED))
def test_grids_belong_to_a_run_wherever_its_folders_were(tmp_path, run, before):
    grid = images.png(np.zeros((2, 2, 3), np.uint8), {"run": "1234", "step": 7})
    (tmp_path / "train_00000007.png").write_bytes(grid)
    (tmp_path / "train_00000008.png").write_bytes(b"cut off")
    folders.check_grids_owner(recorded(run, "1234", **before), run)
    with pytest.raises(UserError, match=r"samples_dir = .* contains train_00000007.png from a different run than"):
        folders.check_grids_owner(recorded(run, "5678", **before), run)


def test_grids_of_versions_without_a_run_id(tmp_path, run):
    (tmp_path / "train_00000007.png").write_bytes(images.png(np.zeros((2, 2, 3), np.uint8)))
    folders.check_grids_owner(recorded(run), run)


def test_an_empty_folder_of_samples(tmp_path, run):
    (tmp_path / "reals.png").unlink()
    folders.check_grids_owner(recorded(run, samples_dir="/elsewhere"), run)
