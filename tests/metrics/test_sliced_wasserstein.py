"""The sliced Wasserstein distance against hand-made cases."""

import numpy as np
import pytest

from utils.metrics import sliced_wasserstein
from utils.metrics.sliced_wasserstein import Descriptors


@pytest.fixture
def random():
    return np.random.RandomState(0)


@pytest.fixture
def images(random):
    """Smooth images, all distinct: [40, 32, 32, 3] uint8."""
    coarse = random.randint(0, 256, (40, 4, 4, 3)).astype(np.uint8)
    return np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2)


@pytest.mark.parametrize(
    "sizes",
    (
        [(16, 16)],
        [(32, 32), (16, 16)],
        [(64, 64), (32, 32), (16, 16)],
        [(64, 96), (32, 48), (16, 24)],
        [(112, 80), (56, 40), (28, 20)],
    ),
)
def test_the_bands_of_a_pyramid_add_up(random, sizes):
    images = random.uniform(0, 255, (2, *sizes[0], 3)).astype(np.float32)
    bands = sliced_wasserstein.laplacian_pyramid(images)
    assert [band.shape[1:3] for band in bands] == sizes
    whole = bands[-1]
    for band in reversed(bands[:-1]):
        whole = sliced_wasserstein.upsampled(whole) + band
    assert whole == pytest.approx(images, abs=1e-3)


def test_a_flat_image_has_no_detail():
    fine, coarse = sliced_wasserstein.laplacian_pyramid(np.full((1, 32, 32, 1), 100, np.float32))
    assert fine == pytest.approx(np.zeros((1, 32, 32, 1)), abs=1e-3)
    assert coarse == pytest.approx(np.full((1, 16, 16, 1), 100.0), abs=1e-3)


def test_the_sliced_distance_of_sets(images, random):
    own = Descriptors(images)
    assert own.distance(Descriptors(images)) == 0
    assert own.distance(Descriptors(images[::-1])) < 60  # the same set, other patches of it
    noisy = np.uint8(np.clip(images + random.normal(0, 60, images.shape), 0, 255))
    slightly = np.uint8(np.clip(images + random.normal(0, 6, images.shape), 0, 255))
    one = np.repeat(images[:1], 40, axis=0)
    near, far, collapsed = (own.distance(Descriptors(x)) for x in (slightly, noisy, one))
    assert 0 < near < far and collapsed > 100


def test_patches_come_from_everywhere_in_a_rectangle(images):
    """A difference at the far end of the longer side is seen."""
    wide = np.concatenate([images, images[::-1]], axis=2)[:, :, :48]
    changed = wide.copy()
    changed[:, :, 44:] = 0
    assert Descriptors(wide).distance(Descriptors(wide)) == 0 < Descriptors(wide).distance(Descriptors(changed))
    tall, changed = (array.transpose(0, 2, 1, 3) for array in (wide, changed))
    assert Descriptors(tall).distance(Descriptors(changed)) > 0


def test_the_sliced_distance_of_known_projections():
    a, b = Descriptors.__new__(Descriptors), Descriptors.__new__(Descriptors)
    a.levels = [np.array([[0.0, 1.0, 2.0]]), np.array([[0.0, 0.0, 0.0]])]
    b.levels = [np.array([[1.0, 2.0, 3.0]]), np.array([[0.0, 0.0, 3.0]])]
    assert a.distance(b) == pytest.approx(1000 * (1.0 + 1.0) / 2)


def test_patches_are_normalized(random):
    band = random.normal(5, 3, (6, 16, 16, 2)).astype(np.float32)
    tops, lefts = random.randint(10, size=(2, 6, sliced_wasserstein.PATCHES))
    plain = sliced_wasserstein.patches(band, tops, lefts)
    assert plain.shape == (6 * sliced_wasserstein.PATCHES, 7 * 7 * 2)
    last = band[5, tops[5, -1] : tops[5, -1] + 7, lefts[5, -1] : lefts[5, -1] + 7]
    assert np.array_equal(plain[-1], last.reshape(-1))
    scaled = sliced_wasserstein.normalized(plain, 2)
    assert (scaled[-1] * plain[:, ::2].std()).reshape(-1, 2)[:, 0] == pytest.approx(
        last[..., 0].reshape(-1) - plain[:, ::2].mean(), abs=1e-3
    )
    by_channel = scaled.reshape(-1, 2)
    assert by_channel.mean(axis=0) == pytest.approx([0, 0], abs=1e-4)
    assert by_channel.std(axis=0) == pytest.approx([1, 1], abs=1e-4)
    assert np.isfinite(sliced_wasserstein.normalized(np.zeros((9, 49), np.float32), 1)).all()


def test_chunks_give_the_same_descriptors(images, monkeypatch):
    whole = Descriptors(images).levels
    monkeypatch.setattr(sliced_wasserstein, "CHUNK", 7 * 32 * 32 * 3)
    assert all(np.array_equal(a, b) for a, b in zip(whole, Descriptors(images).levels))


@pytest.mark.parametrize("size", (8, 16, 64))
@pytest.mark.parametrize("channels", (1, 3))
def test_descriptors_of_every_size_and_channel_count(random, size, channels):
    images = random.randint(0, 256, (4, size, size, channels)).astype(np.uint8)
    assert Descriptors(images).distance(Descriptors(images)) == 0
    assert Descriptors(images).distance(Descriptors(255 - images // 2)) > 0
