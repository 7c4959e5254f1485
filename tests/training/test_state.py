"""The state of a run, and what is due at a step."""

import pytest

from utils.checkpoints.manifest import SavedState
from utils.training import state as states
from utils.training.state import Due, Pace, RunState


@pytest.fixture
def state():
    """The state at step 10 of a 100-step run on 40 images, with two D updates per step and batch size 4."""
    return RunState(10, 80, 100, SavedState(), Pace(n=40, images_per_step=8, log_every=2))


def results(step):
    """Return the results of the last D and G updates in a step."""
    d = {"d_loss": 1.5, "d_real": 0.75, "d_fake": 0.25, "lead": 0.5, "augmented": 0.1, "pictures_seen": 8 * step}
    return d, {"g_loss": 2.5, "step": step}


def test_a_step_makes_a_row(state):
    state.advance(*results(11))
    assert (state.step, state.pictures_seen) == (11, 88)
    timeless = {name: value for name, value in state.row.items() if name not in TIMES}
    losses = {"d_loss": 1.5, "g_loss": 2.5, "d_real": 0.75, "d_fake": 0.25, "lead": 0.5, "augmented": 0.1}
    assert timeless == dict(losses, step=11, epoch=2.2, pictures_seen=88)


TIMES = ("pictures_per_second", "seconds", "data_wait")


def test_throughput_of_the_last_logged_steps(state, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(states.time, "time", lambda: now[0])
    state.restart_clock()
    rows = []
    for step in range(11, 41):
        now[0] += 0.5 if step <= 30 else 0.25
        state.wait_seconds += 0.125
        state.advance(*results(step))
        rows.append(state.row)
    assert rows[0]["pictures_per_second"] == 16 and rows[0]["data_wait"] == 0.25 and rows[0]["seconds"] == 0.5
    assert rows[-1]["pictures_per_second"] == 32 and rows[-1]["data_wait"] == 0.5  # the last 10 steps took half as long
    assert rows[-1]["seconds"] == 20 * 0.5 + 10 * 0.25


def test_a_restarted_clock(state, monkeypatch):
    """Roll back from step 10 to step 6."""
    monkeypatch.setattr(states.time, "time", lambda: 5000.0)
    state.step, state.pictures_seen = 6, 48
    state.restart_clock()
    assert state.first_step == 6
    monkeypatch.setattr(states.time, "time", lambda: 5002.0)
    state.advance(*results(7))
    assert state.row["seconds"] == 2 and state.row["pictures_per_second"] == 4


NOTHING = Due(row=False, grid=False, measure=False, save=False)


@pytest.mark.parametrize(
    "step, stop, expected",
    (
        (11, 0, NOTHING),
        (12, 0, NOTHING._replace(row=True)),
        (15, 0, NOTHING._replace(grid=True)),
        (21, 0, NOTHING._replace(row=True, measure=True)),  # a measurement adds a row, whatever log_every is
        (25, 0, NOTHING._replace(grid=True, save=True)),
        (11, 15, NOTHING._replace(row=True, measure=True, save=True)),  # no grid after a signal
        (101, 0, NOTHING._replace(row=True, grid=True, measure=True, save=True)),  # at the end, whatever the intervals
    ),
)
def test_what_is_due(settings, state, step, stop, expected):
    run = settings.run._replace(log_every=4, sample_every=5, checkpoint_every=25, metrics_every=7)
    state.step, state.total = step, 101
    assert state.due(run, stop) == expected


def test_what_is_switched_off_is_due_only_at_the_end(settings, state):
    run = settings.run._replace(sample_every=0, checkpoint_every=0, metrics_every=0)
    state.step = 51
    assert state.due(run, 0) == NOTHING
    state.step = state.total
    assert state.due(run, 0) == Due(row=True, grid=True, measure=False, save=True)
