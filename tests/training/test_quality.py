"""Which checkpoint is the best, and that a failure to measure does not end a run."""

import numpy as np
import pytest

from utils.checkpoints.manifest import Best, State
from utils.metrics import measure
from utils.training.quality import Quality


@pytest.fixture
def run(tiny):
    return tiny.run


class FakeOutputs:
    def __init__(self, values):
        self.state, self._values = State(), list(values)

    def measure(self, step, measurer):
        value = self._values.pop(0)
        if isinstance(value, Exception):
            raise value
        return measure.Measured({"swd": value, "ms_ssim": 0.3}, 0.3, np.full((2, 8, 8, 3), 99, np.uint8))


def fake_measurer():
    measurer = measure.Measurer.__new__(measure.Measurer)
    measurer.of, measurer.reals = "these", lambda: np.full((2, 8, 8, 3), 99, np.uint8)
    return measurer


class FakeProgress:
    measured = ""

    def say(self, line):
        raise AssertionError(line)


def test_the_best_is_kept_and_a_failure_ends_nothing(run, capsys):
    outputs = FakeOutputs([10.0, 8.0, 9.9, 10.1, RuntimeError("out of luck"), MemoryError(), np.nan, 8.3])
    measurer = fake_measurer()
    quality, progress, found = Quality(measurer, outputs, run), FakeProgress(), []
    for step in range(200, 1800, 200):
        row = {"step": step}
        is_best = quality.measure(row, progress)
        found.append((is_best, outputs.state.best.step, outputs.state.best.least, row.get("swd")))
    assert found[:4] == [(True, 200, 10, 10), (True, 400, 8, 8), (True, 600, 8, 9.9), (False, 600, 8, 10.1)]
    assert found[4] == found[5] == (False, 600, 8, None)
    assert found[6][:3] == (False, 600, 8) and found[7] == (True, 1600, 8, 8.3)
    assert progress.measured == "swd 8.3"
    said = capsys.readouterr().err.strip().split("\n")
    assert [line for line in said if line] == [
        "main.py: the quality at step 1000 cannot be measured (out of luck); training goes on",
        "main.py: the quality at step 1200 cannot be measured (MemoryError); training goes on",
    ]


def test_a_first_measure_that_is_no_number_is_not_the_best(run):
    outputs = FakeOutputs([np.nan, 5.0])
    quality = Quality(fake_measurer(), outputs, run)
    assert not quality.measure({"step": 200}, FakeProgress()) and outputs.state.best is None
    assert quality.measure({"step": 400}, FakeProgress()) and outputs.state.best.step == 400


def test_when_it_is_measured(run):
    quality = Quality(None, FakeOutputs([]), run._replace(metrics_every=50))
    assert [quality.is_due(step, False) for step in (49, 50, 51, 100)] == [False, True, False, True]
    assert quality.is_due(51, True)
    assert not Quality(None, FakeOutputs([]), run._replace(metrics_every=0)).is_due(100, True)


def test_another_metric_chooses_anew(run):
    outputs = FakeOutputs([9.0])
    outputs.state = State(best=Best(1, "fid", "these", 3.0, 3.0, 1))
    assert Quality(fake_measurer(), outputs, run).measure({"step": 7}, FakeProgress())
    assert outputs.state.best[:4] == (7, "swd", "these", 9.0) and outputs.state.former == (1,)
