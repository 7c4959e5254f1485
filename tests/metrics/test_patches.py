"""Small-patch features, which need no pretrained network."""

import numpy as np
import pytest
from small import FakeGenerator, blocky, image_dataset

from utils.metrics import features, ms_ssim, patches
from utils.metrics.distances import frechet_distance
from utils.metrics.measure import Measurer
from utils.metrics.patches import CENTROIDS, Patches

CONSTANTS = patches._FIT_PATCHES, patches._FIT_STEPS


@pytest.fixture(scope="module", autouse=True)
def few_patches():
    """Learn dictionaries quickly."""
    patches._FIT_PATCHES, patches._FIT_STEPS = 1000, 3
    yield
    patches._FIT_PATCHES, patches._FIT_STEPS = CONSTANTS


@pytest.fixture(scope="module")
def learned():
    return fit(blocky())


def fit(images):
    """Return Patches fitted to these images."""
    dictionary = Patches()
    dictionary.fit(images)
    return dictionary


def test_features_do_not_depend_on_the_other_images(learned):
    values = learned(blocky())
    assert values.shape == (40, 4 * CENTROIDS) and values.dtype == np.float32
    assert (values >= 0).all() and values.max() > 0
    assert learned(blocky()[3:5]) == pytest.approx(values[3:5], rel=1e-4)


def test_the_same_images_give_the_same_dictionary(learned):
    again, other = fit(blocky()), fit(255 - blocky())
    assert np.array_equal(again(blocky()), learned(blocky()))
    assert again.cache_key == learned.cache_key != other.cache_key


def test_features_are_those_of_earlier_versions():
    """Checkpoints contain patch_distance values, which are compared with those from later versions."""
    values = fit(blocky(20))(255 - blocky(4))
    assert values.mean() == pytest.approx(0.573430, rel=1e-4) and values.max() == pytest.approx(3.231741, rel=1e-4)
    assert CONSTANTS == (20000, 10)


def test_brightness_and_contrast_do_not_count_but_positions_do(learned):
    images = blocky()
    plain, dim = learned(images), learned(np.uint8(images / 2 + 50))
    assert np.abs(dim - plain).mean() < 0.1 * plain.mean()
    mirrored = learned(images[:, :, ::-1]).reshape(40, 2, 2, CENTROIDS)
    assert np.abs(mirrored - plain.reshape(40, 2, 2, CENTROIDS)).mean() > 0.2 * plain.mean()


def test_blurred_and_repeated_images_are_farther_away(learned):
    images = blocky(80)
    reals, others = images[:40], images[40:]
    blurred = np.uint8(sum(np.roll(others / 9.0, (y, x), (1, 2)) for y in (-1, 0, 1) for x in (-1, 0, 1)))
    real_features = learned(reals)
    near, blur, same = (
        frechet_distance(real_features, learned(p)) for p in (others, blurred, np.repeat(others[:2], 20, axis=0))
    )
    assert blur > 1.5 * near and same > 1.5 * near


@pytest.mark.parametrize("size, channels", ((8, 3), (64, 3), (128, 1)))
def test_images_of_any_size(size, channels):
    images = blocky(6, size)[..., :channels]
    dictionary = fit(images)
    assert dictionary(images).shape == (6, 4 * CENTROIDS) and np.isfinite(dictionary(images)).all()
    assert np.isfinite(dictionary(np.zeros_like(images))).all()


def test_quarters_of_a_rectangle():
    """A change inside a quarter changes only that quarter's features, except for patches that cross its border."""
    images = np.tile(blocky(6, 64), (1, 1, 2, 1))[:, :, :96]
    dictionary, changed = fit(images), images.copy()
    changed[:, :20, 60:] = 128  # upper right
    before, after = (dictionary(each).reshape(6, 4, CENTROIDS) for each in (images, changed))
    difference = np.abs(after - before).max(axis=(0, 2))
    assert difference[1] > 0 and (difference[[0, 2, 3]] == 0).all()


def test_measured_with_patches(tiny, monkeypatch):
    monkeypatch.setattr(ms_ssim, "MsSsim", lambda shape: lambda images: 0.3)
    run = tiny.run._replace(metrics_network="patches", cache_dir="")
    measurer = Measurer(image_dataset(blocky()), tiny._replace(run=run), 40, features.open_network(run, "none"))
    values = measurer(FakeGenerator(255 - blocky())).values
    assert values["patch_distance"] > 0 and 0 < values["distinct"] < 2
    assert measurer.protocol().endswith("features of 6x6 patches of images averaged down to a shorter side below 64")
