"""Clusters: which z belong to which, that images are grouped by similarity, and that G gets them from z."""

import numpy as np
import pytest

from model import clusters, shapes
from model.generator import generator
from model.graph_mode import tf


def with_clusters(tiny, count, levels="last"):
    return tiny.network._replace(clusters=count, cluster_levels=levels)


def noise(n):
    return np.float32(np.random.RandomState(0).uniform(-1, 1, (n, 6)))  # z_dim is 6


def grouped(features, network):
    return clusters.group(features, np.zeros(len(features), np.int32), network, 1)


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


@pytest.mark.parametrize("n_classes", (1, 3))
def test_a_sample_belongs_to_a_cluster_at_each_level(graph, tiny, n_classes):
    """The cluster at each level contains the smaller ones; with classes, the class is the largest."""
    z, labels = noise(200), np.arange(200) % n_classes
    rows, network = (tf.one_hot(labels, 3) if n_classes > 1 else None), with_clusters(tiny, 8 * n_classes, "all")
    counts = shapes.cluster_counts(network, n_classes)
    assert counts == ([2, 4, 8] if n_classes == 1 else [3, 6, 12, 24])
    for build in (clusters.memberships, clusters.one_hot):
        with tf.Session() as session:
            all_levels, smallest = session.run(
                [build(z, network, rows), build(z, network._replace(cluster_levels="last"), rows)]
            )
        for count, part in zip(counts, np.split(all_levels, np.cumsum(counts)[:-1], axis=1)):
            assert part == pytest.approx(smallest.reshape(200, count, -1).sum(axis=2), abs=1e-6)
    if n_classes == 3:
        assert (all_levels[:, :3].argmax(axis=1) == labels).all()


@pytest.mark.parametrize("levels", ("all", "last"))
def test_walks_do_not_jump_between_clusters(graph, tiny, levels):
    """With 60 frames from one z to the next, no frame changes to another cluster altogether."""
    ends, times = noise(40), np.linspace(0, 1, 60)[None, :, None]
    z = np.float32(ends[:-1, None] * (1 - times) + ends[1:, None] * times)  # [39, 60, z_dim]
    with tf.Session() as session:
        soft = session.run(clusters.memberships(z.reshape(-1, z.shape[2]), with_clusters(tiny, 32, levels)))
    changes = np.abs(np.diff(soft.reshape(39, 60, -1), axis=1)).max(axis=2)
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


def test_the_images_of_each_class_are_grouped(tiny):
    labels = np.arange(4 * clusters.MIN_IMAGES) % 3 // 2  # two thirds in class 0; class 2 has no images
    members = clusters.group(noise(len(labels)), labels, with_clusters(tiny, 6, "all"), 3)
    assert (members[:, :3] == (labels[:, None] == np.arange(3))).all()
    halves = members[:, 3:]
    assert (halves[labels == 0, 2:] == 0).all() and (halves[labels == 1, 2:4] == 0.5).all()  # too few to be halved
    assert halves[:, :2].sum(axis=0) == pytest.approx((labels == 0).sum() / 2, abs=1)
    assert (halves.sum(axis=1) == 1).all() and (halves[:, 4:] == 0).all()


def test_similar_images_are_in_one_cluster(tiny):
    """Four kinds of images, in random order: each of the smallest clusters is one kind."""
    random = np.random.RandomState(0)
    centers = np.array([[0, 0, 0], [9, 0, 1], [0, 5, 0], [9, 5, 1]])
    kinds = random.permutation(np.repeat(np.arange(4), 40))
    features = centers[kinds] + random.normal(0, 0.3, (160, 3))
    members = grouped(features, with_clusters(tiny, 4, "all"))
    assert members.dtype == np.float32 and members.sum(axis=0).tolist() == [80] * 2 + [40] * 4
    halves, smallest = np.split(members == 1, [2], axis=1)
    assert all(len(set(kinds[smallest[:, i]])) == 1 for i in range(4))
    assert all((halves[:, i] == smallest[:, 2 * i : 2 * i + 2].any(axis=1)).all() for i in range(2))


@pytest.mark.parametrize("count", (2, 32))
def test_clusters_have_equally_many_images(tiny, count):
    members = grouped(noise(35 * clusters.MIN_IMAGES), with_clusters(tiny, count))
    assert (members.sum(axis=1) == 1).all() and members.sum(axis=0) == pytest.approx(len(members) / count, abs=1)


def test_small_clusters_are_shared(tiny):
    """40 images in 8 clusters: two of 20 images, because 10 are too few; four of the smallest share each."""
    members = grouped(noise(40), with_clusters(tiny, 8))
    assert set(members.ravel()) == {0, 0.25} and (members.sum(axis=0) == 5).all()
    assert (members[:, :4] == members[:, :1]).all() and (members[:, 4:] == members[:, 4:5]).all()
    assert grouped(noise(3), with_clusters(tiny, 4)).tolist() == [[0.25] * 4] * 3


def test_equal_images_can_be_grouped(tiny):
    assert grouped(np.ones((64, 3), np.float32), with_clusters(tiny, 2)).sum(axis=0).tolist() == [32, 32]


@pytest.mark.parametrize(("levels", "rows"), (("last", 4), ("all", 6)))
def test_g_adds_a_row_per_cluster_to_its_first_layer(graph, tiny, levels, rows):
    images = generator(tf.constant(noise(2)), with_clusters(tiny, 4, levels))
    kernels = {v.op.name: v.shape.as_list() for v in tf.trainable_variables() if v.op.name.endswith("kernel")}
    units = kernels["generator/4x4/dense/kernel"][1]
    assert kernels["generator/clusters/kernel"] == [rows, units]
    assert tf.gradients(images, graph.get_tensor_by_name("generator/clusters/kernel:0"))[0] is not None


def test_without_clusters_g_has_no_such_layer(graph, tiny):
    generator(tf.constant(noise(2)), with_clusters(tiny, 0))
    assert not tf.trainable_variables("generator/clusters")
