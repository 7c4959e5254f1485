"""Ranking checkpoints: by which metric, and what counts as better or as good."""

import numpy as np
import pytest

from utils.errors import UserError
from utils.metrics import measure, ranking


def is_as_good(name, value, best):
    return ranking.is_as_good(measure.metric_named(name), value, best)


@pytest.mark.parametrize(
    "name, value, best, expected",
    (
        ("fid", 1.0, 1.0, True),
        ("fid", 1.05, 1.0, True),
        ("fid", 1.06, 1.0, False),
        ("kid", -0.95, -1.0, True),
        ("kid", -0.94, -1.0, False),
        ("swd", 1.25, 1.0, True),
        ("swd", 1.26, 1.0, False),
        ("swd", 0.5, 1.0, True),
        ("swd", np.nan, 1.0, False),
        ("swd", -np.inf, 1.0, False),
    ),
)
def test_a_value_within_the_slack_is_as_good(name, value, best, expected):
    assert is_as_good(name, value, best) == expected


def test_only_a_lower_value_improves():
    swd = measure.metric_named("swd")
    assert [ranking.improves(swd, value, 1.0) for value in (0.99, 1.0, 1.01, np.nan)] == [True, False, False, False]


def test_a_metric_of_which_higher_is_better():
    metric = measure.Metric("accuracy", None, measure.HIGHER, slack=0.1)
    assert [ranking.is_as_good(metric, value, 1.0) for value in (0.89, 0.9, 2.0)] == [False, True, True]
    assert [ranking.improves(metric, value, 1.0) for value in (0.99, 1.0, 1.01)] == [False, False, True]


def test_which_metric_ranks(tiny):
    with_inception = tiny.run._replace(inception_graph="x")
    assert ranking.metric_of(tiny.run).name == "swd" and ranking.metric_of(with_inception).name == "fid"
    for name in ("swd", "fid", "kid"):
        assert ranking.metric_of(with_inception._replace(best_metric=name)).name == name


def test_a_metric_that_cannot_rank_or_cannot_be_measured_is_refused(tiny):
    with pytest.raises(UserError, match=r"best_metric = 'fid' needs inception_graph; set it in params\.py"):
        ranking.metric_of(tiny.run._replace(best_metric="fid"))
    for name in ("recall", "ms_ssim", "psnr"):
        with pytest.raises(UserError, match=rf"best_metric = '{name}' is invalid; expected auto, swd, fid or kid"):
            ranking.metric_of(tiny.run._replace(best_metric=name))


def test_a_new_row_with_a_slack_can_rank(tiny, monkeypatch):
    row = measure.Metric("brightness", None, measure.LOWER, slack=0.1)
    monkeypatch.setattr(measure, "METRICS", (*measure.METRICS, row))
    assert ranking.metric_of(tiny.run._replace(best_metric="brightness")) is row
    assert ranking.metric_of(tiny.run).name == "swd"  # 'auto' stays
