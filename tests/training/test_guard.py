"""The guard: which values it checks at a step, and what a post-mortem says."""

import math
from types import SimpleNamespace

import pytest

from utils.checkpoints.manifest import SavedState
from utils.training.game import WINDOW
from utils.training.guard import Guard, rates
from utils.training.state import Due, Pace, RunState

NOTHING = Due(row=False, grid=False, measure=False, save=False)


class Fake:
    """The session and the LiveGenerator, whose weights are finite or not."""

    def __init__(self, weights=True, average=True):
        self.weights, self.average, self.asked = weights, average, []

    def run(self, fetch):
        assert fetch == "is_finite"
        self.asked.append("weights")
        return self.weights

    def is_finite(self, step):
        self.asked.append(f"average at {step}")
        return self.average


def guard_of(fake, on_lost_game="warn"):
    run = SimpleNamespace(loss="non_saturating", label_smoothing=0.0, on_lost_game=on_lost_game)
    return Guard(fake, SimpleNamespace(is_finite="is_finite"), fake, run)


def state_at(step, d_loss=0.5, g_loss=2.0):
    state = RunState(step, 8 * step, 100, SavedState(), Pace(40, 8, 10))
    state.row = {"step": step, "d_loss": d_loss, "g_loss": g_loss, "d_real": 0.75, "d_fake": 0.25}
    return state


@pytest.mark.parametrize("d_loss, g_loss", ((math.nan, 1.0), (1.0, math.inf), (-math.inf, 1.0)))
def test_losses_are_checked_at_every_step(d_loss, g_loss):
    assert not guard_of(Fake()).is_finite(state_at(7, d_loss, g_loss), NOTHING)


@pytest.mark.parametrize(
    "due, asked",
    (
        (NOTHING, []),
        (NOTHING._replace(grid=True), []),
        (NOTHING._replace(row=True), ["weights"]),
        (NOTHING._replace(measure=True), ["weights", "average at 7"]),
        (NOTHING._replace(save=True), ["weights", "average at 7"]),
    ),
)
def test_weights_are_checked_before_anything_depends_on_them(due, asked):
    fake = Fake()
    assert guard_of(fake).is_finite(state_at(7), due) and fake.asked == asked
    assert guard_of(Fake(weights=False)).is_finite(state_at(7), due) == ("weights" not in asked)
    assert guard_of(Fake(average=False)).is_finite(state_at(7), due) == (len(asked) < 2)


def test_a_post_mortem_lists_the_last_steps_and_the_rollbacks(settings):
    guard = guard_of(Fake())
    for step in range(1, 31):
        guard.is_finite(state_at(step), NOTHING)
    lines = guard.post_mortem(settings.run, (12, 25))
    assert lines[0] == "step 30: losses or weights are NaN or infinite"
    assert lines[1:4] == [
        rates(settings.run, 2),
        f"rollback 1: from step 12, {rates(settings.run)}",
        f"rollback 2: from step 25, {rates(settings.run, 1)}",
    ]
    assert lines[-20:] == [f"{step}, 0.5, 2, 0.75, 0.25" for step in range(11, 31)]


@pytest.mark.parametrize("rollbacks, on_lost_game, expected", ((0, "rollback", 1), (2, "rollback", 0), (0, "warn", 0)))
def test_a_lost_game_is_undone_where_that_is_asked_for(rollbacks, on_lost_game, expected):
    """Once the window is full; then the window begins anew. One rollback is left for a divergence."""
    guard = guard_of(Fake(), on_lost_game)
    lost = []
    for step in range(1, 2 * WINDOW):
        state = state_at(step)
        state.row.update(d_real=0.97, d_fake=0.02)
        state.saved = SavedState(rollbacks=(5,) * rollbacks)
        if guard.should_roll_back(state):
            lost.append(step)
            guard.forget()
    assert lost == [WINDOW] * expected


def test_rates_are_halved_by_each_rollback(settings):
    run = settings.run._replace(learning_rate=0.1)
    assert rates(run) == "learning_rate = 0.1" and rates(run, 2) == "learning_rate = 0.025"
    assert rates(run._replace(g_learning_rate=0.4), 1) == "d_learning_rate = 0.05 and g_learning_rate = 0.2"
