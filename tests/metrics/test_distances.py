"""Distances against hand-made cases and closed forms."""

import numpy as np
import pytest

from utils.metrics import distances as metrics


@pytest.fixture
def random():
    return np.random.RandomState(0)


@pytest.fixture
def pictures(random):
    """Smooth pictures, each another one: [40, 32, 32, 3] uint8."""
    coarse = random.randint(0, 256, (40, 4, 4, 3)).astype(np.uint8)
    return np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2)


@pytest.mark.parametrize("size", (16, 32, 64))
def test_the_bands_of_a_pyramid_add_up(random, size):
    pictures = random.uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    bands = metrics.laplacian_pyramid(pictures)
    assert [band.shape[1] for band in bands] == [s for s in (64, 32, 16) if s <= size]
    whole = bands[-1]
    for band in reversed(bands[:-1]):
        whole = metrics._doubled(whole) + band
    assert whole == pytest.approx(pictures, abs=1e-3)


def test_a_flat_picture_has_no_detail():
    fine, coarse = metrics.laplacian_pyramid(np.full((1, 32, 32, 1), 100, np.float32))
    assert fine == pytest.approx(np.zeros((1, 32, 32, 1)), abs=1e-3)
    assert coarse == pytest.approx(np.full((1, 16, 16, 1), 100.0), abs=1e-3)


def test_the_sliced_distance_of_sets(pictures, random):
    own = metrics.Descriptors(pictures)
    assert own.distance(metrics.Descriptors(pictures)) == 0
    assert own.distance(metrics.Descriptors(pictures[::-1])) < 60  # the same set, other patches of it
    noisy = np.uint8(np.clip(pictures + random.normal(0, 60, pictures.shape), 0, 255))
    slightly = np.uint8(np.clip(pictures + random.normal(0, 6, pictures.shape), 0, 255))
    one = np.repeat(pictures[:1], 40, axis=0)
    near, far, collapsed = (own.distance(metrics.Descriptors(x)) for x in (slightly, noisy, one))
    assert 0 < near < far and collapsed > 100


def test_the_sliced_distance_of_known_projections():
    a, b = metrics.Descriptors.__new__(metrics.Descriptors), metrics.Descriptors.__new__(metrics.Descriptors)
    a.levels = [np.array([[0.0, 1.0, 2.0]]), np.array([[0.0, 0.0, 0.0]])]
    b.levels = [np.array([[1.0, 2.0, 3.0]]), np.array([[0.0, 0.0, 3.0]])]
    assert a.distance(b) == pytest.approx(1000 * (1.0 + 1.0) / 2)


def test_patches_are_normalised(random):
    band = random.normal(5, 3, (6, 16, 16, 2)).astype(np.float32)
    tops, lefts = random.randint(10, size=(2, 6, metrics.PATCHES))
    plain = metrics.patches(band, tops, lefts)
    assert plain.shape == (6 * metrics.PATCHES, 7 * 7 * 2)
    last = band[5, tops[5, -1] : tops[5, -1] + 7, lefts[5, -1] : lefts[5, -1] + 7]
    assert np.array_equal(plain[-1], last.reshape(-1))
    found = metrics.normalised(plain, 2)
    assert (found[-1] * plain[:, ::2].std()).reshape(-1, 2)[:, 0] == pytest.approx(
        last[..., 0].reshape(-1) - plain[:, ::2].mean(), abs=1e-3
    )
    by_channel = found.reshape(-1, 2)
    assert by_channel.mean(axis=0) == pytest.approx([0, 0], abs=1e-4)
    assert by_channel.std(axis=0) == pytest.approx([1, 1], abs=1e-4)
    assert np.isfinite(metrics.normalised(np.zeros((9, 49), np.float32), 1)).all()


def test_pieces_give_what_the_whole_gives(pictures, random, monkeypatch):
    a, b = random.normal(size=(30, 5)), random.normal(size=(40, 5))
    whole = metrics.Descriptors(pictures).levels, metrics.kernel_distance(a, b), metrics.precision_and_recall(a, b)
    monkeypatch.setattr(metrics, "MEMORY", 7 * 32 * 32 * 3)
    assert all(np.array_equal(x, y) for x, y in zip(whole[0], metrics.Descriptors(pictures).levels))
    monkeypatch.setattr(metrics, "MEMORY", 300)
    assert metrics.kernel_distance(a, b) == pytest.approx(whole[1])
    assert metrics.precision_and_recall(a, b) == whole[2]


def test_of_a_single_picture_there_is_no_distance():
    one = np.ones((1, 4))
    assert np.isnan(metrics.frechet_distance(one, one)) and np.isnan(metrics.kernel_distance(one, one))
    assert np.isnan(metrics.frechet_distance(np.full((5, 4), np.nan), np.ones((5, 4))))


def test_scales_of_ms_ssim():
    assert [len(metrics.ms_ssim_scales(size)) for size in (8, 16, 32, 64, 128, 176, 1024)] == [1, 1, 2, 3, 4, 5, 5]
    assert metrics.ms_ssim_scales(256) == pytest.approx(np.array(metrics.MS_SSIM_WEIGHTS) / 1.0001)
    assert sum(metrics.ms_ssim_scales(64)) == pytest.approx(1)


@pytest.mark.parametrize("size", (8, 16, 64))
@pytest.mark.parametrize("channels", (1, 3))
def test_ms_ssim(random, size, channels):
    pictures = random.randint(0, 256, (6, size, size, channels)).astype(np.uint8)
    measure = metrics.MsSsim((size, size, channels))
    assert measure(np.repeat(pictures[:1], 6, axis=0)) == pytest.approx(1, abs=1e-5)
    noise = measure(pictures)
    assert noise < 0.3
    alike = np.uint8(0.9 * pictures[:1] + 0.1 * pictures)
    assert noise < measure(alike) < 1


def test_the_frechet_distance_of_known_gaussians(random):
    """For commuting covariances: |m - n|^2 + sum of (a - b)^2 over the deviations a, b of each axis."""
    a = random.normal(size=(200000, 3)) * [1, 2, 3] + [0, 0, 1]
    b = random.normal(size=(200000, 3)) * [2, 2, 1] + [1, 0, 3]
    assert metrics.frechet_distance(a, b) == pytest.approx(1 + 4 + 1 + 0 + 4, rel=0.01)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert metrics.frechet_distance(a, a + 2) == pytest.approx(12, rel=1e-6)


def test_the_frechet_distance_is_that_of_scipy(random):
    linalg = pytest.importorskip("scipy.linalg")
    a = random.normal(size=(500, 20)) @ random.normal(size=(20, 20))
    b = random.normal(size=(400, 20)) @ random.normal(size=(20, 20)) + 0.5
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert metrics.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    few = metrics.frechet_distance(a[:10], b[:10])  # covariances without full rank
    assert np.isfinite(few) and few > 0


def test_the_kernel_distance(random):
    a, b = random.normal(size=(300, 8)), random.normal(size=(300, 8)) + 0.5
    # By its definition, sums over pairs.
    k = lambda x, y: (x @ y / 8 + 1) ** 3  # noqa: E731
    within = [np.mean([k(x[i], x[j]) for i in range(40) for j in range(40) if i != j]) for x in (a, b)]
    across = np.mean([k(x, y) for x in a[:40] for y in b[:40]])
    assert metrics.kernel_distance(a[:40], b[:40]) == pytest.approx(within[0] + within[1] - 2 * across, rel=1e-9)
    # Unbiased: for two draws of one distribution it is about 0, on either side.
    same = [metrics.kernel_distance(random.normal(size=(100, 8)), random.normal(size=(100, 8))) for _ in range(20)]
    assert min(same) < 0 < max(same) and abs(np.mean(same)) < 0.1 * metrics.kernel_distance(a, b)


def test_precision_and_recall(random):
    reals = random.normal(size=(300, 4))
    assert metrics.precision_and_recall(reals, reals) == (1, 1)
    precision, recall = metrics.precision_and_recall(reals, random.normal(size=(300, 4)))
    assert precision > 0.8 and recall > 0.8
    precision, recall = metrics.precision_and_recall(reals, reals[:10].repeat(30, axis=0))  # good, but few
    assert precision == 1 and recall < 0.2
    precision, recall = metrics.precision_and_recall(reals, reals + 100)
    assert (precision, recall) == (0, 0)
    spread = np.concatenate([reals[:150], reals[150:] + 100])  # half of them is good
    assert metrics.precision_and_recall(reals, spread)[0] == pytest.approx(0.5, abs=0.01)


def test_squared_distances(random):
    x, y = random.normal(size=(5, 3)), random.normal(size=(4, 3))
    expected = [[np.sum((a - b) ** 2) for b in y] for a in x]
    assert metrics.squared_distances(x, y) == pytest.approx(np.array(expected), abs=1e-9)
