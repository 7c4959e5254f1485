"""The feature critic: its loss and its moments against NumPy, and the balance of its gradient with D's."""

import numpy as np
import pytest
from conftest import without_optimizations
from graphs import moved

from model import clusters, feature_critic
from model.feature_critic import BOUND, MEMORY, RATIO, RealFeatures
from model.graph_mode import tf
from model.train_graph import Reals, build_train_graph

N, F, M = 4, 3, 50


def reals(classes=2):
    """Return RealFeatures whose features of samples are the means of 3 columns of pixels, and their values."""
    random = np.random.RandomState(0)
    values = np.float32(random.normal(1.0, 2.0, (M, F)))
    return RealFeatures(lambda images: tf.reduce_mean(images[..., 0], 1), values, np.int32(np.arange(M) % classes), 0.0)


def images(mean, seed=1):
    """Return samples, [N, 2, F, 1] float32, whose features have this mean."""
    return np.float32(np.random.RandomState(seed).normal(mean, 1.0, (N, 2, F, 1)))


def standardized(features, real):
    """Return features as the critic compares them."""
    return BOUND * np.tanh((features - real.values.mean(0)) / real.values.std(0) / BOUND)


def test_the_loss_is_the_witness_of_the_kernel_distance(graph):
    """It rises with the kernel's mean over the samples and falls with its mean over the real images."""
    real, samples = reals(), images(3.0)
    loss, updates = feature_critic.build_critic(tf.constant(samples), real)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        value = session.run(loss)
    x, y = standardized(samples[..., 0].mean(1), real), standardized(real.values, real)

    def kernel(a, b):
        return (1.0 + a @ b.T / F) ** 2

    # One update has the weight 1 - MEMORY: at first, the moments equal the moments of the real images.
    assert value == pytest.approx((1 - MEMORY) * (kernel(x, x).mean() - kernel(x, y).mean()), rel=1e-4)
    assert len(updates) == 2


def test_moments_that_agree_give_no_gradient(graph, tiny):
    real = reals()
    samples = np.float32(np.broadcast_to(real.values[:, None, :, None], (M, 2, F, 1)))
    fakes = tf.constant(samples)
    groups = tf.constant(np.eye(2, dtype=np.float32)[real.labels])
    loss, updates = feature_critic.build_critic(fakes, real, groups, tiny.network._replace(clusters=0), 2)
    (gradient,) = tf.gradients(loss, fakes)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([update() for update in updates])
        assert np.abs(session.run(gradient)).max() < 1e-7


def test_descending_the_loss_brings_the_moments_together(graph):
    real = reals()
    fakes = tf.get_variable("fakes", initializer=np.concatenate([images(4.0, seed) for seed in range(16)]))
    loss, updates = feature_critic.build_critic(fakes, real)
    train = tf.train.GradientDescentOptimizer(2.0).minimize(loss)
    with tf.control_dependencies([train]):
        step = tf.group(*[update() for update in updates])

    def excess():
        x, y = (standardized(f, real) for f in (session.run(fakes)[..., 0].mean(1), real.values))
        return np.abs(x.mean(0) - y.mean(0)).max(), np.abs(x.T @ x / len(x) - y.T @ y / M).max()

    with tf.Session(config=without_optimizations(tf.ConfigProto())) as session:
        session.run(tf.global_variables_initializer())
        before = excess()
        for _ in range(1500):
            session.run(step)
        after = excess()
    assert before[0] > 1.0 and after[0] < 0.3 * before[0] and after[1] < 0.3 * before[1]


@pytest.mark.parametrize("n_classes", (1, 2))
def test_each_class_and_cluster_is_drawn_to_its_own_images(graph, tiny, n_classes):
    """Samples with the moments of all images, but of the wrong class or cluster, are pushed toward their own."""
    values = np.float32(np.repeat([[-1.0], [1.0]], M // 2, axis=0) * np.ones(F))
    real = reals()._replace(values=values, labels=np.int32(np.repeat([0, 1], M // 2)))
    samples = np.float32(np.broadcast_to(values[::-1][:, None, :, None], (M, 2, F, 1)))
    fakes = tf.constant(samples)
    network = tiny.network._replace(clusters=2, cluster_levels="all")
    labels = real.labels if n_classes > 1 else 0 * real.labels
    groups = clusters.group(values, labels, network, n_classes)
    loss, _ = feature_critic.build_critic(fakes, real, tf.constant(groups), network, n_classes)
    (gradient,) = tf.gradients(loss, fakes)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        result = session.run(gradient)
    assert (result[real.labels == 0] > 0).all() and (result[real.labels == 1] < 0).all()  # G descends


def test_the_gradients_of_d_and_of_the_critic_have_a_fixed_ratio(graph):
    fakes = tf.constant(images(0.0))
    d_loss, critic_loss = 7.0 * tf.reduce_sum(fakes[..., :1, :]), 1e-6 * tf.reduce_sum(fakes[..., 1:, :])
    (gradient,) = tf.gradients(feature_critic.add_gradient(d_loss, critic_loss, fakes), fakes)
    with tf.Session() as session:
        result = session.run(gradient)
    d, critic = result[..., :1, :], result[..., 1:, :]
    assert d == pytest.approx(7.0) and np.linalg.norm(critic) == pytest.approx(RATIO * np.linalg.norm(d), rel=1e-5)


def test_a_silent_critic_leaves_ds_gradient(graph):
    fakes = tf.constant(images(0.0))
    loss = feature_critic.add_gradient(tf.reduce_sum(fakes), 0.0 * tf.reduce_sum(fakes), fakes)
    with tf.Session() as session:
        assert (session.run(tf.gradients(loss, fakes)[0]) == 1.0).all()


@pytest.mark.parametrize("rows", (1, M))
def test_features_that_do_not_vary(graph, rows):
    """The features of a single image, or of equal images. If the critic has no gradient, G learns from D alone."""
    real = reals()._replace(values=np.ones((rows, F), np.float32), labels=np.zeros(rows, np.int32))
    fakes = tf.constant(np.concatenate([images(1.0), images(1e4), images(1.0) * 0.0 + 1.0]))
    loss, _ = feature_critic.build_critic(fakes, real)
    combined = feature_critic.add_gradient(tf.reduce_sum(fakes), loss, fakes)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert np.isfinite(session.run([loss, tf.gradients(combined, fakes)[0]])[1]).all()


def test_a_faint_critic_is_raised_to_ds_gradient(graph):
    """The ratio of the squares of the gradients would overflow."""
    fakes = tf.constant(images(0.0))
    combined = feature_critic.add_gradient(1e3 * tf.reduce_sum(fakes), 1e-18 * tf.reduce_sum(fakes), fakes)
    with tf.Session() as session:
        assert session.run(tf.gradients(combined, fakes)[0]) == pytest.approx(1e3 * (1 + RATIO))


def test_many_classes(graph, tiny):
    """One sample changes the moments of a class with few images by no more than its features divided by N."""
    classes = 3000
    real = reals()._replace(labels=np.int32(np.arange(M) * 7))
    drawn = np.eye(classes, dtype=np.float32)[[7, 14, 2999, 2999]]  # 2999 has no image
    network = tiny.network._replace(clusters=0)
    loss, updates = feature_critic.build_critic(tf.constant(images(1.0)), real, tf.constant(drawn), network, classes)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([update() for update in updates])
        moments = {v.op.name: session.run(v) for v in tf.global_variables()}
        assert np.isfinite(session.run(loss))
    x = standardized(images(1.0)[..., 0].mean(1), real)
    assert moments["feature_critic/classes"].shape == (classes, F)
    assert moments["feature_critic/classes"][2999] == pytest.approx(2 * x[2:].mean(0) / N, rel=1e-4)


@pytest.mark.parametrize(("conditional", "count"), ((0, 0), (1, 0), (0, 4), (1, 8)))
def test_only_gs_update_uses_the_critic(graph, tiny, conditional, count):
    run, network = tiny.run, tiny.network._replace(conditional=conditional, clusters=count)
    shape = [run.batch_size, network.height, network.width, network.channels]
    batch = np.float32(np.random.RandomState(0).uniform(-1, 1, shape))
    values = np.float32(np.random.RandomState(1).rand(9, 3))
    real = RealFeatures(lambda x: tf.reduce_mean(x, [1, 2]), values, np.int32([0, 1, 2] * 3), 0.1)
    counts = (3, 3, 3) if conditional else ()
    given = Reals(tf.constant(batch), 9, tf.constant([0, 1, 2, 2]), counts, real)
    ends = build_train_graph(given, network, run)
    moments = {f"feature_critic/{name}" for name in ("mean", "second", *["classes"] * (conditional or count > 0))}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        variables = {v.op.name: v for v in tf.global_variables()}
        assert {name for name in variables if name.startswith("feature_critic")} == moments
        assert not moments & {v.op.name for v in tf.trainable_variables()}
        before = session.run(variables)
        session.run(ends.d_updates[0])
        between = session.run(variables)
        session.run(ends.g_update)
        after = session.run(variables)
    assert not moments & moved(before, between) and moments < moved(between, after)
