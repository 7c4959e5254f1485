"""Clusters: which z belong to which, that images are grouped by similarity, and that G gets them from z."""

import numpy as np
import pytest

from model import clusters
from model.generator import generator
from model.graph_mode import tf


def with_clusters(tiny, count):
    return tiny.network._replace(clusters=count)


def noise(n):
    return np.float32(np.random.RandomState(0).uniform(-1, 1, (n, 6)))  # z_dim is 6


def grouped(features, count):
    return clusters.group(features, count, np.zeros(len(features), np.int32), 1)


@pytest.mark.parametrize(("count", "used"), ((2, 2), (4, 4), (32, 32), (256, 64)))
def test_all_clusters_are_equally_frequent(graph, tiny, count, used):
    """z has 6 elements, enough for 64 clusters."""
    z, network = noise(64000), with_clusters(tiny, count)
    with tf.Session() as session:
        soft, hard = session.run([clusters.memberships(tf.constant(z), network), clusters.one_hot(z, network)])
    levels = used.bit_length() - 1
    halves = 1 / (1 + np.exp(-clusters.SHARPNESS * z[:, :levels]))  # of the upper half at each level
    numbers = np.arange(used)[:, None] >> np.arange(levels - 1, -1, -1) & 1
    expected = np.stack([np.where(bits, halves, 1 - halves).prod(axis=1) for bits in numbers], axis=1)
    assert soft == pytest.approx(expected, abs=1e-5) and soft.dtype == np.float32
    assert (hard.argmax(axis=1) == soft.argmax(axis=1)).all() and (hard.sum(axis=1) == 1).all()
    assert hard.mean(axis=0) == pytest.approx(1 / used, rel=0.2)
    assert 0.75 < soft.max(axis=1).mean() < 0.99  # nearly one-hot, but not a jump


def test_walks_do_not_jump_between_clusters(graph, tiny):
    """With 60 frames from one z to the next, no frame changes to another cluster altogether."""
    ends, times = noise(40), np.linspace(0, 1, 60)[None, :, None]
    z = np.float32(ends[:-1, None] * (1 - times) + ends[1:, None] * times)  # [39, 60, z_dim]
    with tf.Session() as session:
        soft = session.run(clusters.memberships(z.reshape(-1, z.shape[2]), with_clusters(tiny, 32)))
    changes = np.abs(np.diff(soft.reshape(39, 60, 32), axis=1)).max(axis=2)
    assert 0.1 < changes.max() < 0.3 and changes.sum(axis=1).mean() > 1  # but walks do cross borders


@pytest.mark.parametrize(("count", "used"), ((2, 1), (4, 2), (8, 4), (256, 64)))
def test_clusters_within_classes(graph, tiny, count, used):
    """Three classes with at least `count` clusters in all: a power of two per class."""
    z, labels = noise(900), np.arange(900) % 3
    rows, network = tf.one_hot(labels, 3), with_clusters(tiny, count)
    with tf.Session() as session:
        soft, hard = session.run([clusters.memberships(z, network, rows), clusters.one_hot(z, network, rows)])
        of_z = session.run(clusters.one_hot(z, network._replace(clusters=used)))
    assert soft.shape == hard.shape == (900, 3 * used) and soft.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (hard.argmax(axis=1) == labels * used + of_z.argmax(axis=1)).all() and (hard.sum(axis=1) == 1).all()
    assert (soft.argmax(axis=1) == hard.argmax(axis=1)).all()


def test_the_images_of_each_class_are_grouped():
    labels = np.arange(4 * clusters.MIN_IMAGES) % 3 // 2  # two thirds in class 0; class 2 has no images
    members = clusters.group(noise(len(labels)), 2, labels, 3)
    assert (members[labels == 0, 2:] == 0).all() and (members[labels == 1, 2:4] == 0.5).all()  # too few to be divided
    assert members[:, :2].sum(axis=0) == pytest.approx((labels == 0).sum() / 2, abs=1)
    assert (members.sum(axis=1) == 1).all() and (members[:, 4:] == 0).all()


def test_similar_images_are_in_one_cluster():
    """Four kinds of images, in random order: each cluster is one kind."""
    random = np.random.RandomState(0)
    centers = np.array([[0, 0, 0], [9, 0, 1], [0, 5, 0], [9, 5, 1]])
    kinds = random.permutation(np.repeat(np.arange(4), 30))
    features = centers[kinds] + random.normal(0, 0.3, (120, 3))
    members = grouped(features, 4)
    assert members.dtype == np.float32 and (members.sum(axis=0) == 30).all() and (members.max(axis=1) == 1).all()
    assert all(len(set(kinds[members[:, i] == 1])) == 1 for i in range(4))


@pytest.mark.parametrize("count", (1, 2, 32))
def test_clusters_have_equally_many_images(count):
    members = grouped(noise(35 * clusters.MIN_IMAGES), count)
    assert (members.sum(axis=1) == 1).all() and members.sum(axis=0) == pytest.approx(len(members) / count, abs=1)


def test_small_groups_are_shared():
    """40 images for 8 clusters: two groups of 20 images, because 10 are too few; four clusters share each."""
    members = grouped(noise(40), 8)
    assert set(members.ravel()) == {0, 0.25} and (members.sum(axis=0) == 5).all()
    assert (members[:, :4] == members[:, :1]).all() and (members[:, 4:] == members[:, 4:5]).all()
    assert grouped(noise(3), 4).tolist() == [[0.25] * 4] * 3


def test_equal_images_can_be_grouped():
    members = grouped(np.ones((64, 3), np.float32), 2)
    assert (members.sum(axis=0) == 32).all()


def test_g_adds_a_row_per_cluster_to_its_first_layer(graph, tiny):
    network = with_clusters(tiny, 4)
    images = generator(tf.constant(noise(2)), network)
    kernels = {v.op.name: v.shape.as_list() for v in tf.trainable_variables() if v.op.name.endswith("kernel")}
    units = kernels["generator/4x4/dense/kernel"][1]
    assert kernels["generator/clusters/kernel"] == [4, units]
    assert tf.gradients(images, graph.get_tensor_by_name("generator/clusters/kernel:0"))[0] is not None


def test_without_clusters_g_has_no_such_layer(graph, tiny):
    generator(tf.constant(noise(2)), with_clusters(tiny, 0))
    assert not tf.trainable_variables("generator/clusters")
