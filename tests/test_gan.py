"""The training graph: what an update moves, what it draws, and that the optimizers are what they are called."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import InMemory, read

from model import gan
from utils import dataset, sampling
from utils.prepare import Pictures


def numbered_batches(run, network):
    """Return a stream of random batches, batch i around the value i / 100, and the list of those drawn."""
    drawn = []

    def draw():
        drawn.append(len(drawn))
        shape = (run.batch_size, network.image_size, network.image_size, network.channels)
        noise = np.random.RandomState(len(drawn)).uniform(-0.5, 0.5, shape)
        return np.float32(noise + drawn[-1] / 100.0)

    images = tf.py_func(draw, [], tf.float32)
    images.set_shape([run.batch_size, network.image_size, network.image_size, network.channels])
    return images, drawn


def values_of(session, variables):
    return dict(zip([v.op.name for v in variables], session.run(variables)))


def moved(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


@pytest.fixture
def trained(graph, tiny):
    """A session with the tiny training graph: (session, graph ends, list of drawn batches)."""
    images, drawn = numbered_batches(tiny.run, tiny.network)
    ends = gan.build_train_graph(images, tiny.network, tiny.run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        yield session, ends, drawn


def test_a_d_update_moves_d_alone(trained):
    session, ends, drawn = trained
    before = values_of(session, tf.global_variables())
    result = session.run(ends.d_update)
    after = values_of(session, tf.global_variables())
    names = moved(before, after)
    assert {v.op.name for v in tf.trainable_variables("discriminator/")} <= names
    assert not [name for name in names if name.startswith(("generator/", "g_optimizer/"))]
    assert (after["step"], after["draw_index"], after["pictures_seen"]) == (0, 1, 4)
    assert result["pictures_seen"] == 4 and len(drawn) == 1


def test_a_g_update_moves_g_alone_and_draws_no_batch(trained):
    session, ends, drawn = trained
    before = values_of(session, tf.global_variables())
    result = session.run(ends.g_update)
    after = values_of(session, tf.global_variables())
    names = moved(before, after)
    assert {v.op.name for v in tf.global_variables("generator/")} <= names  # its averages too
    assert not [name for name in names if name.startswith(("discriminator/", "d_optimizer/"))]
    assert (after["step"], after["draw_index"], after["pictures_seen"]) == (1, 1, 0)
    assert result["step"] == 1 and drawn == []


def test_the_averages_move_once_a_step(trained, tiny):
    session, ends, _ = trained
    means = [
        op.outputs[1]
        for op in tf.get_default_graph().get_operations()
        if op.type == "FusedBatchNormV3" and op.name.startswith("g_pass/generator/4x4")
    ]
    session.run(ends.d_update)
    before = read(session, "generator/4x4/batch_norm/moving_mean")
    batch_mean = session.run([means[0], ends.g_update])[0]
    after = read(session, "generator/4x4/batch_norm/moving_mean")
    momentum = tiny.network.bn_momentum
    assert after == pytest.approx(momentum * before + (1 - momentum) * batch_mean, abs=1e-7)


def test_the_losses_are_those_before_the_update(graph, tiny):
    run = tiny.run._replace(optimizer="sgd", learning_rate=100.0)
    ends = gan.build_train_graph(numbered_batches(run, tiny.network)[0], tiny.network, run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        # At weights this small D knows nothing yet; after such an update it would say anything but 1/2.
        result = session.run(ends.d_update)
        assert result["d_loss"] == pytest.approx(2 * np.log(2), abs=0.1)
        assert result["d_real"] == pytest.approx(0.5, abs=0.1) and result["d_fake"] == pytest.approx(0.5, abs=0.1)
        assert abs(session.run(ends.d_update)["d_loss"] - 2 * np.log(2)) > 1


def test_no_two_draws_share_their_noise(graph):
    draws = [
        gan.noise(3, 5, seed, use, tf.constant(draw, tf.int64))
        for seed in (0, 1)
        for use in (gan.Z_FOR_D, gan.Z_FOR_G)
        for draw in (0, 1, 2**33)
    ]
    again = gan.noise(3, 5, 0, gan.Z_FOR_D, tf.constant(0, tf.int64))
    with tf.Session() as session:
        draws, again = session.run([draws, again])
    assert np.array_equal(draws[0], again)
    assert len({draw.tobytes() for draw in draws}) == len(draws)
    assert again.shape == (3, 5) and again.dtype == np.float32


def test_noise_is_uniform_in_minus_one_to_one(graph):
    with tf.Session() as session:
        z = session.run(gan.noise(1000, 100, 0, gan.Z_FOR_D, tf.constant(0, tf.int64)))
    assert -1 <= z.min() < -0.999 and 0.999 < z.max() <= 1
    assert z.mean() == pytest.approx(0, abs=0.01) and z.var() == pytest.approx(1 / 3, abs=0.01)


def test_a_variable_of_neither_network_is_named(graph, tiny):
    tf.get_variable("stray", [2])
    images, _ = numbered_batches(tiny.run, tiny.network)
    with pytest.raises(ValueError, match="neither network: stray:0"):
        gan.build_train_graph(images, tiny.network, tiny.run)


def optimizer_by_hand(run, gradients):
    """Return where a variable ends that starts at 1 and sees these gradients, by the optimizers' papers."""
    x, m, v, lr = 1.0, 0.0, 0.0, run.learning_rate
    v = {"adagrad": run.initial_accumulator, "rmsprop": 1.0}.get(run.optimizer, 0.0)
    for t, g in enumerate(gradients, 1):
        if run.optimizer == "adam":
            m, v = run.beta1 * m + (1 - run.beta1) * g, run.beta2 * v + (1 - run.beta2) * g * g
            rate = lr * np.sqrt(1 - run.beta2**t) / (1 - run.beta1**t)
            x -= rate * m / (np.sqrt(v) + run.epsilon)
        elif run.optimizer == "rmsprop":
            v = run.decay * v + (1 - run.decay) * g * g
            x -= lr * g / np.sqrt(v + run.epsilon)
        elif run.optimizer == "momentum":
            m = run.momentum * m + g
            x -= lr * m
        elif run.optimizer == "adagrad":
            v += g * g
            x -= lr * g / np.sqrt(v)
        else:
            x -= lr * g
    return x


@pytest.mark.parametrize("name", ("adam", "rmsprop", "momentum", "sgd", "adagrad"))
def test_each_optimizer_and_its_settings(graph, tiny, name):
    run = tiny.run._replace(
        optimizer=name,
        learning_rate=0.05,
        beta1=0.7,
        beta2=0.9,
        decay=0.8,
        momentum=0.6,
        initial_accumulator=0.3,
        epsilon=0.01,
    )
    gradients = [0.5, -0.2, 0.9, 0.1]
    x = tf.get_variable("x", [], initializer=tf.ones_initializer())
    g = tf.placeholder(tf.float32, [])
    update = gan.build_optimizer(run, run.learning_rate, "test").minimize(x * g, var_list=[x])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(update, {g: gradient})
        assert session.run(x) == pytest.approx(optimizer_by_hand(run, gradients), rel=1e-5)


@pytest.mark.parametrize("name", ("adam", "rmsprop", "momentum", "sgd", "adagrad"))
@pytest.mark.parametrize("size, channels", ((16, 3), (32, 1)))
def test_every_optimizer_trains(graph, tiny, name, size, channels):
    network = tiny.network._replace(image_size=size, channels=channels)
    run = tiny.run._replace(optimizer=name)
    ends = gan.build_train_graph(numbered_batches(run, network)[0], network, run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = values_of(session, tf.trainable_variables())
        for _ in range(2):
            session.run(ends.d_update)
            session.run(ends.g_update)
        after = values_of(session, tf.trainable_variables())
        assert moved(before, after) == set(before)
        assert all(np.isfinite(value).all() for value in after.values())


@pytest.mark.parametrize("size", (32, 64, 128, 256))
@pytest.mark.parametrize("channels", (1, 3))
def test_every_size_trains(graph, tiny, size, channels):
    network = tiny.network._replace(image_size=size, channels=channels, filters=2, max_filters=4)
    run = tiny.run._replace(batch_size=2)
    ends = gan.build_train_graph(numbered_batches(run, network)[0], network, run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(ends.d_update)
        assert np.isfinite(session.run(ends.g_update)["g_loss"])


@pytest.mark.parametrize("k", (1, 3))
def test_a_step_draws_exactly_k_batches(graph, tiny, k):
    """From the dataset itself: after two steps the stream and pictures_seen agree on what comes next."""
    records = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1) * np.ones((1, 16, 16, 3), np.uint8)
    pictures = Pictures(InMemory(records), np.zeros(40, np.int32), ["a"], "", None)
    batches = dataset.batches(pictures, tiny.run.batch_size, 16, mirror=0, seed=0)
    ends = gan.build_train_graph(batches.images, tiny.network, tiny.run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(batches.initializer, {batches.start: 0})
        for _ in range(2):
            for _ in range(k):
                session.run(ends.d_update)
            session.run(ends.g_update)
        seen = session.run(ends.pictures_seen)
        assert seen == 2 * k * tiny.run.batch_size
        expected = dataset.Order(40, 0).take(seen, tiny.run.batch_size)
        following = np.round((session.run(batches.images)[:, 0, 0, 0] + 1) * 127.5)
        assert following.tolist() == expected.tolist()


def test_the_picture_of_a_z_does_not_depend_on_its_batch(trained, tiny):
    session, ends, _ = trained
    for _ in range(5):
        session.run(ends.d_update)
        session.run(ends.g_update)
    sampler = gan.build_sampler(tiny.network)
    z = sampling.noise(0, sampling.SAMPLES, 70, tiny.network.z_dim)
    together = np.concatenate(list(sampling.pictures(session, sampler, z)))
    assert together.shape == (70, 16, 16, 3) and together.dtype == np.uint8
    # Bit for bit in what is written, wherever it stands and whatever stands beside it ...
    assert np.array_equal(np.concatenate(list(sampling.pictures(session, sampler, z[:1]))), together[:1])
    assert np.array_equal(np.concatenate(list(sampling.pictures(session, sampler, z[::-1]))), together[::-1])
    # ... and in the graph itself but for rounding.
    alone = [session.run(sampler.images, {sampler.z: z[i : i + 1]})[0] for i in range(5)]
    beside = session.run(sampler.images, {sampler.z: z[:5]})
    assert np.array(alone) == pytest.approx(beside, abs=1e-6)


def test_more_samples_only_add_to_fewer():
    assert np.array_equal(sampling.noise(3, 1, 100, 7)[:10], sampling.noise(3, 1, 10, 7))
    assert not np.array_equal(sampling.noise(3, 1, 10, 7), sampling.noise(4, 1, 10, 7))
    assert not np.array_equal(sampling.noise(3, 1, 10, 7), sampling.noise(3, 0, 10, 7))
