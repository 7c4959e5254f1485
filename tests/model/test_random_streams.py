"""An update's random streams: seeds, noise, classes and augmentation."""

import numpy as np
import pytest
from graphs import EVERYTHING, started

from model import augment, random_streams
from model.adaptive_augment import AdaptiveAugment
from model.graph_mode import tf
from model.random_streams import RandomStreams
from model.train_graph import Counters, Reals
from model.variables import counter


def streams(settings, ada=None, augment="none", batch_size=4):
    """Return the RandomStreams for an update, with 40 images of three classes."""
    counters = Counters(*map(counter, Counters._fields))
    run = settings.run._replace(augment=augment, batch_size=batch_size)
    return RandomStreams(run, Reals(None, 40, None, (5, 5, 10)), counters, ada)


def evaluate(tensor):
    """Return a tensor's value in a new session."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(tensor)


def test_all_draws_differ(graph):
    def noise(seed, use, draw):
        key = random_streams.stateless_seed(seed, use, tf.constant(draw, tf.int64))
        return tf.random.stateless_uniform([3, 5], seed=key, minval=-1.0)

    keys = [(s, use, draw) for s in (0, 1) for use in ("z of D's update", "z of G's update") for draw in (0, 1, 2**33)]
    draws, again = evaluate([[noise(*key) for key in keys], noise(*keys[0])])
    assert np.array_equal(draws[0], again)
    assert len({draw.tobytes() for draw in draws}) == len(draws)
    assert again.shape == (3, 5) and again.dtype == np.float32


def test_z_is_uniform_in_minus_one_to_one(graph, tiny):
    z = evaluate(streams(tiny, batch_size=1000).z(100, "D's update"))
    assert -1 <= z.min() < -0.999 and 0.999 < z.max() <= 1
    assert z.mean() == pytest.approx(0, abs=0.01) and z.var() == pytest.approx(1 / 3, abs=0.01)


def test_every_use_has_its_own_name(tiny):
    with started(tiny, **EVERYTHING) as training:
        uses = training.uses
        assert len(uses) == len(set(uses))
        for what in ("z", "classes", "brightness", "translation down", "cutout left"):
            assert {f"{what} of D's update", f"{what} of G's update"} <= set(uses)
        assert "brightness of real pictures" in uses and "z of real pictures" not in uses
        assert "share of real pictures" in uses  # used by wgan-gp; renaming it would change the random numbers


def test_classes_are_as_frequent_as_in_the_data_set(graph, tiny):
    classes = evaluate(streams(tiny, batch_size=2000).classes("D's update"))
    assert set(classes.sum(axis=1)) == {1.0} and classes.mean(axis=0) == pytest.approx([0.25, 0.25, 0.5], abs=0.03)


def test_kinds_of_augmentation():
    assert augment.select_kinds("auto", augment.FEW_IMAGES - 1) == augment.KINDS
    assert augment.select_kinds("auto", augment.FEW_IMAGES) == ()
    assert augment.select_kinds("adaptive", 10**6) == augment.KINDS
    assert augment.select_kinds("none", 10) == ()
    assert augment.select_kinds("cutout, color", 10**6) == ("cutout", "color")


@pytest.mark.parametrize("setting", ("auto", "adaptive"))
def test_images_are_augmented_with_probability_p(graph, tiny, setting):
    """p rises with the epochs for 'auto', and is a variable for 'adaptive'."""
    ada = AdaptiveAugment(augment.MAX_P) if setting == "adaptive" else None
    update = streams(tiny, ada, augment=setting, batch_size=400)
    images = tf.random.stateless_uniform([400, 16, 16, 3], [3, 4], minval=-1.0)
    ends = [images, update.augmented(images, "real pictures"), update.augment_p]
    variables = {v.op.name: v for v in tf.global_variables()}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epochs, p in ((0, 0.0), (25, 0.4), (50, 0.8), (500, 0.8)):
            variables["pictures_seen"].load(40 * epochs, session)
            if ada:
                variables["balance/augmented"].load(p, session)
            plain, augmented, augment_p = session.run(ends)
            changed = (np.abs(augmented - plain) > 1e-6).any(axis=(1, 2, 3))
            assert augment_p == pytest.approx(p) and changed.mean() == pytest.approx(p, abs=0.07)
            assert changed.any() == (p > 0)


@pytest.mark.parametrize("setting, p", (("none", 0.0), ("cutout", 1.0)))
def test_fixed_augmentation_is_for_all_images_or_none(graph, tiny, setting, p):
    update = streams(tiny, augment=setting)
    images = tf.ones([4, 16, 16, 3])
    augmented, augment_p = evaluate([update.augmented(images, "real pictures"), update.augment_p])
    assert augment_p == p and (augmented == 0).any(axis=(1, 2, 3)).tolist() == [p == 1] * 4


def test_augmentation_reaches_real_and_fake_images_alike(tiny):
    with started(tiny) as training:
        assert len(training.d_calls) == 3  # real images, fakes for D, fakes for G
        for images, *_ in training.d_calls:
            for p in (0.0, 1.0):
                training.load("balance/augmented", p)
                # Cutout and translation set pixels to 0.
                zeros = (training.session.run(images) == 0).all(axis=3).mean(axis=(1, 2))
                assert ((zeros > 0.05) & (zeros < 0.6)).all() if p else not zeros.any()
