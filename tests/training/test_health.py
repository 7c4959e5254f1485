"""Health: the checks at each step, and each warning, printed if and only if its problem is forced."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from utils.checkpoints.manifest import Best, SavedState
from utils.metrics.diversity import ClassAccuracy
from utils.metrics.measure import ImageSet, Measured
from utils.training import health as health_module
from utils.training.health import COLLAPSE_FROM, STALE, UNLEARNED_FROM, WINDOW, Health, format_rates, saturation
from utils.training.state import Due, Pace, RunState

NOTHING = Due(row=False, grid=False, measure=False, save=False)
GRAY = np.full((4, 8, 8, 3), 120, np.uint8)


class Fake:
    """A stand-in for both the session and the LiveGenerator, whose weights are finite or not."""

    def __init__(self, weights=True, average=True):
        self.values, self.checked = {"weights": weights, "average": average}, []
        self.session, self.sampler = self, SimpleNamespace(is_finite="average")

    def run(self, fetches):
        self.checked += fetches
        return [self.values[name] for name in fetches]

    def refresh(self, step):
        self.checked.append(step)


@pytest.fixture
def warnings(monkeypatch):
    """The warnings printed so far."""
    printed = []
    monkeypatch.setattr(health_module, "print_above_bar", printed.append)
    return printed


def health_of(run, fake=None, is_chief=True, **network):
    network = SimpleNamespace(**{"conditional": 0, "d_features": "none", **network})
    parts = SimpleNamespace(
        graph=SimpleNamespace(is_finite="weights"),
        settings=SimpleNamespace(run=run, network=network),
        workers=SimpleNamespace(is_chief=is_chief),
    )
    return Health(fake, parts)


def state_at(step, d_real=0.7, d_fake=0.3, d_loss=0.9, g_loss=2.0):
    state = RunState(step, 8 * step, 10**6, SavedState(), Pace(40, 8))
    state.row = {"step": step, "d_loss": d_loss, "g_loss": g_loss, "d_real": d_real, "d_fake": d_fake}
    return state


def play(health, steps, *losses):
    """Check the same losses at `count` more steps."""
    for step in range(steps):
        health.check_losses(state_at(step, *losses))


WON = (0.97, 0.02)


@pytest.mark.parametrize("d_loss, g_loss", ((math.nan, 1.0), (1.0, math.inf), (-math.inf, 1.0)))
def test_losses_are_checked_at_every_step(settings, d_loss, g_loss):
    state = state_at(7, d_loss=d_loss, g_loss=g_loss)
    assert not health_of(settings.run, Fake()).is_finite(state, NOTHING)


@pytest.mark.parametrize(
    "due, checked",
    (
        (NOTHING, []),
        (NOTHING._replace(grid=True), []),
        (NOTHING._replace(row=True), ["weights"]),
        (NOTHING._replace(measure=True), [7, "weights", "average"]),
        (NOTHING._replace(save=True), [7, "weights", "average"]),
    ),
)
def test_weights_are_checked_before_anything_depends_on_them(settings, due, checked):
    fake = Fake()
    assert health_of(settings.run, fake).is_finite(state_at(7), due) and fake.checked == checked
    for name in ("weights", "average"):
        expected = name not in checked
        assert health_of(settings.run, Fake(**{name: False})).is_finite(state_at(7), due) == expected


def test_a_post_mortem_lists_the_last_steps_and_the_rollbacks(settings):
    health = health_of(settings.run)
    for step in range(1, 30):
        health.check_losses(state_at(step))
    state = state_at(30, d_loss=math.nan)
    state.saved = SavedState(rollbacks=(12, 25))
    lines = health.post_mortem(state)
    assert lines[0] == "step 30: losses or weights are NaN or infinite"
    assert lines[1:4] == [
        format_rates(settings.run, 2),
        f"rollback 1: from step 12, {format_rates(settings.run)}",
        f"rollback 2: from step 25, {format_rates(settings.run, 1)}",
    ]
    assert lines[-20:] == [f"{step}, {'nan' if step == 30 else 0.9}, 2, 0.7, 0.3" for step in range(11, 31)]


@pytest.mark.parametrize("rollbacks, on_lost_game, expected", ((0, "rollback", 1), (2, "rollback", 0), (0, "warn", 0)))
def test_rollback_when_d_has_won(settings, warnings, rollbacks, on_lost_game, expected):
    """Roll back once the window is full. One rollback is reserved for divergence. All workers agree."""
    run = settings.run._replace(on_lost_game=on_lost_game)
    for is_chief in (True, False):
        health = health_of(run, is_chief=is_chief)
        state = state_at(WINDOW, *WON)
        state.saved = SavedState(rollbacks=(5,) * rollbacks)
        play(health, WINDOW - 1, *WON)
        assert not health.should_roll_back(state)
        health.check_losses(state)
        assert health.should_roll_back(state) == expected
    assert len(warnings) == 1  # only the chief warns


class FakeCopies:
    """A nearest.CopyDetector that has searched all images."""

    searched = 1.0


def measure(health, step, ms_ssim=0.3, real=0.25, samples=GRAY, reals=GRAY, best=None, shares=(), **values):
    """Check a measurement in which `values` and the arguments differ from a healthy one."""
    ours, theirs = values.pop("accuracies", (ClassAccuracy(), ClassAccuracy()))
    measured = Measured(
        {"fid": 12.0, "ms_ssim": ms_ssim, "copies": 0.0, **values},
        ImageSet(reals, real, None, FakeCopies(), theirs),
        ImageSet(samples, ms_ssim, accuracy=ours),
        dict(shares),
    )
    state = state_at(step)
    state.saved = SavedState(best=best or Best(step, "fid", "these", 10.0, 9.5, step))
    health.check_metrics(state, measured)


def measure_each(health, warnings, steps, courses):
    """Check a measurement at each step; return the number of warnings at each."""
    counts = []
    for step, values in zip(steps, courses):
        before = len(warnings)
        measure(health, step, **values)
        counts.append(len(warnings) - before)
    return counts


LATE = range(COLLAPSE_FROM, 10**6, 500)  # steps at which samples should no longer be similar blurs


def test_a_healthy_run_is_silent(settings, warnings):
    health = health_of(settings.run)
    play(health, 2 * WINDOW)
    play(health, WINDOW // 2, 0.999, 0.001, 0.001)
    play(health, 2 * WINDOW)
    for step in range(200, 20000, 1000):
        measure(health, step)
    assert warnings == []


@pytest.mark.parametrize(
    "loss, won, evidence",
    (
        ("non_saturating", (0.97, 0.02), "in the last 250 steps D(x) was 0.97 and D(G(z)) 0.02 on average"),
        ("hinge", (0.75, 0.25, 0.001), "its loss was below 0.01 in nearly all of the last 250 steps"),
        ("least_squares", (0.73, 0.5, 0.001), "its loss was below 0.01 in nearly all of the last 250 steps"),
        ("wasserstein", (0.97, 0.02, 0.001), None),
    ),
)
def test_d_has_won(settings, warnings, loss, won, evidence):
    health = health_of(settings.run._replace(loss=loss))
    play(health, 2 * WINDOW, *won)
    assert len(warnings) == (evidence is not None)
    if evidence:
        assert warnings[0].startswith(f"D has won: {evidence}, so G gets no useful gradient.")
        assert f"d_learning_rate = {settings.run.learning_rate / 2:g}" in warnings[0] and "params.py" in warnings[0]
        play(health, WINDOW)
        play(health, WINDOW, *won)
        assert len(warnings) == 2  # the problem ended and came back


def test_d_has_won_with_d_features(settings, warnings):
    health = health_of(settings.run, d_features="efficientnet")
    play(health, 2 * WINDOW, 0.97, 0.02)
    assert "on average, so G learns only from d_features. Add images, or try d_learning_rate" in warnings[0]


def test_d_that_wins_again_and_again_is_reported_once(settings, warnings):
    """The average over the last steps crosses its threshold many times."""
    health = health_of(settings.run)
    for _ in range(4):
        play(health, WINDOW, *WON)
        play(health, WINDOW // 4, 0.8, 0.1)
    assert len(warnings) == 1


def test_cures_against_d_are_not_what_is_set_already(settings, warnings):
    play(health_of(settings.run._replace(augment="none")), WINDOW, 0.97, 0.0)
    assert "augment = 'adaptive' or d_learning_rate" in warnings[0]
    run = settings.run._replace(label_smoothing=0.1, d_learning_rate=0.0004)
    play(health_of(run), WINDOW, 0.88, 0.0)
    line = warnings[1]
    assert "adaptive" not in line and "label_smoothing" not in line and "d_learning_rate = 0.0002" in line


def test_samples_have_collapsed(settings, warnings):
    steps = [COLLAPSE_FROM - 1, *LATE[:3]]  # earlier, samples are similar blurs
    counts = measure_each(health_of(settings.run), warnings, steps, [{"ms_ssim": 0.9}] * 4)
    assert counts == [0, 0, 1, 0]
    assert "Mode collapse: MS-SSIM is 0.90 for samples and 0.25 for real images" in warnings[0]
    assert "params.py" in warnings[0]
    # If real images are equally similar, the samples have not collapsed.
    counts = measure_each(health_of(settings.run), warnings, LATE, [{"ms_ssim": 0.9, "real": 0.85}] * 2)
    assert counts == [0, 0]


def test_samples_saturate(settings, warnings):
    black_and_white = np.where(np.arange(8)[:, None] % 2, 0, 255).astype(np.uint8) * np.ones((4, 8, 8, 3), np.uint8)
    assert (saturation(black_and_white), saturation(GRAY)) == (1, 0)
    counts = measure_each(health_of(settings.run), warnings, (1, 2, 3), [{"samples": black_and_white}] * 3)
    assert counts == [0, 1, 0]
    assert "saturate: 100% of their values are at the ends of the range, compared with 0% in real images" in warnings[0]
    assert f"learning_rate = {settings.run.learning_rate:g}" in warnings[0]
    # Saturation is normal if the real images are black-and-white drawings.
    drawings = {"samples": black_and_white, "reals": black_and_white}
    assert measure_each(health_of(settings.run), warnings, (1, 2), [drawings] * 2) == [0, 0]


def test_no_improvement_for_long(settings, warnings):
    every = settings.run.metrics_every
    best = Best(8 * every, "fid", "these", 9.9, 9.5, 5 * every)
    steps = [(STALE + i) * every for i in (4, 5, 6)]
    assert measure_each(health_of(settings.run), warnings, steps, [{"best": best}] * 3) == [0, 1, 0]
    line = f"No improvement for {STALE * every} steps: fid was 9.5 at step {5 * every} and is 12 now. Sampling uses the"
    assert warnings[0].startswith(line) and "rate_decay_from = 0.5" in warnings[0]
    late = best._replace(step=80 * every, lowest_step=80 * every)  # not stale: 20 measurements after the 80th
    measure(health_of(settings.run), 100 * every, best=late)
    assert len(warnings) == 1


def test_without_a_best_checkpoint_the_other_warnings_remain(settings, warnings):
    health = health_of(settings.run)
    measured = Measured(
        {"ms_ssim": 0.9, "copies": 0.0}, ImageSet(GRAY, 0.25, None, FakeCopies()), ImageSet(GRAY, 0.9), {}
    )
    for step in range(10000, 60000, 1000):
        health.check_metrics(state_at(step), measured)
    assert len(warnings) == 1 and warnings[0].startswith("Mode collapse: ")


def test_samples_are_less_diverse_than_they_were(settings, warnings):
    course = [0.3, 0.6, 0.9, 1.2, 0.9, 0.79, 0.95, 0.79, 0.79, 0.79, 0.96, 0.79, 0.79, np.nan]
    counts = measure_each(health_of(settings.run), warnings, LATE, [{"distinct": value} for value in course])
    assert counts == [0] * 8 + [1, 0, 0, 0, 1, 0]
    assert warnings[0].startswith("Sample diversity, relative to real images, fell from 100% to 79%. ")


def test_a_class_is_missing(settings, warnings):
    healthy, gone = {"cat": (0.02, 0.1), "dog": (0.9, 0.8)}, {"cat": (0.0, 0.1), "dog": (0.95, 0.8)}
    course = [{"shares": shares} for shares in (healthy, gone, healthy, gone, gone, gone)]
    assert measure_each(health_of(settings.run), warnings, LATE, course) == [0, 0, 0, 0, 1, 0]
    line = "Hardly any samples show these classes: cat. Train longer, or add images of them"
    assert warnings == [f"{line}, or start a new run with conditional = 1 in model/params.py."]
    measure_each(health_of(settings.run, conditional=1), warnings, LATE, course)
    assert warnings[1:] == [f"{line}."]
    assert measure_each(health_of(settings.run), warnings, (1, 2, 3), [{"shares": gone}] * 3) == [0] * 3  # too early


IGNORED, LEARNED, REAL = (ClassAccuracy(value, 0.1, lead) for value, lead in ((0.12, 1.0), (0.2, 5.3), (0.6, 26.0)))
MEASUREMENTS = range(UNLEARNED_FROM, 10**6, 500)


def accuracies(course, real=REAL):
    return [{"accuracies": (ours, real), "class_accuracy": ours.value} for ours in course]


def test_samples_ignore_their_classes(settings, warnings):
    course = accuracies([IGNORED, IGNORED, LEARNED, *[IGNORED] * 6])
    assert measure_each(health_of(settings.run), warnings, MEASUREMENTS, course) == [0] * 5 + [1, 0, 0, 0]
    assert warnings == [
        "Samples look the same in every class: class_accuracy is 0.12, chance 0.10, real images 0.60. Start a new run "
        "with d_features = 'efficientnet' or conditional = 0 in model/params.py (docs/results.md#classes), or with "
        "class folders that differ more."
    ]
    measure_each(health_of(settings.run, d_features="efficientnet"), warnings, MEASUREMENTS, course)
    assert "Start a new run with conditional = 0 in model/params.py" in warnings[1]


def test_ignored_classes_are_reported_again_only_after_the_samples_recovered(settings, warnings):
    almost = ClassAccuracy(0.15, 0.1, 2.7)  # significant, but not twice as much
    ignored = [IGNORED] * 3
    course = accuracies([*[IGNORED, almost] * 3, *ignored, *[almost, *ignored] * 4, LEARNED, *ignored, IGNORED])
    counts = measure_each(health_of(settings.run), warnings, MEASUREMENTS, course)
    assert [i for i, count in enumerate(counts) if count] == [8, 28] and sum(counts) == 2


@pytest.mark.parametrize(
    "steps, course",
    (
        (range(0, UNLEARNED_FROM, 100), accuracies([IGNORED] * 30)),  # too early
        (MEASUREMENTS, accuracies([ClassAccuracy(0.14, 0.1, 2.4)] * 9)),  # significant
        (MEASUREMENTS, accuracies([IGNORED] * 9, real=ClassAccuracy(0.25, 0.1, 9.0))),  # hard to recognize
        (MEASUREMENTS, accuracies([ClassAccuracy()] * 9, real=ClassAccuracy())),  # not defined
        (MEASUREMENTS, [{"accuracies": (IGNORED, REAL)}] * 9),  # unconditional: not a value of the measurement
    ),
)
def test_classes_that_are_not_ignored_or_cannot_be_recognized(settings, warnings, steps, course):
    measure_each(health_of(settings.run), warnings, steps, course)
    assert warnings == []


def test_samples_are_training_images(settings, warnings):
    course = [{"copies": copies} for copies in (0.2, 0.3, 0.2, 0.3, 0.3)]
    assert measure_each(health_of(settings.run), warnings, range(5), course) == [0, 0, 0, 0, 1]
    assert warnings[0].startswith("Memorization: 30% of the samples nearly copy a training image. ")


def test_rates_are_halved_by_each_rollback(settings):
    run = settings.run._replace(learning_rate=0.1)
    assert format_rates(run) == "learning_rate = 0.1" and format_rates(run, 2) == "learning_rate = 0.025"
    run = run._replace(g_learning_rate=0.4)
    assert format_rates(run, 1) == "d_learning_rate = 0.05 and g_learning_rate = 0.2"
