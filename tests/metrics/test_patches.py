"""Features of small patches, without a pretrained network."""

import numpy as np
import pytest
from small import FakeSampler, blocky, pictures_of

from utils.metrics import features
from utils.metrics.distances import frechet_distance
from utils.metrics.measure import Measurer
from utils.metrics.patches import WORDS, Patches


@pytest.fixture(scope="module")
def learnt():
    patches = Patches()
    patches.learn(blocky())
    return patches


def test_features_do_not_depend_on_the_others(learnt):
    values = learnt(blocky())
    assert values.shape == (40, 4 * WORDS) and values.dtype == np.float32 and (values >= 0).all() and values.max() > 0
    assert learnt(blocky()[3:5]) == pytest.approx(values[3:5], rel=1e-4)


def test_the_same_pictures_give_the_same_dictionary(learnt):
    again, other = Patches(), Patches()
    again.learn(blocky())
    other.learn(255 - blocky())
    assert np.array_equal(again(blocky()), learnt(blocky()))
    assert again.cache_key == learnt.cache_key != other.cache_key


def test_brightness_and_contrast_do_not_count_but_what_is_where_does(learnt):
    pictures = blocky()
    plain, dim = learnt(pictures), learnt(np.uint8(pictures / 2 + 50))
    assert np.abs(dim - plain).mean() < 0.1 * plain.mean()
    mirrored = learnt(pictures[:, :, ::-1]).reshape(40, 2, 2, WORDS)
    assert np.abs(mirrored - plain.reshape(40, 2, 2, WORDS)).mean() > 0.3 * plain.mean()


def test_blurred_and_repeated_pictures_are_farther_away(learnt):
    pictures = blocky(80)
    learnt_from, others = pictures[:40], pictures[40:]
    blurred = np.uint8(sum(np.roll(others / 9.0, (y, x), (1, 2)) for y in (-1, 0, 1) for x in (-1, 0, 1)))
    reals = learnt(learnt_from)
    near, blur, same = (
        frechet_distance(reals, learnt(p)) for p in (others, blurred, np.repeat(others[:2], 20, axis=0))
    )
    assert blur > 1.5 * near and same > 1.5 * near


@pytest.mark.parametrize("size, channels", ((8, 3), (16, 1), (64, 3), (128, 1)))
def test_pictures_of_any_size(size, channels):
    pictures, patches = blocky(6, size)[..., :channels], Patches()
    patches.learn(pictures)
    assert patches(pictures).shape == (6, 4 * WORDS) and np.isfinite(patches(pictures)).all()
    flat = np.zeros_like(pictures)
    assert np.isfinite(patches(flat)).all()


def test_quarters_of_a_rectangle():
    """What is in one quarter changes the features of that quarter only, but for patches across its border."""
    pictures, patches = np.tile(blocky(6, 64), (1, 1, 2, 1))[:, :, :96], Patches()
    patches.learn(pictures)
    changed = pictures.copy()
    changed[:, :20, 60:] = 128  # upper right
    before, after = (patches(each).reshape(6, 4, WORDS) for each in (pictures, changed))
    moved = np.abs(after - before).max(axis=(0, 2))
    assert moved[1] > 0 and (moved[[0, 2, 3]] == 0).all()
    assert "of pictures of 32x48, " in patches.describe(64, 96) and "of 32x32, " in patches.describe(256, 256)


def test_measured_with_it(tiny):
    run = tiny.run._replace(metrics_network="patches")
    sampler = FakeSampler(255 - blocky())
    measurer = Measurer(pictures_of(blocky()), tiny._replace(run=run), 40, features.open_network(run))
    values = measurer(sampler, sampler).values
    assert values["patch_distance"] > 0 and 0 < values["distinct"] < 2
    assert "6x6 patches of pictures of 16x16" in measurer.protocol()
