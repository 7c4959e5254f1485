"""Normalization: batch, layer and spectral."""

import numpy as np
import pytest
from conftest import read
from graphs import EVERYTHING, started

from model import norms
from model.discriminator import discriminator
from model.generator import generator
from model.graph_mode import tf


def test_batch_norm_by_the_batch_and_by_the_averages(graph, tiny):
    network = tiny.network._replace(bn_epsilon=0.5)
    values = np.random.RandomState(0).normal(3.0, 2.0, (8, 4, 4, 2)).astype(np.float32)
    with tf.variable_scope("x", reuse=tf.AUTO_REUSE):
        by_batch = norms.batch_norm(tf.constant(values), network, 0.75, training=True)
        by_averages = norms.batch_norm(tf.constant(values), network, 0.75, training=False)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(by_averages)
        normalized = session.run(by_batch)
        session.run(updates)
        mean, variance = read(session, "x/batch_norm/moving_mean"), read(session, "x/batch_norm/moving_variance")
        after = session.run(by_averages)
    flat = values.reshape(-1, 2)
    assert before == pytest.approx(values / np.sqrt(1.0 + 0.5), abs=1e-5)
    assert normalized == pytest.approx((values - flat.mean(0)) / np.sqrt(flat.var(0) + 0.5), abs=1e-4)
    assert mean == pytest.approx(0.25 * flat.mean(0), rel=1e-4)
    assert variance == pytest.approx(0.75 + 0.25 * flat.var(0, ddof=1), rel=1e-4)
    assert after == pytest.approx((values - mean) / np.sqrt(variance + 0.5), abs=1e-4)


def test_batch_norm_settings_reach_the_graph(graph, tiny):
    network = tiny.network._replace(bn_momentum=0.25, bn_epsilon=0.125)
    generator(tf.random_uniform([3, network.z_dim], -1, 1), network, training=True)
    discriminator(tf.zeros([3, 16, 16, 3]), network)
    fused = [op for op in graph.get_operations() if op.type == "FusedBatchNormV3"]
    assert {op.get_attr("epsilon") for op in fused} == {0.125}
    mean = next(op for op in fused if op.name.startswith("generator/4x4")).outputs[1]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        batch_mean = session.run([mean, *tf.get_collection(tf.GraphKeys.UPDATE_OPS)])[0]
        assert read(session, "generator/4x4/batch_norm/moving_mean") == pytest.approx(0.75 * batch_mean, rel=1e-4)


def test_layer_norm_normalizes_each_image(graph):
    values = np.random.RandomState(0).normal(3, 2, (2, 4, 4, 3)).astype(np.float32)
    normalized = norms.layer_norm(tf.constant(values), 1e-5)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        images = session.run(normalized)
    for image, value in zip(images, values):
        assert image == pytest.approx((value - value.mean()) / value.std(), abs=1e-3)


def test_spectral_norm_divides_by_the_largest_singular_value(graph):
    values = np.random.RandomState(0).normal(size=(3, 3, 4, 6)).astype(np.float32)
    largest = np.linalg.svd(values.reshape(-1, 6), compute_uv=False)[0]
    with tf.variable_scope("x"):
        normalized = norms.spectral_norm(tf.constant(values))
    ((u, next_u),) = tf.get_collection(norms.POWER_ITERATIONS)
    iteration = u.assign(next_u)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(100):
            session.run(iteration)
        assert session.run(normalized) == pytest.approx(values / largest, rel=1e-3, abs=1e-6)


def test_the_power_iteration_moves_once_per_update_of_d(tiny):
    name, layers = "discriminator/8x8/conv", ("16x16/conv", "8x8/conv", "logit/dense", "logit/classes")
    with started(tiny, **EVERYTHING) as training:
        start = training.read()
        assert {n for n in start if n.endswith("/u")} == {f"discriminator/{layer}/u" for layer in layers}
        training.session.run(training.ends.g_update)
        assert np.array_equal(training.read()[name + "/u"], start[name + "/u"])
        training.session.run(training.ends.d_updates[0])
        matrix = start[name + "/kernel"].reshape(-1, 4)
        v = start[name + "/u"] @ matrix.T
        expected = v / np.linalg.norm(v) @ matrix
        assert training.read()[name + "/u"] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-4)
