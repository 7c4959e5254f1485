"""Losses compared with hand calculations."""

import math
import re

import numpy as np
import pytest

from model import augment, layers, losses, norms, optimizers
from model.graph_mode import tf
from utils.config import rules as kinds
from utils.config import schema


def column(values):
    return tf.constant(np.reshape(values, [-1, 1]), tf.float32)


def d_loss(kind, real, fake, label_smoothing=0.0):
    with tf.Session() as session:
        return session.run(losses.LOSSES[kind].d(column(real), column(fake), label_smoothing))


def g_loss(kind, fake):
    with tf.Session() as session:
        return session.run(losses.LOSSES[kind].g(column(fake)))


@pytest.mark.parametrize(
    "real, fake, expected",
    (
        ([0.0], [0.0], 2 * math.log(2)),
        # D(x) = 3/4, D(G(z)) = 1/4: -ln(3/4) - ln(3/4)
        ([math.log(3)], [-math.log(3)], 2 * math.log(4 / 3)),
        # D(x) = 1/4, D(G(z)) = 1/2: -ln(1/4) - ln(1/2)
        ([-math.log(3)], [0.0], math.log(8)),
        # the mean over the batch, not the sum
        ([0.0, math.log(3)], [0.0, 0.0], (math.log(2) + math.log(4 / 3)) / 2 + math.log(2)),
        # exact although a float32 sigmoid is rounded to 0 or 1
        ([-200.0], [200.0], 400.0),
        ([200.0], [-200.0], 0.0),
    ),
)
def test_d_loss(graph, real, fake, expected):
    assert d_loss("non_saturating", real, fake) == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(
    "fake, expected",
    (
        ([0.0], math.log(2)),
        ([math.log(3)], math.log(4 / 3)),
        ([-math.log(3)], math.log(4)),
        ([-300.0], 300.0),
        ([300.0], 0),
    ),
)
def test_g_loss(graph, fake, expected):
    assert g_loss("non_saturating", fake) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_g_has_strong_gradients_if_d_rejects_with_confidence(graph):
    logits = tf.constant([[-50.0]])
    with tf.Session() as session:
        assert session.run(tf.gradients(losses.non_saturating_g(logits), logits)[0]) == pytest.approx(-1.0)


@pytest.mark.parametrize(
    "kind, real, fake, d_expected, g_expected",
    (
        ("hinge", [0.0], [0.0], 2.0, 0.0),
        ("hinge", [0.5, 3.0], [-3.0, 0.5], 0.25 + 0.75, 1.25),  # beyond the margin the loss is 0
        ("least_squares", [0.0], [0.0], 1.0, 1.0),
        ("least_squares", [3.0, 1.0], [0.5, -1.0], 2.0 + 0.625, (0.25 + 4) / 2),
        ("wasserstein", [0.0], [0.0], 0.0, 0.0),
        ("wasserstein", [3.0, 1.0], [0.5, -1.5], -0.5 - 2.0, 0.5),
    ),
)
def test_the_other_losses(graph, kind, real, fake, d_expected, g_expected):
    assert d_loss(kind, real, fake) == pytest.approx(d_expected, abs=1e-6)
    assert g_loss(kind, fake) == pytest.approx(g_expected, abs=1e-6)


def test_label_smoothing_is_one_sided(graph):
    # With label 3/4 for real images, the best D(x) is 3/4, and the loss is the entropy of 3/4.
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    best = d_loss("non_saturating", [math.log(3)], [-100.0], 0.25)
    assert best == pytest.approx(entropy, rel=1e-6)
    assert d_loss("non_saturating", [math.log(3) + 0.1], [-100.0], 0.25) > best
    assert d_loss("non_saturating", [math.log(3) - 0.1], [-100.0], 0.25) > best
    assert d_loss("least_squares", [0.75], [0.0], 0.25) == pytest.approx(0.0, abs=1e-7)
    assert d_loss("least_squares", [1.0], [0.5], 0.25) == pytest.approx(0.0625 + 0.25)


def squares(images):
    return tf.reduce_sum(tf.square(images), [1, 2, 3])[:, None]


@pytest.mark.parametrize("scale", (None, 1024.0))
def test_penalties_of_a_known_gradient(graph, scale):
    def penalty(kind, discriminator_fn, images):  # the same images are both reals and fakes
        uniform = lambda shape, use: tf.fill(shape, 0.5)  # noqa: E731
        return losses.PENALTIES[kind](discriminator_fn, images, images, uniform, scale and tf.constant(scale))

    images = tf.random_uniform([3, 2, 2, 1])
    weights = np.array([3.0, 0.0, 4.0, 0.0], np.float32).reshape(1, 2, 2, 1)  # the gradient has norm 5

    def linear(images):
        return tf.reduce_sum(images * weights, [1, 2, 3])[:, None]

    with tf.Session() as session:
        assert session.run(penalty("r1", linear, images)) == pytest.approx(25 / 2)
        assert session.run(penalty("wgan-gp", linear, images)) == pytest.approx((5 - 1) ** 2)
        # Each image has its own gradient: it is 2 x for the sum of squared pixels.
        value, x = session.run([penalty("r1", squares, images), images])
        assert value == pytest.approx(0.5 * np.mean(np.sum(np.square(2 * x), axis=(1, 2, 3))), rel=1e-5)


def test_wgan_gp_is_computed_between_real_and_fake_images(graph):
    # At x = real + (1 - mix) (fake - real), the gradient of a summed square is 2 x.
    reals, fakes = tf.zeros([2, 1, 1, 1]), tf.ones([2, 1, 1, 1])
    drawn = []

    def uniform(shape, use):
        drawn.append(use)
        return tf.reshape(tf.constant([0.75, 0.0]), [2, 1, 1, 1])

    with tf.Session() as session:
        penalty = session.run(losses.PENALTIES["wgan-gp"](squares, reals, fakes, uniform))
    assert penalty == pytest.approx(((0.5 - 1) ** 2 + (2 - 1) ** 2) / 2) and len(drawn) == 1


@pytest.mark.parametrize(
    "setting, rules, names",
    (
        ("loss", schema.RUN, list(losses.LOSSES)),
        ("gradient_penalty", schema.RUN, ["none", *losses.PENALTIES]),
        ("optimizer", schema.RUN, list(optimizers.OPTIMIZERS)),
        ("activation", schema.NETWORK, list(layers.ACTIVATIONS)),
        ("d_norm", schema.NETWORK, list(norms.D_NORMS)),
    ),
)
def test_settings_allow_exactly_the_rows_of_the_tables(setting, rules, names):
    assert set(re.split(", | or ", rules[setting].choices)) ^ set(names) == set()  # no name is in only one of the two


def test_the_setting_allows_exactly_the_augmentations():
    assert kinds.AUGMENTATIONS == augment.KINDS
