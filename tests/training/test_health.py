"""Each warning is given once where its case is forced, and not otherwise."""

import numpy as np
import pytest

from utils.checkpoints.manifest import Best
from utils.metrics.measure import ImageSet, Measured
from utils.training.game import WINDOW
from utils.training.health import COLLAPSE_FROM, STALE, Diagnosis, saturated


def row(d_real=0.7, d_fake=0.3, d_loss=0.9):
    return {"d_real": d_real, "d_fake": d_fake, "d_loss": d_loss}


def of_steps(diagnosis, rows):
    return [line for each in rows for line in diagnosis.check_losses(each)]


GREY = np.full((4, 8, 8, 3), 120, np.uint8)


class FakeCopies:
    """A nearest.CopyDetector that has searched all images."""

    searched = 1.0


def check_metrics(diagnosis, step, ms_ssim=0.3, real=0.25, samples=GREY, reals=GREY, best=None, shares=(), **values):
    of_reals = ImageSet(reals, real, None, FakeCopies())
    values = {"fid": 10.0, "ms_ssim": ms_ssim, "copies": 0.0, **values}
    measured = Measured(values, of_reals, ImageSet(samples, ms_ssim), dict(shares))
    return diagnosis.check_metrics(step, measured, best or Best(step, "fid", "these", 10.0, 9.5, step))


def test_a_run_that_goes_well_is_silent(settings):
    diagnosis = Diagnosis(settings.run)
    rows = [row()] * 2000 + [row(0.999, 0.001, 0.001)] * (WINDOW // 2) + [row()] * 2000
    assert of_steps(diagnosis, rows) == []
    assert [check_metrics(diagnosis, step) for step in range(200, 20000, 200)] == [[]] * 99


@pytest.mark.parametrize(
    "loss, won, shown",
    (
        ("non_saturating", row(0.97, 0.02), "in the last 250 steps D(x) was 0.97 and D(G(z)) 0.02 on average"),
        ("hinge", row(0.75, 0.25, 0.001), "its loss was below 0.01 in nearly all of the last 250 steps"),
        ("least_squares", row(0.73, 0.5, 0.001), "its loss was below 0.01 in nearly all of the last 250 steps"),
    ),
)
def test_d_has_won(settings, loss, won, shown):
    diagnosis = Diagnosis(settings.run._replace(loss=loss))
    lines = of_steps(diagnosis, [won] * (3 * WINDOW))
    assert len(lines) == 1 and lines[0].startswith(f"D has won: {shown}, so G gets no useful gradient.")
    assert "d_learning_rate = %g" % (settings.run.learning_rate / 2) in lines[0] and "params.py" in lines[0]
    assert len(of_steps(diagnosis, [row()] * WINDOW + [won] * WINDOW)) == 1  # it was over, and came again
    assert of_steps(Diagnosis(settings.run._replace(loss="wasserstein")), [won] * 1000) == []


def test_d_that_wins_now_and_then_is_reported_once(settings):
    """The average of the last steps crosses its threshold many times."""
    rows = ([row(0.97, 0.02)] * WINDOW + [row(0.8, 0.1)] * (WINDOW // 4)) * 5
    assert len(of_steps(Diagnosis(settings.run), rows)) == 1


def test_what_is_proposed_against_d_is_not_what_is_set_already(settings):
    run = settings.run._replace(augment="none")
    line = of_steps(Diagnosis(run), [row(1, 0)] * WINDOW)[0]
    assert "augment = 'adaptive' or d_learning_rate" in line
    run = settings.run._replace(label_smoothing=0.1, d_learning_rate=0.0004)
    line = of_steps(Diagnosis(run), [row(0.88, 0)] * WINDOW)[0]
    assert "adaptive" not in line and "label_smoothing" not in line and "d_learning_rate = 0.0002" in line


def test_samples_have_collapsed(settings):
    diagnosis = Diagnosis(settings.run)
    assert check_metrics(diagnosis, COLLAPSE_FROM - 1, ms_ssim=0.9) == []  # blurs are alike
    assert check_metrics(diagnosis, COLLAPSE_FROM, ms_ssim=0.9) == []
    (line,) = check_metrics(diagnosis, COLLAPSE_FROM + 200, ms_ssim=0.9)
    assert "Mode collapse: the MS-SSIM of samples is 0.90, that of real images 0.25" in line and "params.py" in line
    assert check_metrics(diagnosis, COLLAPSE_FROM + 400, ms_ssim=0.9) == []
    # Where real images are as alike, it is no collapse.
    assert not [check_metrics(Diagnosis(settings.run), s, ms_ssim=0.9, real=0.85) for s in (5000, 5200)][1]


def test_samples_saturate(settings):
    black_and_white = np.where(np.arange(8)[:, None] % 2, 0, 255).astype(np.uint8) * np.ones((4, 8, 8, 3), np.uint8)
    assert (saturated(black_and_white), saturated(GREY)) == (1, 0)
    diagnosis = Diagnosis(settings.run)
    lines = [check_metrics(diagnosis, step, samples=black_and_white) for step in (200, 400, 600)]
    assert [len(each) for each in lines] == [0, 1, 0]
    assert (
        "saturate: 100% of their values" in lines[1][0]
        and "learning_rate = %g" % settings.run.learning_rate in lines[1][0]
    )
    # Drawings in black and white are to be like that.
    diagnosis = Diagnosis(settings.run)
    assert [check_metrics(diagnosis, s, samples=black_and_white, reals=black_and_white) for s in (1, 2)] == [[], []]


def test_nothing_has_improved_for_long(settings):
    every = settings.run.metrics_every
    best = Best(8 * every, "fid", "these", 9.9, 9.5, 5 * every)
    diagnosis = Diagnosis(settings.run)
    assert check_metrics(diagnosis, (STALE + 4) * every, best=best) == []
    (line,) = check_metrics(diagnosis, (STALE + 5) * every, best=best)
    assert line.startswith(f"No improvement for {STALE * every} steps: fid was lowest at step {5 * every}, 9.5. ")
    assert "rate_decay_from = 0.5" in line
    assert check_metrics(diagnosis, (STALE + 6) * every, best=best) == []
    late = best._replace(step=80 * every, lowest_step=80 * every)  # after a long rise, that is not long
    assert check_metrics(Diagnosis(settings.run), 100 * every, best=late) == []


def test_samples_are_less_varied_than_they_were(settings):
    diagnosis = Diagnosis(settings.run)
    course = [0.3, 0.6, 0.9, 1.2, 0.9, 0.79, 0.95, 0.79, 0.79, 0.79, 0.96, 0.79, 0.79]
    lines = [check_metrics(diagnosis, COLLAPSE_FROM + 500 * i, distinct=value) for i, value in enumerate(course)]
    assert [len(each) for each in lines] == [0] * 8 + [1, 0, 0, 0, 1]
    assert lines[8][0].startswith("Samples are less varied than they were: 79% as many are distinct as of real")
    assert check_metrics(diagnosis, 20000, distinct=np.nan) == []


def test_a_class_is_missing(settings):
    diagnosis = Diagnosis(settings.run)
    healthy, gone = {"cat": (0.02, 0.1), "dog": (0.9, 0.8)}, {"cat": (0.0, 0.1), "dog": (0.95, 0.8)}
    course = [healthy, gone, healthy, gone, gone, gone]
    lines = [check_metrics(diagnosis, COLLAPSE_FROM + 500 * i, shares=shares) for i, shares in enumerate(course)]
    assert [len(each) for each in lines] == [0, 0, 0, 0, 1, 0]
    assert lines[4][0].startswith("Hardly any sample looks like the images of cat. ")
    assert [check_metrics(Diagnosis(settings.run), step, shares=gone) for step in (1, 2, 3)] == [[]] * 3  # too early


def test_samples_are_training_images(settings):
    diagnosis = Diagnosis(settings.run)
    lines = [check_metrics(diagnosis, step, copies=copies) for step, copies in enumerate((0.2, 0.3, 0.2, 0.3, 0.3))]
    assert [len(each) for each in lines] == [0, 0, 0, 0, 1]
    assert lines[4][0].startswith("Samples are training images: 30% are nearer to one than images are to each")


def test_without_a_best_the_other_warnings_remain(settings):
    diagnosis, of_reals = Diagnosis(settings.run), ImageSet(GREY, 0.25, None, FakeCopies())
    measured = Measured({"ms_ssim": 0.9, "copies": 0.0}, of_reals, ImageSet(GREY, 0.9), {})
    lines = [diagnosis.check_metrics(step, measured, None) for step in range(10000, 60000, 1000)]
    assert lines[1][0].startswith("Mode collapse: ") and sum(map(len, lines)) == 1
