"""Conditional networks: classes in G, in D and in the sampler."""

import numpy as np
import pytest
from conftest import read
from graphs import EVERYTHING, started

from model.discriminator import discriminator
from model.graph_mode import tf
from model.sample_graph import build_exportable_sampler
from utils.sampling import latents


def test_classes_reach_both_networks(tiny):
    with started(tiny, **EVERYTHING) as training:
        shapes = {name: v.shape.as_list() for name, v in training.variables.items()}
        assert shapes["generator/4x4/batch_norm/gamma"] == [3, 8] and shapes["generator/8x8/batch_norm/beta"] == [3, 4]
        assert shapes["discriminator/logit/classes/kernel"] == [3, 4]
        # D receives real images with their labels, and each fake batch with the classes that G was given.
        real, *fakes = [arguments[2] for arguments in training.d_calls if len(arguments) > 2][:2]
        assert np.array_equal(training.session.run(real), np.eye(3)[[0, 1, 2, 2]])
        assert fakes[0] is training.g_calls[0][2] and training.d_calls[-1][2] is training.g_calls[-1][2]


def test_the_sampler_generates_images_of_the_labels(tiny):
    with started(tiny, **EVERYTHING) as training:
        training.load("average_generator/4x4/batch_norm/gamma", np.float32([[1] * 8, [-1] * 8, [3] * 8]))
        z, sampler = np.repeat(latents.noise(0, 0, range(1), 6), 3, axis=0), training.sampler
        a, b, c = training.session.run(sampler.images, {sampler.z: z, sampler.labels: [0, 1, 0]})
        assert np.array_equal(a, c) and not np.array_equal(a, b)


def test_the_exportable_sampler_clamps_labels(graph, tiny):
    sampler = build_exportable_sampler(tiny.network._replace(conditional=1), averaged=False, n_classes=3)
    with tf.Session() as session:
        rows = session.run(sampler.classes, {sampler.labels: [0, 2, 3, -1, 2**31 - 1, -(2**31)]})
    assert np.array_equal(rows, np.eye(3)[[0, 2, 2, 0, 2, 0]])


def test_projection_by_hand(graph, tiny):
    """With and without a class, logits differ by the product of the class's embedding and D's summed features."""
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
