"""Which checkpoint is the best, and that a failure to measure does not end a run."""

import numpy as np
import pytest

from utils.checkpoints.manifest import Best, Saved
from utils.metrics import measure
from utils.training.quality import Quality
from utils.training.state import Pace, RunState

GREY = np.full((2, 8, 8, 3), 99, np.uint8)


class FakeGenerator:
    """A SampledGenerator without a session."""

    session = sampler = None

    def refresh(self, step):
        """Do nothing."""


class FakeMeasurer:
    """A measure.Measurer that finds the given values of swd, or raises them."""

    of = "these"

    def __init__(self, values):
        self._values = list(values)

    def __call__(self, session, sampler):
        value = self._values.pop(0)
        if isinstance(value, Exception):
            raise value
        return measure.Measured({"swd": value, "ms_ssim": 0.3}, 0.3, GREY)

    def reals(self):
        return GREY


@pytest.fixture
def state():
    return RunState(0, 0, 10**6, Saved(), Pace(100, 4, 10))


def measured_at(quality, state, step):
    """Measure at a step with an empty row; return whether it is the best so far."""
    state.step, state.row = step, {"step": step}
    return quality.measure(state)


def test_the_best_is_kept_and_a_failure_ends_nothing(tiny, state, capsys):
    values = [10.0, 8.0, 9.9, 10.1, RuntimeError("out of luck"), MemoryError(), np.nan, 8.3]
    quality, results = Quality(FakeMeasurer(values), FakeGenerator(), tiny.run), []
    for step in range(200, 1800, 200):
        is_best = measured_at(quality, state, step)
        best = state.saved.best
        results.append((is_best, best.step, best.least, state.row.get("swd"), state.measured))
    assert results[:2] == [(True, 200, 10, 10, "swd 10"), (True, 400, 8, 8, "swd 8")]
    assert results[2:4] == [(True, 600, 8, 9.9, "swd 9.9"), (False, 600, 8, 10.1, "swd 10.1")]
    assert results[4] == results[5] == (False, 600, 8, None, "")
    assert results[6][:3] == (False, 600, 8) and results[7] == (True, 1600, 8, 8.3, "swd 8.3")
    output = capsys.readouterr()
    assert [line for line in output.err.split("\n") if line] == [
        "main.py: the quality at step 1000 cannot be measured (out of luck); training continues",
        "main.py: the quality at step 1200 cannot be measured (MemoryError); training continues",
    ]
    assert output.out == ""


def test_a_first_value_that_is_not_finite_is_not_the_best(tiny, state):
    quality = Quality(FakeMeasurer([np.nan, 5.0]), FakeGenerator(), tiny.run)
    assert not measured_at(quality, state, 200) and state.saved.best is None
    assert measured_at(quality, state, 400) and state.saved.best.step == 400


def test_another_metric_chooses_anew(tiny, state):
    state.saved = Saved(best=Best(1, "fid", "these", 3.0, 3.0, 1))
    assert measured_at(Quality(FakeMeasurer([9.0]), FakeGenerator(), tiny.run), state, 7)
    assert state.saved.best[:4] == (7, "swd", "these", 9.0) and state.saved.former == (1,)


def test_a_warning_is_printed_once(tiny, state, capsys):
    quality = Quality(None, FakeGenerator(), tiny.run)
    for _ in range(1000):
        state.row = {"d_loss": 0.0, "d_real": 1.0, "d_fake": 0.0}
        quality.watch(state)
    assert capsys.readouterr().out.count("D has won: ") == 1
