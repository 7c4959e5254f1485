"""Folders of a run: files of another run are refused."""

import os

import pytest

from utils.errors import UserError
from utils.training import folders


@pytest.mark.parametrize(
    "folder, name, refused",
    (
        ("samples", "train_00000700.png", True),
        ("samples", "reals.png", True),
        ("samples", "sample_00000700_seed0.png", False),
        ("checkpoints", "history.csv", True),
        ("checkpoints", "logs", True),
        ("checkpoints", "dcgan-10.index", True),
        ("checkpoints", "dcgan-0.index", False),  # the remains of a first save that was killed
        ("checkpoints", "notes.txt", False),
    ),
)
def test_files_of_an_earlier_run(tmp_path, folder, name, refused):
    for each in ("samples", "checkpoints"):
        (tmp_path / each).mkdir()
    (tmp_path / folder / name).write_text("dear")
    arguments = str(tmp_path / "samples"), str(tmp_path / "checkpoints")
    if not refused:
        folders.refuse_files_of_others(*arguments)
        return
    with pytest.raises(
        UserError, match=f"{folder}_dir = .* holds {name} of an earlier run, but there is no checkpoint"
    ):
        folders.refuse_files_of_others(*arguments)


@pytest.mark.parametrize("drives", (False, True))
def test_grids_of_another_run(tmp_path, settings, monkeypatch, drives):
    """The way from the checkpoints to the samples identifies a run; on Windows they may be on different drives."""
    if drives:

        def relpath(path, start):
            raise ValueError("path is on mount 'D:', start on mount 'C:'")

        monkeypatch.setattr(os.path, "relpath", relpath)
    (tmp_path / "train_00000007.png").write_text("dear")
    now = settings.run._replace(samples_dir=str(tmp_path), checkpoints_dir=str(tmp_path / "c"))
    folders.refuse_grids_of_others(now._asdict(), now)
    folders.refuse_grids_of_others({}, now)  # the record of an old version
    other = dict(now._asdict(), samples_dir=str(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match=r"holds grids of another run; those of this one are in .*elsewhere: "):
        folders.refuse_grids_of_others(other, now)
