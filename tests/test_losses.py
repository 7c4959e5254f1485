"""Losses against numbers worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from model import losses


def value_of(graph, loss, *logits):
    with tf.Session(graph=graph) as session:
        return session.run(loss(*[tf.constant(np.reshape(x, [-1, 1]), tf.float32) for x in logits]))


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
        # exact where a sigmoid in float32 has long been rounded to 0 or 1
        ([-200.0], [200.0], 400.0),
        ([200.0], [-200.0], 0.0),
    ),
)
def test_d_loss(graph, real, fake, expected):
    assert value_of(graph, losses.d_loss, real, fake) == pytest.approx(expected, rel=1e-6, abs=1e-7)


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
    assert value_of(graph, losses.g_loss, fake) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_g_has_strong_gradients_where_d_rejects_with_confidence(graph):
    logits = tf.constant([[-50.0]])
    with tf.Session() as session:
        assert session.run(tf.gradients(losses.g_loss(logits), logits)[0]) == pytest.approx(-1.0)
