"""What an update draws: keys, noise, classes and augmentation."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from graphs import built

from model import augment, random_streams, train_graph
from model.discriminator import discriminator
from model.generator import generator
from model.random_streams import RandomStreams
from model.train_graph import Counters, Reals
from model.variables import counter


def drawn_from(key):
    return tf.random.stateless_uniform([3, 5], seed=key, minval=-1.0)


def draws_of(settings):
    """Return the RandomStreams of an update at the start of a run with 40 images."""
    counters = Counters(*[counter(name) for name in Counters._fields])
    return RandomStreams(settings.run._replace(augment="none"), Reals(None, 40), counters)


def test_no_two_draws_share_their_noise(graph):
    drawn = [
        drawn_from(random_streams.stateless_seed(seed, use, tf.constant(draw, tf.int64)))
        for seed in (0, 1)
        for use in ("z of D's update", "z of G's update")
        for draw in (0, 1, 2**33)
    ]
    again = drawn_from(random_streams.stateless_seed(0, "z of D's update", tf.constant(0, tf.int64)))
    with tf.Session() as session:
        drawn, again = session.run([drawn, again])
    assert np.array_equal(drawn[0], again)
    assert len({draw.tobytes() for draw in drawn}) == len(drawn)
    assert again.shape == (3, 5) and again.dtype == np.float32


def test_noise_is_uniform_in_minus_one_to_one(graph, tiny):
    z = draws_of(tiny._replace(run=tiny.run._replace(batch_size=1000))).z(100, "D's update")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        z = session.run(z)
    assert -1 <= z.min() < -0.999 and 0.999 < z.max() <= 1
    assert z.mean() == pytest.approx(0, abs=0.01) and z.var() == pytest.approx(1 / 3, abs=0.01)


def test_every_use_of_noise_has_a_name_of_its_own(graph, tiny, monkeypatch):
    uses, key = [], random_streams.stateless_seed

    def recorded(seed, use, *rest):
        uses.append(use)
        return key(seed, use, *rest)

    monkeypatch.setattr(random_streams, "stateless_seed", recorded)
    built(tiny, conditional=1, augment="auto", gradient_penalty="wgan-gp", d_norm="layer")
    assert len(uses) == len(set(uses))
    for what in ("z", "classes", "brightness", "translation down", "cutout left"):
        assert {"%s of D's update" % what, "%s of G's update" % what} <= set(uses)
    assert "brightness of real pictures" in uses and "z of real pictures" not in uses


def test_classes_are_drawn_as_often_as_there_are_images_of_them(graph, tiny, monkeypatch):
    seen = []
    monkeypatch.setattr(
        train_graph,
        "generator",
        lambda z, network, classes=None, **rest: seen.append(classes) or generator(z, network, classes, **rest),
    )
    built(tiny, conditional=1)
    (draw_index,) = [v for v in tf.global_variables() if v.op.name == "draw_index"]
    total = np.zeros(3)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for draw in range(500):
            draw_index.load(draw, session)
            total += session.run(seen[0]).sum(axis=0)
    assert total / total.sum() == pytest.approx([0.25, 0.25, 0.5], abs=0.03)


def test_augmentation_of_few_images():
    assert augment.kinds_of("auto", augment.FEW_IMAGES - 1) == augment.KINDS
    assert augment.kinds_of("auto", augment.FEW_IMAGES) == ()
    assert augment.kinds_of("adaptive", 10**6) == augment.KINDS
    assert augment.kinds_of("none", 10) == ()
    assert augment.kinds_of("cutout, color", 10**6) == ("cutout", "color")


def changed_images(ends, images, session):
    """Return which of the real images that D sees in 100 draws are augmented."""
    (draw_index,) = [v for v in tf.global_variables() if v.op.name == "draw_index"]
    plain = tf.random.stateless_uniform([4, 16, 16, 3], [3, 4], minval=-1.0)
    changed = []
    for draw in range(100):
        draw_index.load(draw, session)
        real, plainly = session.run([images, plain])
        changed += [not np.allclose(a, b, atol=1e-6) for a, b in zip(real, plainly)]
    return changed


@pytest.mark.parametrize("setting", ("auto", "adaptive"))
@pytest.mark.parametrize("epochs, share", ((0, 0.0), (25, 0.4), (50, 0.8), (500, 0.8)))
def test_a_share_of_the_images_is_augmented(graph, tiny, monkeypatch, setting, epochs, share):
    """It rises with the epochs for 'auto', and is a variable for 'adaptive'."""
    seen = []
    monkeypatch.setattr(
        train_graph, "discriminator", lambda images, *rest: seen.append(images) or discriminator(images, *rest)
    )
    ends, run, _ = built(tiny, augment=setting, batch_size=4)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        if setting == "auto":
            ends.counters.pictures_seen.load(40 * epochs, session)
        else:
            ends.optional[0].load(share, session)
        changed = changed_images(ends, seen[0], session)
    assert np.mean(changed) == pytest.approx(share, abs=0.07) and len(changed) == 100 * run.batch_size
    if share == 0:
        assert not any(changed)


def test_augmentation_reaches_real_and_fake_alike(graph, tiny, monkeypatch):
    seen = []
    monkeypatch.setattr(
        train_graph, "discriminator", lambda images, *rest: seen.append(images) or discriminator(images, *rest)
    )
    built(tiny, augment="cutout")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for images in seen:  # real images, fakes for D, fakes for G
            values = session.run(images)
            assert all(0.05 < (image == 0).all(axis=2).mean() < 0.3 for image in values)
    assert len(seen) == 3
