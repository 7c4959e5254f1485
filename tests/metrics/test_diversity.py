"""The diversity of samples, computed from features, and copies of training images, found by thumbnails."""

import numpy as np
import pytest
from conftest import InMemory
from small import blocky

from utils.metrics import diversity, nearest


def clusters(counts, spread=0.05):
    """Return features around the corners of a cube, `counts` per corner: [N, 8] float32, and the corner indices."""
    rows = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.RandomState(0).randn(len(rows), 8) * spread
    return (np.eye(8)[rows] + noise).astype(np.float32), rows.astype(np.int32)


def fractions_of(reals, labels, fakes):
    return diversity.class_fractions(labels, *diversity.classify(reals, labels, fakes))


def accuracies(reals, labels, fakes):
    """Return the diversity.ClassAccuracy of the real images and of samples of the same classes."""
    return [diversity.class_accuracy(labels, predicted) for predicted in diversity.classify(reals, labels, fakes)]


def test_vendi_score():
    apart = np.eye(8, dtype=np.float32) * 100
    assert diversity.vendi_score(apart, 1.0) == pytest.approx(8)
    assert diversity.vendi_score(np.concatenate([apart[:2]] * 4), 1.0) == pytest.approx(2)
    assert diversity.vendi_score(np.concatenate([apart, apart[:4]]), 1.0) == pytest.approx(12 / 2 ** (2 / 3))
    assert diversity.vendi_score(apart, 1e9) == pytest.approx(1)
    assert np.isnan(diversity.vendi_score(apart, 0.0)) and np.isnan(diversity.vendi_score(apart * np.nan, 1.0))


def test_median_nn_distance():
    points = np.float32([[0, 0], [3, 4], [100, 0], [100, 7]])
    assert diversity.median_nn_distance(points) == pytest.approx(6)  # the median of the distances 5, 5, 7, 7
    assert diversity.median_nn_distance(points[:1]) == 0


@pytest.mark.parametrize("missing", (0, 1, 2, 3))
def test_a_missing_class(missing):
    reals, labels = clusters([20, 40, 60, 80])
    counts = [0 if i == missing else 50 for i in range(4)]
    fakes, fake_labels = clusters(counts, spread=0.2)
    fractions = fractions_of(reals, labels, fakes)
    assert [real for _, real in fractions.values()] == [0.1, 0.2, 0.3, 0.4]
    assert [fake for fake, _ in fractions.values()] == pytest.approx(np.array(counts) / len(fake_labels), abs=0.03)


def test_classes_that_are_not_recognized_are_left_out():
    reals, labels = clusters([40, 40, 40])
    mixed = np.random.RandomState(1).permutation(labels)
    assert fractions_of(reals, mixed, reals) == {}
    few = np.concatenate([np.arange(diversity.MIN_CLASS_IMAGES - 1), np.arange(40, 120)])
    assert set(fractions_of(reals[few], labels[few], reals)) == {1, 2}
    assert fractions_of(reals, np.zeros(120, np.int32), reals) == {}
    assert set(fractions_of(reals, labels - 1, reals)) == {0, 1}  # -1: no class
    assert fractions_of(reals * np.nan, labels, reals) == {}
    assert fractions_of(reals * 0, labels, reals) == {}


def test_samples_of_the_right_classes():
    reals, labels = clusters([10, 30, 40])
    real, fake = accuracies(reals, labels, reals[np.arange(80)])
    # By chance: each class is predicted as often as it occurs, in 1/8, 3/8 and 4/8 of the images.
    assert real[:2] == fake[:2] == (1.0, pytest.approx((1 + 9 + 16) / 64))
    chance = 26 / 64
    assert fake.lead == pytest.approx((1 - chance) / (chance * (1 - chance) / 80) ** 0.5)


def test_samples_that_ignore_their_class_are_at_chance():
    """The samples of each class are the same, and have other frequencies than the real images."""
    reals, labels = clusters([16, 32, 64])
    corners = np.eye(8, dtype=np.float32)
    fakes = np.concatenate([corners[[0, 1, 1, 2] * (count // 4)] for count in (16, 32, 64)])
    real, fake = accuracies(reals, labels, fakes)
    # P(0) P(predicted 0) + P(1) P(predicted 1) + P(2) P(predicted 2)
    expected = 1 / 7 * 1 / 4 + 2 / 7 * 1 / 2 + 4 / 7 * 1 / 4
    assert fake == (pytest.approx(expected), pytest.approx(expected), pytest.approx(0, abs=1e-9)) and real.value == 1
    # Samples that all look like the most frequent class are no better than chance, although most are recognized.
    _, fake = accuracies(reals, labels, corners[[2] * 112])
    assert fake == (pytest.approx(4 / 7), pytest.approx(4 / 7), pytest.approx(0, abs=1e-9))
    # In independent samples, the lead is within a few standard deviations.
    random = np.random.RandomState(0)
    leads = [accuracies(reals, labels, corners[random.randint(0, 3, 112)])[1].lead for _ in range(200)]
    assert abs(np.mean(leads)) < 0.2 and 0.8 < np.std(leads) < 1.2 and np.mean(np.array(leads) > 2.33) < 0.03


def test_two_classes_and_swapped_ones():
    reals, labels = clusters([20, 20])
    real, fake = accuracies(reals, labels, reals[np.r_[:15, 35:40, 20:35, 15:20]])  # a quarter of each is swapped
    assert real.value == 1 and fake == (0.75, 0.5, pytest.approx(0.25 / (0.25 / 40) ** 0.5))
    assert accuracies(reals, labels, reals[::-1])[1].value == 0


def test_images_without_a_class_are_left_out_of_the_accuracy():
    reals, labels = clusters([20, 20, 20])
    fakes = np.concatenate([reals[:40], reals[:20]])  # samples without a class look like the first one
    real, fake = accuracies(reals, np.int32([0, 1, -1])[labels], fakes)
    assert real[:2] == fake[:2] == (1.0, 0.5)
    assert diversity.class_accuracy(np.int32([0, -1, 0]), np.int32([0, -1, 0])) == (1, 1, 0)  # only one class is left


def test_an_accuracy_that_is_not_defined():
    reals, labels = clusters([20, 20])
    undefined = diversity.ClassAccuracy()
    for features in (reals * 0, reals * np.nan):
        assert str(accuracies(features, labels, reals)) == str([undefined, undefined])
    assert str(accuracies(reals, labels * 0, reals)[1]) == str(undefined)
    assert np.isnan(undefined).all()
    # The accuracy of samples that all have the same features is defined.
    assert accuracies(reals, labels, reals * 0 + reals[0])[1] == (0.5, 0.5, 0)


def test_only_some_of_many_images_train_the_classifier(monkeypatch):
    monkeypatch.setattr(diversity, "MAX_ROWS", 30)
    reals, labels = clusters([20, 20])
    order = np.random.RandomState(0).permutation(40)
    real, fake = accuracies(reals[order], labels[order], reals[order])
    assert real.value == fake.value == 1 and fake.chance == 0.5 and fake.lead == pytest.approx(40**0.5)


@pytest.mark.parametrize("noise, expected", ((0, 1.0), (10, 1.0), (300, 0.0)))
def test_copies_with_noise_are_copies(noise, expected):
    reals = blocky(40, 32)
    copies = nearest.CopyDetector(InMemory(reals), (32, 32))
    noisy = reals[::-1] + noise * np.random.RandomState(0).randn(*reals.shape)
    assert copies.fraction(np.uint8(np.clip(noisy, 0, 255))) == expected and copies.searched == 1
    assert copies.fraction(np.concatenate([reals[:10], 255 - reals[:30]])) == 0.25


def test_copies_are_searched_among_some_of_many_images(monkeypatch):
    monkeypatch.setattr(nearest, "MAX_COPY_IMAGES", 10)
    copies = nearest.CopyDetector(InMemory(blocky(40)), (16, 16))
    assert copies.searched == 0.25 and copies.fraction(blocky(40)) == 0.25
