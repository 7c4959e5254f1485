"""The estimate of the memory that a run needs, printed before its first step."""

import subprocess
import sys

import pytest
from conftest import ENVIRONMENT

from utils.errors import UserError
from utils.metrics import features
from utils.runtime import devices, limits
from utils.training import memory

KINDS = (features.NONE, features.PATCHES, *features.VARIANTS, features.INCEPTION)


def with_values(settings, **values):
    """Return settings with these values for run or network settings."""
    run = {name: value for name, value in values.items() if name in settings.run._fields}
    network = {name: value for name, value in values.items() if name in settings.network._fields}
    return settings._replace(run=settings.run._replace(**run), network=settings.network._replace(**network))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("batch_size", (8, 32, 64)),
        ("image_size", (64, 128, 256, 512)),
        ("filters", (32, 64, 128)),
        ("d_width", (0.25, 0.5, 1.0)),
        ("metrics_samples", (256, 512)),
        ("gradient_penalty", ("none", "r1")),
        ("d_features", ("none", "efficientnet")),
    ],
)
def test_the_estimate_grows_with_a_setting(settings, name, values):
    settings = with_values(settings, batch_size=32, metrics_every=1000 if name == "metrics_samples" else 0)
    needed = [memory.estimate(with_values(settings, **{name: value}), 1000) for value in values]
    assert needed == sorted(set(needed))


def test_each_network_has_an_estimate(settings):
    networks = [settings._replace(run=settings.run._replace(metrics_network=kind)) for kind in KINDS]
    assert len({memory.estimate(network, 1000) for network in networks}) == len(KINDS)


def test_evaluation_needs_memory(settings):
    assert memory.estimate(settings, 1000) - memory.estimate(with_values(settings, metrics_every=0), 1000) > 1e8
    assert memory.estimate(settings, 10) < memory.estimate(settings, 1000)  # evaluation compares at most n images


def test_advice_names_the_largest_batch_size_that_fits(settings, monkeypatch, capsys):
    settings = with_values(settings, image_size=256, batch_size=64, d_width=1.0)
    monkeypatch.setattr(devices, "gpus", lambda: [])
    for available, cure in (
        (4e9, "would fit; set it in params.py"),
        (1e9, "no batch_size would fit; lower image_size"),
    ):
        monkeypatch.setattr(devices, "available_memory", lambda available=available: available)
        memory.announce(settings, 1000)
        output, error = capsys.readouterr()
        assert output.startswith("The run needs about ") and output.endswith(" GB of memory.\n")
        assert f"of memory, but only {available / 1e9:.1f} GB is available; " in error and cure in error
        assert error.count("\n") == 1
    batch_size = int(memory.advice(settings, 1000, 4e9).split()[2])
    fits = [
        memory.estimate(with_values(settings, batch_size=size), 1000) <= 4e9 for size in (batch_size, batch_size + 1)
    ]
    assert fits == [True, False]
    monkeypatch.setattr(devices, "available_memory", lambda: None)
    memory.announce(settings, 1000)
    assert capsys.readouterr().err == ""


def test_a_limit_on_address_space_is_an_error(settings, monkeypatch):
    """A warning would not help: the process aborts where it lacks address space."""
    monkeypatch.setattr(devices, "gpus", lambda: [])
    settings = with_values(settings, image_size=256, batch_size=64)
    monkeypatch.setattr(limits, "check_address_space", lambda: 3e9 - memory._PROGRAM)
    with pytest.raises(UserError) as caught:
        memory.announce(settings, 1000)
    cure = "run `ulimit -v unlimited`; batch_size = "
    assert f" GB of memory, but `ulimit -v` leaves 3.00 GB; {cure}" in str(caught.value)
    assert str(caught.value).endswith(" would fit; set it in params.py")


def test_no_estimate_with_a_gpu(settings, monkeypatch, capsys):
    monkeypatch.setattr(devices, "gpus", lambda: ["/gpu:0"])
    memory.announce(settings, 1000)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has a different unit elsewhere")
def test_the_estimate_of_a_small_run_is_right(program):
    options = ["--max_steps", "3", "--image_size", "64", "--filters", "16", "--batch_size", "16"]
    # Start it from a small process: a child's peak starts at its parent's memory, and this process has TensorFlow.
    between = "import resource, subprocess, sys; subprocess.check_call(sys.argv[1:]); "
    between += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    output = subprocess.check_output([sys.executable, "-c", between, *program.command(*options)], env=ENVIRONMENT)
    *_, peak = output.decode().split()
    estimate = output.decode().split("The run needs about ")[1].split(" GB of memory.")[0]
    assert float(estimate) * 1e9 == pytest.approx(int(peak) * 1024, rel=0.2)
