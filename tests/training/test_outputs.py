"""Outputs: a failed save is retried and is not the best, and a worker that is not the chief writes nothing."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest

from utils.checkpoints.manifest import Best, SavedState
from utils.training import outputs, starting_point
from utils.training.quality import NoQuality, Quality
from utils.training.state import Pace, RunState


class FakeGenerator:
    """A LiveGenerator that remembers when it was refreshed."""

    def __init__(self):
        self.refreshed = []

    def refresh(self, step):
        self.refreshed.append(step)


@pytest.fixture
def saved(monkeypatch):
    """The steps that were saved; a step in the set `failing` cannot be."""
    steps, failing = [], set()

    def save(session, saver, checkpoint, text, keep):
        if checkpoint.step in failing:
            raise OSError("no room")
        steps.append((checkpoint.step, keep.best))

    monkeypatch.setattr(outputs.store, "save", save)
    monkeypatch.setattr(outputs.store, "rewrite_manifest", lambda checkpoint, text: steps.append("rewritten"))
    return SimpleNamespace(steps=steps, failing=failing)


@pytest.fixture
def parts(tiny, tmp_path):
    """The Outputs of a new run, and its state."""
    run = tiny.run._replace(checkpoints_dir=str(tmp_path), samples_dir=str(tmp_path))
    state = RunState(0, 0, 100, SavedState(), Pace(40, 4, 10))
    lock = SimpleNamespace(hold=lambda: None)
    place = SimpleNamespace(newest=None, saver=None, lock=lock, saved=SavedState(run_id="3f"))
    dataset = SimpleNamespace(n=1, labels=np.int32([0]), classes=["a"])
    made_of = SimpleNamespace(settings=tiny._replace(run=run), start=place, dataset=dataset)
    return outputs.Outputs(None, FakeGenerator(), made_of, state), state


def best(step):
    return Best(step, "fid", "these", 1.0, 1.0, step)


def test_a_step_is_saved_once(parts, saved):
    written, state = parts
    assert written.save(state) and written.save(state) and saved.steps == [(0, ())]
    state.saved = state.saved._replace(rollbacks=(3,))  # only the JSON has changed
    assert written.save(state) and saved.steps == [(0, ()), "rewritten"]


def test_a_failed_save_is_retried_and_is_not_the_best(parts, saved, capsys):
    written, state = parts
    state.saved = state.saved._replace(best=best(0))
    written.save(state)
    saved.failing.add(5)
    state.step, state.saved = 5, state.saved._replace(best=best(5))
    assert not written.save(state) and state.saved.best == best(0) and written.saved_step == 0
    assert "main.py: the checkpoint of step 5 cannot be written (no room); earlier checkpoints are intact" in (
        capsys.readouterr().err
    )
    saved.failing.clear()
    assert written.save(state) and saved.steps == [(0, (0,)), (5, (0,))]


def test_a_failed_grid_ends_nothing(parts, saved, capsys, tmp_path, monkeypatch):
    written, _ = parts

    def fail(path, data):
        raise OSError("no room")

    monkeypatch.setattr(outputs.files, "write", fail)
    written.write_reals(np.zeros([4, 16, 16, 3], np.float32))
    assert "main.py: reals.png cannot be written (no room); training continues" in capsys.readouterr().err


@pytest.mark.parametrize("error", (OSError("no room"), IndexError("no room")))
def test_a_failed_report_ends_nothing(parts, capsys, monkeypatch, error):
    written, state = parts

    def fail(*_):
        raise error

    monkeypatch.setattr(outputs.Report, "write", fail)
    written.write_report(state)
    assert capsys.readouterr().err == (
        "\nmain.py: report.html of step 0 cannot be written (no room); training continues\n"
    )


def test_a_worker_that_is_not_the_chief_has_the_same_methods_and_writes_nothing():
    """Whatever the loop and `Run` ask of the chief's objects, a worker's objects answer."""
    for full, empty in (
        (outputs.Outputs, outputs.NoOutputs),
        (Quality, NoQuality),
        (starting_point.FromScratch, starting_point.NonChief),
    ):
        public = {name for name, _ in inspect.getmembers(full, inspect.isfunction) if not name.startswith("_")}
        missing = {name for name in public - {"write_reals"} if not hasattr(empty, name)}
        assert missing == set(), empty
    generator = FakeGenerator()
    written, state = outputs.NoOutputs(generator), RunState(5, 20, 100, SavedState(), Pace(40, 4, 10))
    assert written.save(state) and written.saved_step == 5 and generator.refreshed == [5]
