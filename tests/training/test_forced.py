"""Training problems, forced by using images from pics/ as samples: one warning each, and none for a healthy run."""

import glob
import os
import re
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT, InMemory
from PIL import Image

from utils.checkpoints.manifest import SavedState
from utils.config.settings import Settings
from utils.data.prepare import ImageDataset
from utils.metrics import efficientnet, features
from utils.metrics.measure import Measurer
from utils.training.health import Health
from utils.training.quality import Quality
from utils.training.state import Pace, RunState

pytestmark = pytest.mark.slow

CLASSES = ["fantasy", "gesture", "person", "role"]
N = 128


def read(paths):
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])


@pytest.fixture(scope="module")
def halves():
    """Two halves of the images, each ([n, 64, 64, 3] uint8, labels)."""
    paths, labels = [], []
    for label, name in enumerate(CLASSES):
        of_class = sorted(glob.glob(os.path.join(ROOT, "pics", name, "*.jpg")))
        paths += of_class
        labels += [label] * len(of_class)
    images, labels = read(paths), np.int32(labels)
    order = np.random.RandomState(0).permutation(len(paths))
    return [(images[rows], labels[rows]) for rows in np.array_split(order, 2)]


class Samples:
    """A LiveGenerator whose samples are the given images."""

    def refresh(self, step):
        """Do nothing."""

    def batches(self, z, labels):
        return [self.images]


class CachedMeasurer:
    """A Measurer that caches its results for equal samples."""

    def __init__(self, measurer):
        self._measurer, self._cache = measurer, {}
        self.kind, self.comparison, self.labels = measurer.kind, measurer.comparison, measurer.labels

    def __call__(self, samples):
        key = samples.images.tobytes()
        if key not in self._cache:
            self._cache[key] = self._measurer(samples)
        return self._cache[key]


@pytest.fixture(scope="module")
def measurers(halves):
    """A function that returns the cached Measurer of the first half for a kind of network."""
    (images, labels), _ = halves
    made = {}

    def measurer(kind, settings):
        key = kind, settings.network.conditional
        if key not in made:
            run = settings.run._replace(metrics_network=kind, cache_dir="")
            records = ImageDataset(InMemory(images), labels, CLASSES, "", None)
            measurer = Measurer(records, Settings(run, settings.network), N, features.open_network(run, "none"))
            slow = ("precision", "recall", "kernel_distance")
            measurer.metrics = [metric for metric in measurer.metrics if metric.name not in slow]
            made[key] = CachedMeasurer(measurer)
        return made[key]

    return measurer


def warnings_of(course, measurer, settings, monkeypatch, capsys):
    """Measure a sequence of samples, one every 1000 steps; return the printed lines."""
    samples, run = Samples(), settings.run
    monkeypatch.setattr("utils.metrics.measure.MS_SSIM_IMAGES", 16)  # fewer images are faster
    settings = SimpleNamespace(run=run, network=settings.network)
    health = Health(samples, SimpleNamespace(graph=None, settings=settings, workers=SimpleNamespace(is_chief=True)))
    quality, state = Quality(measurer, samples, health, settings), RunState(0, 0, 10**6, SavedState(), Pace(435, 8))
    capsys.readouterr()
    for i, samples.images in enumerate(course):
        state.step, state.row = 1000 * (i + 1), {}
        quality.measure(state)
        assert state.measured
    output = capsys.readouterr()
    assert output.err == ""
    return output.out.splitlines()


def noisy(images):
    return np.uint8(np.clip(images + np.random.RandomState(1).randn(*images.shape) * 10, 0, 255))


MISSING = "Hardly any samples show these classes: "
# For each case: a function from training images, other images and labels to N samples; the start of the warning as
# a pattern; and whether patches detect it.
CASES = {
    "healthy": (lambda reals, others, labels: others[:N], "", True),
    "half of the diversity gone": (
        lambda reals, others, labels: np.concatenate([others[: N // 2]] * 2),
        r"Sample diversity, relative to real images, fell from \d+% to 5\d%\. ",
        True,
    ),
    "a quarter gone": (
        lambda reals, others, labels: np.concatenate([others[: N * 3 // 4], others[: N // 4]]),
        r"Sample diversity, relative to real images, fell from \d+% to 7\d%\. ",
        True,
    ),
    "a small class gone": (lambda reals, others, labels: others[labels != 0][:N], f"{MISSING}fantasy. ", False),
    "a large class gone": (lambda reals, others, labels: others[labels != 3][:N], f"{MISSING}role. ", False),
    "two of four gone": (lambda reals, others, labels: others[labels > 1][:N], f"{MISSING}fantasy, gesture. ", False),
    "memorized": (lambda reals, others, labels: noisy(reals[:N]), "Memorization: 100% of the samples ", True),
}


@pytest.mark.parametrize(
    "kind, case",
    [(kind, case) for case in CASES for kind in ("efficientnet", "patches") if CASES[case][2] or kind[0] == "e"],
)
def test_each_problem_is_one_warning(halves, measurers, settings, monkeypatch, capsys, kind, case):
    if kind == "efficientnet" and not efficientnet.path():
        pytest.skip(f"needs {efficientnet.LITE0.package}")
    (reals, _), (others, labels) = halves
    make, expected, _ = CASES[case]
    forced = make(reals, others, labels)
    lines = warnings_of([others[-N:], forced, forced], measurers(kind, settings), settings, monkeypatch, capsys)
    assert len(lines) == bool(expected) and (not lines or re.match(expected, lines[0])), lines


@pytest.mark.parametrize("kind", ("efficientnet", "patches"))
def test_ignored_classes_are_one_warning(halves, measurers, settings, monkeypatch, capsys, kind):
    if kind == "efficientnet" and not efficientnet.path():
        pytest.skip(f"needs {efficientnet.LITE0.package}")
    others, labels = halves[1]
    settings = settings._replace(network=settings.network._replace(conditional=1))
    measurer = measurers(kind, settings)
    unused = {label: iter(others[labels == label].repeat(2, axis=0)) for label in range(len(CLASSES))}
    learned = np.stack([next(unused[label]) for label in measurer.labels])
    assert warnings_of([learned] * 5, measurer, settings, monkeypatch, capsys) == []
    (line,) = warnings_of([others[:N]] * 7, measurer, settings, monkeypatch, capsys)
    assert line.startswith("Samples look the same in every class: class_accuracy is 0.") and "conditional = 0" in line


def test_a_plateau_is_one_warning(halves, measurers, settings, monkeypatch, capsys):
    others = halves[1][0][:N]
    improving = [np.uint8(others * fraction + 128 * (1 - fraction)) for fraction in (0.5, 0.8, 1.0)]
    lines = warnings_of([*improving, *[others] * 11], measurers("patches", settings), settings, monkeypatch, capsys)
    assert len(lines) == 1 and lines[0].startswith("No improvement for 10000 steps: patch_distance was ")
    assert " at step 3000 and is " in lines[0]
