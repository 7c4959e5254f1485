"""Feature distances compared with hand-made cases and closed forms."""

import numpy as np
import pytest

from utils.metrics import distances


@pytest.fixture
def random():
    return np.random.RandomState(0)


def test_distances_do_not_depend_on_chunks(random, monkeypatch):
    a, b = random.normal(size=(30, 5)), random.normal(size=(40, 5))
    whole = distances.kernel_distance(a, b), distances.fraction_within(a, b), distances.fraction_within(b, a)
    monkeypatch.setattr(distances, "CHUNK", 300)
    assert distances.kernel_distance(a, b) == pytest.approx(whole[0])
    assert (distances.fraction_within(a, b), distances.fraction_within(b, a)) == whole[1:]


def test_distances_are_nan_for_too_few_images():
    one = np.ones((1, 4))
    assert np.isnan(distances.frechet_distance(one, one)) and np.isnan(distances.kernel_distance(one, one))
    assert np.isnan(distances.frechet_distance(np.full((5, 4), np.nan), np.ones((5, 4))))
    assert np.isnan(distances.fraction_within(np.ones((5, 4)), np.ones((3, 4))))


def test_frechet_distance_of_known_gaussians(random):
    """For commuting covariances: |m - n|^2 + sum of (a - b)^2 over the standard deviations a, b along each axis."""
    a = random.normal(size=(20000, 3)) * [1, 2, 3] + [0, 0, 1]
    b = random.normal(size=(20000, 3)) * [2, 2, 1] + [1, 0, 3]
    assert distances.frechet_distance(a, b) == pytest.approx(1 + 4 + 1 + 0 + 4, rel=0.02)
    assert distances.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert distances.frechet_distance(a, a + 2) == pytest.approx(12, rel=1e-6)


def test_frechet_distance_equals_scipys(random):
    linalg = pytest.importorskip("scipy.linalg")
    a = random.normal(size=(500, 20)) @ random.normal(size=(20, 20))
    b = random.normal(size=(400, 20)) @ random.normal(size=(20, 20)) + 0.5
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert distances.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    few = distances.frechet_distance(a[:10], b[:10])  # covariances without full rank
    assert np.isfinite(few) and few > 0


def test_kernel_distance(random):
    a, b = random.normal(size=(300, 8)), random.normal(size=(300, 8)) + 0.5
    # The definition: sums over pairs.
    k = lambda x, y: (x @ y / 8 + 1) ** 3  # noqa: E731
    within = [np.mean([k(x[i], x[j]) for i in range(20) for j in range(20) if i != j]) for x in (a, b)]
    across = np.mean([k(x, y) for x in a[:20] for y in b[:20]])
    assert distances.kernel_distance(a[:20], b[:20]) == pytest.approx(within[0] + within[1] - 2 * across, rel=1e-9)
    # The estimate is unbiased: around 0, of either sign, for two samples from the same distribution.
    same = [distances.kernel_distance(random.normal(size=(100, 8)), random.normal(size=(100, 8))) for _ in range(20)]
    assert min(same) < 0 < max(same) and abs(np.mean(same)) < 0.1 * distances.kernel_distance(a, b)


def precision_and_recall(reals, fakes):
    return distances.fraction_within(fakes, reals), distances.fraction_within(reals, fakes)


def test_precision_and_recall(random):
    reals = random.normal(size=(300, 4))
    assert precision_and_recall(reals, reals) == (1, 1)
    precision, recall = precision_and_recall(reals, random.normal(size=(300, 4)))
    assert precision > 0.8 and recall > 0.8
    precision, recall = precision_and_recall(reals, reals[:10].repeat(30, axis=0))  # realistic, but not diverse
    assert precision == 1 and recall < 0.2
    precision, recall = precision_and_recall(reals, reals + 100)
    assert (precision, recall) == (0, 0)
    half_good = np.concatenate([reals[:150], reals[150:] + 100])
    assert precision_and_recall(reals, half_good)[0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("k, points", ((1, [-0.9, -1.1, 16.9, 17.1]), (2, [-1.9, -2.1, 17.9, 18.1])))
def test_a_point_is_within_up_to_the_distance_of_the_kth_neighbor(k, points):
    """The farthest radius left of 0 is k. The k-th neighbor of 10 is 4 - k, so its radius is 6 + k."""
    references = np.float64([[0], [1], [2], [3], [10]])
    within = [distances.fraction_within(np.float64([[point]]), references, k) for point in points]
    assert within == [1, 0, 1, 0]


def test_squared_distances(random):
    x, y = random.normal(size=(5, 3)), random.normal(size=(4, 3))
    expected = [[np.sum((a - b) ** 2) for b in y] for a in x]
    assert distances.squared_distances(x, y) == pytest.approx(np.array(expected), abs=1e-9)
