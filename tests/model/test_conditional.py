"""Conditional networks: classes in G, in D and in the sampler."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import read
from graphs import built

from model.discriminator import discriminator
from model.sample_graph import build_sampler
from utils.sampling import latents


def test_classes_reach_both_networks(graph, tiny):
    ends, _, network = built(tiny, conditional=1)
    shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    assert shapes["generator/4x4/batch_norm/gamma"] == [3, 8] and shapes["generator/8x8/batch_norm/beta"] == [3, 4]
    assert shapes["discriminator/logit/classes/kernel"] == [3, 4]
    sampler = build_sampler(network, averaged=True, n_classes=3)
    images = tf.random.stateless_uniform([3, 16, 16, 3], [1, 2])
    logits = (
        discriminator(images, network, tf.one_hot([0, 1, 2], 3)),
        discriminator(images, network, tf.one_hot([1, 1, 1], 3)),
    )
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(ends.init_ema)
        (gamma,) = [v for v in tf.global_variables() if v.op.name == "average_generator/4x4/batch_norm/gamma"]
        gamma.load(np.float32([[1] * 8, [-1] * 8, [3] * 8]), session)
        of_own, of_second = session.run(logits)
        assert of_own[1] == of_second[1] and (of_own[[0, 2]] != of_second[[0, 2]]).all()
        z = np.repeat(latents.noise(0, 0, 1, 6), 3, axis=0)
        a, b, c = session.run(sampler.images, {sampler.z: z, sampler.labels: [0, 1, 0]})
        assert np.array_equal(a, c) and not np.array_equal(a, b)


def test_the_projection_by_hand(graph, tiny):
    """With and without a class the logits differ by the product of the class's vector with D's summed features."""
    network = tiny.network._replace(conditional=1)
    images = tf.random.stateless_uniform([2, 16, 16, 3], [1, 2])
    plain, conditional = discriminator(images, network), discriminator(images, network, tf.one_hot([1, 0], 2))
    features = [op.outputs[0] for op in graph.get_operations() if op.type == "AvgPool"][1]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        plain, conditional, features = session.run([plain, conditional, features])
        kernel = read(session, "discriminator/logit/classes/kernel")
    product = (kernel[[1, 0]] * features.sum(axis=(1, 2))).sum(axis=1)
    assert (conditional - plain)[:, 0] == pytest.approx(product, abs=1e-5)
