"""The folders of a run: files from a different run and a different data set are refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from utils.checkpoints import fingerprints, manifest
from utils.checkpoints.manifest import SavedState
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


def dataset(first):
    """Return a data set of nine images, as far as it matters here; they are numbered from `first`."""
    numbers = np.arange(first, first + 9, dtype=np.uint32)
    return SimpleNamespace(
        n=9,
        labels=np.zeros(9, int),
        classes=["a"],
        fingerprint=f"9 {first}",
        fingerprints=np.stack(2 * [numbers], 1),
        why_changed=lambda version: "",
    )


@pytest.fixture
def check_same_images(tiny, tmp_path):
    """A function that checks nine images, given the first, for a run that was trained on the images 4 to 12."""
    folder = tmp_path / "c"
    folder.mkdir()
    run = tiny.run._replace(pics_dir="/pics", checkpoints_dir=str(folder), samples_dir=str(tmp_path / "s"))
    fingerprints.write(str(folder), "1f", dataset(4), run)
    settings = tiny._replace(run=run._replace(pics_dir="/mine"), given=(("pics_dir", "mine"),))
    trained = SavedState(fingerprint="9 4", run_id="1f")

    def check(first, saved=trained, **changes):
        changed = settings._replace(run=settings.run._replace(**changes))
        is_checked = folders.check_same_data_set(changed, saved, dataset(first))
        folders.announce_changes(changed, saved, dataset(first), is_checked)

    return check


CHANGED = "The training images have changed (9 before, 9 now); resuming, but not bit-exactly."
COMMAND = "start a new run: python main.py --pics_dir mine --checkpoints_dir {0}/c_mine --samples_dir {0}/s_mine"


def test_changed_images_are_announced(check_same_images, capsys):
    check_same_images(0)
    assert tuple(capsys.readouterr()) == (CHANGED + "\n", "")
    check_same_images(4)
    check_same_images(0, SavedState())  # a new run
    assert tuple(capsys.readouterr()) == ("", "")


def test_changed_images_that_cannot_be_compared_are_a_warning(check_same_images, tmp_path, capsys):
    (tmp_path / "c" / fingerprints.FILE).unlink()
    check_same_images(0)
    advice = "If they are a different data set, stop this run, and " + COMMAND.format(tmp_path)
    assert tuple(capsys.readouterr()) == ("", f"main.py: {CHANGED} {advice}\n")
    check_same_images(4)
    assert tuple(capsys.readouterr()) == ("", "")


def test_a_different_data_set_is_refused(check_same_images, tmp_path, capsys):
    with pytest.raises(UserError) as raised:
        check_same_images(20)
    assert str(raised.value) == (
        "pics_dir = /mine is a different data set: it contains 0 of the images that this run was trained on (9 images "
        f"in /pics: a 9); {COMMAND.format(tmp_path)} (add --init_from {tmp_path}/c to start from the weights of this "
        "run)"
    )
    with pytest.raises(UserError) as raised:
        check_same_images(20, init_from="elsewhere")
    assert str(raised.value).endswith(COMMAND.format(tmp_path))
    assert tuple(capsys.readouterr()) == ("", "")
