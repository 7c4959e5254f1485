"""The state of a run, and what is due at a step."""

import itertools
from types import SimpleNamespace

import pytest

from utils.checkpoints.manifest import SavedState
from utils.runtime.signals import TIME_UP, StopSignals
from utils.training import state as states
from utils.training.run import Run
from utils.training.state import Due, Pace, RunState


@pytest.fixture
def state():
    """The state at step 10 of a 100-step run on 40 images, with two D updates per step and batch size 4."""
    return RunState(10, 80, 100, SavedState(), Pace(n=40, images_per_step=8))


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
NOTHING = Due(row=False, grid=False, measure=False, save=False)


class Clock:
    """A monotonic clock that tests set; the system's clock is set back by an hour at every call."""

    def __init__(self, monkeypatch):
        self.now, system = 5000.0, itertools.count(1e9, -3600)
        monkeypatch.setattr(states.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(states.time, "time", lambda: next(system))


@pytest.fixture
def clock(state, monkeypatch):
    """The clock of the state."""
    clock = Clock(monkeypatch)
    state.restart_clock()
    return clock


def run_steps(state, clock, count, seconds, wait=0.0):
    """Advance by this number of steps that take these seconds each, including the wait; return the last row."""
    for _ in range(count):
        clock.now += seconds
        state.wait_seconds += wait
        state.advance(*results(state.step + 1))
    return state.row


def times(row):
    return tuple(row[name] for name in TIMES)


def test_throughput_of_the_last_50_steps(state, clock):
    assert times(run_steps(state, clock, 1, 0.5, wait=0.125)) == (16, 0.5, 0.25)
    assert times(run_steps(state, clock, 19, 0.5, wait=0.125)) == (16, 10, 0.25)
    assert times(run_steps(state, clock, 50, 0.25, wait=0.125)) == (32, 22.5, 0.5)


@pytest.mark.parametrize("seconds", (1 / 32, 2.0))
def test_a_pause_of_a_run_with_steps_of_any_length(state, clock, seconds):
    run_steps(state, clock, 10, seconds)
    assert run_steps(state, clock, 1, seconds + 10)["pictures_per_second"] == 8 / seconds


def test_a_pause_changes_neither_the_speed_nor_the_time_left(state, clock):
    """Stop the process (Ctrl-Z) for ten seconds in a step, and for ten minutes while a checkpoint is saved."""
    assert run_steps(state, clock, 10, 0.5)["pictures_per_second"] == 16 and state.seconds_left == 80 * 0.5
    assert times(run_steps(state, clock, 1, 10.5)) == (16, 15.5, 0) and state.seconds_left == 79 * 0.5
    for seconds in (602, 2, 2, 602):
        clock.now += seconds
        state.record_actions(NOTHING._replace(save=True))
        run_steps(state, clock, 1, 0.5)
    assert state.row["pictures_per_second"] == 16
    assert state.seconds_left == 75 * (0.5 + 4 * 2 / 15)  # 4 checkpoints of 2 s in 15 steps


def test_a_slow_first_step_does_not_count_from_the_second_step_on(state, clock):
    assert run_steps(state, clock, 1, 1)["pictures_per_second"] == 8
    assert run_steps(state, clock, 1, 0.5)["pictures_per_second"] == 16 and state.seconds_left == 88 * 0.5


@pytest.mark.parametrize("seconds, wait, mean", ((5.25, 5, 0.75), (1.25, 0, 0.35)))
def test_a_slow_disk_and_a_busy_machine_count_even_if_they_delay_few_steps(state, clock, seconds, wait, mean):
    run_steps(state, clock, 10, 0.25)
    row = run_steps(state, clock, 1, seconds, wait)
    assert row["pictures_per_second"] == pytest.approx(8 / mean)
    assert row["data_wait"] == pytest.approx(wait / 10 / mean)


def test_the_time_left_includes_grids_checkpoints_and_metrics(state, clock):
    """The speed is that of the steps alone. Each kind of action counts with its own duration."""
    grid, measured = NOTHING._replace(grid=True), NOTHING._replace(row=True, measure=True)
    for _ in range(10):
        run_steps(state, clock, 1, 0.5)
        state.record_actions(NOTHING)  # does not restart the step's clock
        run_steps(state, clock, 1, 0.5)
        clock.now += 1
        state.record_actions(grid)
    clock.now += 10
    state.record_actions(measured)
    assert run_steps(state, clock, 2, 0.5)["pictures_per_second"] == 16
    assert state.seconds_left == pytest.approx(68 * (0.5 + (10 * 1 + 10) / 22))
    state.total = state.step  # stop_when_stale
    assert state.seconds_left == 0


def test_a_restarted_clock(state, clock):
    """Roll back from step 30 to step 6."""
    run_steps(state, clock, 20, 0.25)
    state.record_actions(NOTHING._replace(save=True))
    state.step, state.pictures_seen = 6, 48
    state.restart_clock()
    assert state.first_step == 6
    assert times(run_steps(state, clock, 1, 2)) == (4, 2, 0) and state.seconds_left == 93 * 2


def test_the_time_to_stop_is_the_time_left_or_the_rest_of_max_minutes(state, clock):
    run_steps(state, clock, 10, 0.5)
    assert state.seconds_to_stop == state.seconds_left == 80 * 0.5 and not state.is_time_up
    state.deadline = clock.now + 7
    state.restart_clock()  # a rollback does not restart the time limit
    run_steps(state, clock, 13, 0.5)
    assert state.seconds_to_stop == 0.5 and state.seconds_left == 67 * 0.5 and not state.is_time_up
    run_steps(state, clock, 1, 0.5)
    assert state.seconds_to_stop == 0 and state.is_time_up
    run_steps(state, clock, 1, 0.5)
    assert state.seconds_to_stop == 0 and state.seconds_left == 65 * 0.5 and state.is_time_up


@pytest.mark.parametrize(
    "received, is_chief, is_time_up, expected",
    ((0, True, False, 0), (0, True, True, TIME_UP), (0, False, True, 0), (15, True, True, 15), (15, False, False, 15)),
)
def test_a_signal_takes_precedence_over_the_time_limit_which_the_chief_decides(
    received, is_chief, is_time_up, expected
):
    """The workers stop for the largest of their reasons."""
    signals, workers = SimpleNamespace(received=received), SimpleNamespace(is_chief=is_chief)
    run = SimpleNamespace(signals=signals, workers=workers, state=SimpleNamespace(is_time_up=is_time_up))
    assert Run.stop_reason(run) == expected and 0 < TIME_UP < min(StopSignals.SIGNALS)


def test_equal_times_are_no_error(state, clock):
    """A clock may not advance between two very short steps."""
    assert run_steps(state, clock, 2, 0)["seconds"] == 0 and state.seconds_left < 1


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
