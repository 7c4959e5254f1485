"""Features of small patches, without a pretrained network."""

import numpy as np
import pytest
from small import FakeGenerator, blocky, images_of

from utils.metrics import features
from utils.metrics.distances import frechet_distance
from utils.metrics.measure import Measurer
from utils.metrics.patches import WORDS, Patches


@pytest.fixture(scope="module")
def learned():
    patches = Patches()
    patches.fit(blocky())
    return patches


def test_features_do_not_depend_on_the_others(learned):
    values = learned(blocky())
    assert values.shape == (40, 4 * WORDS) and values.dtype == np.float32 and (values >= 0).all() and values.max() > 0
    assert learned(blocky()[3:5]) == pytest.approx(values[3:5], rel=1e-4)


def test_the_same_images_give_the_same_dictionary(learned):
    again, other = Patches(), Patches()
    again.fit(blocky())
    other.fit(255 - blocky())
    assert np.array_equal(again(blocky()), learned(blocky()))
    assert again.cache_key == learned.cache_key != other.cache_key


def test_brightness_and_contrast_do_not_count_but_what_is_where_does(learned):
    images = blocky()
    plain, dim = learned(images), learned(np.uint8(images / 2 + 50))
    assert np.abs(dim - plain).mean() < 0.1 * plain.mean()
    mirrored = learned(images[:, :, ::-1]).reshape(40, 2, 2, WORDS)
    assert np.abs(mirrored - plain.reshape(40, 2, 2, WORDS)).mean() > 0.3 * plain.mean()


def test_blurred_and_repeated_images_are_farther_away(learned):
    images = blocky(80)
    learnt_from, others = images[:40], images[40:]
    blurred = np.uint8(sum(np.roll(others / 9.0, (y, x), (1, 2)) for y in (-1, 0, 1) for x in (-1, 0, 1)))
    reals = learned(learnt_from)
    near, blur, same = (
        frechet_distance(reals, learned(p)) for p in (others, blurred, np.repeat(others[:2], 20, axis=0))
    )
    assert blur > 1.5 * near and same > 1.5 * near


@pytest.mark.parametrize("size, channels", ((8, 3), (16, 1), (64, 3), (128, 1)))
def test_images_of_any_size(size, channels):
    images, patches = blocky(6, size)[..., :channels], Patches()
    patches.fit(images)
    assert patches(images).shape == (6, 4 * WORDS) and np.isfinite(patches(images)).all()
    flat = np.zeros_like(images)
    assert np.isfinite(patches(flat)).all()


def test_quarters_of_a_rectangle():
    """What is in one quarter changes the features of that quarter only, but for patches across its border."""
    images, patches = np.tile(blocky(6, 64), (1, 1, 2, 1))[:, :, :96], Patches()
    patches.fit(images)
    changed = images.copy()
    changed[:, :20, 60:] = 128  # upper right
    before, after = (patches(each).reshape(6, 4, WORDS) for each in (images, changed))
    moved = np.abs(after - before).max(axis=(0, 2))
    assert moved[1] > 0 and (moved[[0, 2, 3]] == 0).all()
    assert "of images of 32x48, " in patches.describe(64, 96) and "of 32x32, " in patches.describe(256, 256)


def test_measured_with_it(tiny):
    run = tiny.run._replace(metrics_network="patches")
    sampler = FakeGenerator(255 - blocky())
    measurer = Measurer(images_of(blocky()), tiny._replace(run=run), 40, features.open_network(run))
    values = measurer(sampler).values
    assert values["patch_distance"] > 0 and 0 < values["distinct"] < 2
    assert "6x6 patches of images of 16x16" in measurer.protocol()
