"""Outputs: a failed save is retried and never becomes the best, and only the chief writes."""

import errno
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import failing

from utils.checkpoints import fingerprints
from utils.checkpoints.manifest import Best, SavedState
from utils.output.history import STEP_COLUMNS, rows_up_to
from utils.training import outputs
from utils.training.state import Pace, RunState


class FakeGenerator:
    """A LiveGenerator that records when it was refreshed."""

    session = None

    def __init__(self):
        self.refreshed = []

    def refresh(self, step):
        self.refreshed.append(step)


@pytest.fixture
def saved(monkeypatch):
    """The saved steps; saving fails at the steps in the set `failing`."""
    steps, failing = [], set()

    def save(session, saver, checkpoint, text, keep):
        if checkpoint.step in failing:
            raise OSError("no room")
        steps.append((checkpoint.step, keep.best))

    monkeypatch.setattr(outputs.store, "save", save)
    monkeypatch.setattr(outputs.store, "rewrite_manifest", lambda checkpoint, text: steps.append("rewritten"))
    return SimpleNamespace(steps=steps, failing=failing)


@pytest.fixture
def open_outputs(tiny, tmp_path):
    """A function that returns the Outputs of a new run, and its state."""

    def open_outputs(is_chief=True):
        run = tiny.run._replace(checkpoints_dir=str(tmp_path), samples_dir=str(tmp_path))
        state = RunState(0, 0, 100, SavedState(), Pace(40, 4))
        lock = SimpleNamespace(hold=lambda: None)
        parts = SimpleNamespace(
            settings=tiny._replace(run=run),
            workers=SimpleNamespace(is_chief=is_chief),
            start=SimpleNamespace(newest=None, saver=None, lock=lock, saved=SavedState(run_id="3f")),
            dataset=SimpleNamespace(n=1, labels=np.int32([0]), classes=["a"]),
        )
        return outputs.Outputs(FakeGenerator(), parts, state, state.saved), state

    return open_outputs


def best(step):
    return Best(step, "fid", "these", 1.0, 1.0, step)


def test_a_step_is_saved_once(open_outputs, saved):
    written, state = open_outputs()
    assert written.save(state) and written.save(state) and saved.steps == [(0, ())]
    state.saved = state.saved._replace(rollbacks=(3,))  # only the manifest has changed
    assert written.save(state) and saved.steps == [(0, ()), "rewritten"]


def test_a_failed_save_is_retried_and_is_not_the_best(open_outputs, saved, capsys):
    written, state = open_outputs()
    state.saved = state.saved._replace(best=best(0))
    written.save(state)
    saved.failing.add(5)
    state.step, state.saved = 5, state.saved._replace(best=best(5))
    assert not written.save(state) and state.saved.best == best(0) and written.saved_step == 0
    assert "main.py: the checkpoint at step 5 cannot be written (no room); earlier checkpoints are intact" in (
        capsys.readouterr().err
    )
    saved.failing.clear()
    assert written.save(state) and saved.steps == [(0, (0,)), (5, (0,))]


def test_a_failed_grid_does_not_end_the_run(open_outputs, saved, capsys, tmp_path, monkeypatch):
    written, state = open_outputs()

    def fail(path, data, sync):
        raise OSError("no room")

    monkeypatch.setattr(outputs.files, "write", fail)
    written.write_reals(state, np.zeros([4, 16, 16, 3], np.float32))
    line = "main.py: the grid of real images cannot be written (no room); training continues"
    assert line in capsys.readouterr().err


@pytest.mark.parametrize("error", (OSError("no room"), IndexError("no room")))
def test_a_failed_report_does_not_end_the_run(open_outputs, capsys, monkeypatch, error):
    written, state = open_outputs()

    def fail(*_):
        raise error

    monkeypatch.setattr(outputs, "write_report", fail)
    written.write_report(state)
    assert capsys.readouterr().err == (
        "\nmain.py: report.html at step 0 cannot be written (no room); training continues\n"
    )


def test_failures_in_a_row_are_one_warning(open_outputs, capsys, monkeypatch):
    written, state = open_outputs()
    fail = failing(errno.EBUSY)
    for state.step, replacement in ((1, fail), (2, fail), (3, lambda *_: None), (4, lambda *_: None), (5, fail)):
        monkeypatch.setattr(outputs, "write_report", replacement)
        written.write_report(state)
    assert [line for line in capsys.readouterr().err.split("\n") if line] == [
        "main.py: report.html at step 1 cannot be written ([Errno 16] Device or resource busy); training continues",
        "main.py: report.html is written again",
        "main.py: report.html at step 5 cannot be written ([Errno 16] Device or resource busy); training continues",
    ]


def test_tensorboard_and_history_csv_do_not_depend_on_each_other(open_outputs, capsys, monkeypatch, tmp_path):
    written, state = open_outputs()
    append_line, points, names = outputs.files.append_line, [], (*STEP_COLUMNS, "ms_ssim")
    fakes = SimpleNamespace(write_row=lambda row: points.append(row["step"]), close=lambda: None)
    for state.step in range(1, 7):
        state.row = dict(dict.fromkeys(names, 0.5), step=state.step)
        monkeypatch.setattr(
            outputs.files, "append_line", failing(errno.EACCES) if state.step in (2, 3) else append_line
        )
        written._events = SimpleNamespace(write_row=failing(errno.ENOSPC)) if state.step in (3, 5) else fakes
        written.write_row(state)
    assert points == [1, 2, 4, 6]
    assert [row["step"] for row in rows_up_to(str(tmp_path), 6, 10)] == [1, 2, 3, 4, 5, 6]
    kept = "; its rows are kept, and written as soon as possible"
    assert [line for line in capsys.readouterr().err.split("\n") if line] == [
        f"main.py: history.csv at step 2 cannot be written ([Errno 13] Permission denied){kept}",
        "main.py: the log at step 3 cannot be written ([Errno 28] No space left on device); its points are lost",
        "main.py: TensorBoard's events are written again",
        "main.py: history.csv is written again, with all rows",
        "main.py: the log at step 5 cannot be written ([Errno 28] No space left on device); its points are lost",
        "main.py: TensorBoard's events are written again",
    ]


def test_fingerprints_that_cannot_be_written_do_not_end_the_run(open_outputs, tmp_path, capsys):
    written, state = open_outputs()
    written._parts.dataset.fingerprints = np.uint32([[1, 2]])
    (tmp_path / fingerprints.FILE).mkdir()
    assert not written.write_fingerprints(state)
    line = capsys.readouterr().err
    assert "main.py: fingerprints.bin cannot be written (" in line and line.endswith("; training continues\n")
    (tmp_path / fingerprints.FILE).rmdir()
    assert written.write_fingerprints(state) and [path.name for path in tmp_path.iterdir()] == [fingerprints.FILE]


def test_only_the_chief_writes(open_outputs, saved, tmp_path):
    """Other workers also update the batch-norm statistics of their EMA generators."""
    written, state = open_outputs(is_chief=False)
    state.step = 5
    assert written.save(state) and written.saved_step == 5 and written._generator.refreshed == [5]
    written.write_reals(state, np.zeros([4, 16, 16, 3], np.float32))
    written.write_fingerprints(state)
    for write in (written.write_grid, written.write_row, written.write_report, written.write_timelapse, written.close):
        write(state)
    written.write_post_mortem(state, [])
    assert saved.steps == [] and list(tmp_path.iterdir()) == []
