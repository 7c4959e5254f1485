"""MS-SSIM: its scales, and its values for equal, similar and unrelated images."""

import numpy as np
import pytest

from utils.metrics import ms_ssim


def test_scales():
    assert [len(ms_ssim.scales(size)) for size in (8, 16, 32, 64, 128, 176, 1024)] == [1, 1, 2, 3, 4, 5, 5]
    assert ms_ssim.scales(256) == pytest.approx(np.array(ms_ssim.WEIGHTS) / 1.0001)
    assert sum(ms_ssim.scales(64)) == pytest.approx(1)


@pytest.mark.parametrize("height, width, channels", ((8, 8, 1), (8, 32, 3), (52, 40, 3)))
def test_ms_ssim(height, width, channels, monkeypatch):
    images = np.random.RandomState(0).randint(0, 256, (6, height, width, channels)).astype(np.uint8)
    measure = ms_ssim.MsSsim((height, width, channels))
    assert measure(np.repeat(images[:1], 6, axis=0)) == pytest.approx(1, abs=1e-5)
    noise = measure(images)
    assert noise < 0.3
    similar = np.uint8(0.9 * images[:1] + 0.1 * images)
    assert noise < measure(similar) < 1
    monkeypatch.setattr(ms_ssim, "CHUNK", 2 * images[0].size)
    assert measure(images) == pytest.approx(noise, rel=1e-5)
