"""The scores that quality.py and course.py print; torch is not needed for them."""

import os
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

sys.path.insert(0, os.path.join(ROOT, "benchmarks"))

import quality

from utils.metrics import efficientnet


def test_scores_of_equal_and_of_distant_points(capsys):
    random = np.random.RandomState(0)
    reals = [random.randn(40, size).astype(np.float32) for size in (6, 9)]
    assert quality.show("equal", reals, reals) == pytest.approx(0.0, abs=1e-4)
    assert quality.show("distant", [points + 10 for points in reals], reals) == pytest.approx(600.0, rel=1e-3)
    titles, (equal, distant) = quality.COLUMNS.split(), map(str.split, capsys.readouterr().out.splitlines())
    assert titles == ["distance", "KID*1000", "precision", "recall", "patches"]
    scores = [dict(zip(titles, map(float, row[1:6]))) for row in (equal, distant)]
    assert [(each["precision"], each["recall"]) for each in scores] == [(1.0, 1.0), (0.0, 0.0)]
    assert scores[0]["patches"] == pytest.approx(0.0, abs=1e-3) and scores[1]["patches"] == pytest.approx(900, rel=1e-3)
    assert equal[6:] == ["(40", "against", "40)"]


@pytest.mark.skipif(not efficientnet.path(efficientnet.LITE2), reason=f"needs {efficientnet.LITE2.package}")
def test_the_judge_computes_both_kinds_of_features():
    images = np.stack([np.asarray(Image.effect_noise((64, 64), 20 + i).convert("RGB")) for i in range(8)])
    lite2, patches = quality.open_judge(images)(images[:5])
    assert lite2.shape == (5, 1280) and patches.shape == (5, 1024)
