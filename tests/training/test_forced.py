"""What goes wrong in a run, forced with images of pics/ as samples: each is told in one line, health in none."""

import glob
import os

import numpy as np
import pytest
from conftest import ROOT, InMemory
from PIL import Image

from utils.checkpoints.manifest import SavedState
from utils.config.settings import Settings
from utils.data.prepare import ImageDataset
from utils.metrics import efficientnet, features
from utils.metrics.measure import Measurer
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
    """A LiveGenerator whose samples are the images that it is given."""

    def refresh(self, step):
        """Do nothing."""

    def batches(self, z, labels):
        return [self.images]


@pytest.fixture(scope="module")
def measurers(halves):
    """A function that returns the Measurer of the first half by a kind of network, the same one each time."""
    (images, labels), _ = halves
    made = {}

    def of_kind(kind, settings):
        if kind not in made:
            run = settings.run._replace(metrics_network=kind, cache_dir="")
            records = ImageDataset(InMemory(images), labels, CLASSES, "", None)
            made[kind] = Measurer(records, Settings(run, settings.network), N, features.open_network(run))
            slow = ("precision", "recall")
            made[kind].metrics = [metric for metric in made[kind].metrics if metric.name not in slow]
        return made[kind]

    return of_kind


def said_of(course, measurer, settings, monkeypatch, capsys):
    """Measure a course of samples, one every 1000 steps; return what was printed, as lines."""
    samples = Samples()
    monkeypatch.setattr("utils.metrics.measure.MS_SSIM_IMAGES", 16)  # which are quicker
    quality, state = Quality(measurer, samples, settings.run), RunState(0, 0, 10**6, SavedState(), Pace(435, 8, 10))
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


# Of each case, what makes the samples of N images that were trained on, of others, and of the classes of those; the
# start of the line that tells it; and whether patches are enough for it.
MISSING = "Hardly any sample looks like the images of "
CASES = {
    "healthy": (lambda reals, others, labels: others[:N], "", True),
    "half of the variety gone": (
        lambda reals, others, labels: np.concatenate([others[: N // 2]] * 2),
        "Samples are less varied than they were: 5",  # 50% or a little more
        True,
    ),
    "a quarter gone": (
        lambda reals, others, labels: np.concatenate([others[: N * 3 // 4], others[: N // 4]]),
        "Samples are less varied than they were: 7",
        True,
    ),
    "a small class gone": (lambda reals, others, labels: others[labels != 0][:N], f"{MISSING}fantasy. ", False),
    "a large class gone": (lambda reals, others, labels: others[labels != 3][:N], f"{MISSING}role. ", False),
    "two of four gone": (lambda reals, others, labels: others[labels > 1][:N], f"{MISSING}fantasy, gesture. ", False),
    "memorized": (lambda reals, others, labels: noisy(reals[:N]), "Samples are training images: 100% ", True),
}


@pytest.mark.parametrize(
    "kind, case",
    [(kind, case) for case in CASES for kind in ("efficientnet", "patches") if CASES[case][2] or kind[0] == "e"],
)
def test_each_is_told_in_one_line(halves, measurers, settings, monkeypatch, capsys, kind, case):
    if kind == "efficientnet" and not efficientnet.path():
        pytest.skip(f"needs {efficientnet.PACKAGE}")
    (reals, _), (others, labels) = halves
    make, expected, _ = CASES[case]
    forced = make(reals, others, labels)
    lines = said_of([others[-N:], forced, forced], measurers(kind, settings), settings, monkeypatch, capsys)
    assert len(lines) == bool(expected) and (not lines or lines[0].startswith(expected)), lines


def test_a_plateau_is_told_in_one_line(halves, measurers, settings, monkeypatch, capsys):
    others = halves[1][0][:N]
    getting_better = [np.uint8(others * share + 128 * (1 - share)) for share in (0.5, 0.8, 1.0)]
    lines = said_of([*getting_better, *[others] * 11], measurers("patches", settings), settings, monkeypatch, capsys)
    assert len(lines) == 1 and lines[0].startswith(
        "No improvement for 10000 steps: patch_distance was lowest at step 3000"
    )
