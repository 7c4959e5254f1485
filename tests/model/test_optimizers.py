"""Optimizers against their papers, and the learning rates."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import read
from graphs import built, moved, numbered_batches, values_of

from model import optimizers
from model.train_graph import Reals, build_train_graph


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
    update = optimizers.build_optimizer(run, run.learning_rate, "test").minimize(x * g, var_list=[x])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(update, {g: gradient})
        assert session.run(x) == pytest.approx(optimizer_by_hand(run, gradients), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ("adam", "rmsprop", "momentum", "sgd", "adagrad"))
@pytest.mark.parametrize("size, channels", ((16, 3), (32, 1)))
def test_every_optimizer_trains(graph, tiny, name, size, channels):
    network = tiny.network._replace(image_size=size, channels=channels)
    run = tiny.run._replace(optimizer=name)
    ends = build_train_graph(Reals(numbered_batches(run, network)[0], 40), network, run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = values_of(session, tf.trainable_variables())
        for _ in range(2):
            session.run(ends.d_updates[0])
            session.run(ends.g_update)
        after = values_of(session, tf.trainable_variables())
        assert moved(before, after) == set(before)
        assert all(np.isfinite(value).all() for value in after.values())


def test_one_optimizer_serves_all_updates_of_d(graph, tiny):
    built(tiny, gradient_penalty="r1", penalty_every=3, optimizer="adam")
    slots = [v.op.name for v in tf.global_variables() if v.op.name.startswith("d_optimizer/")]
    trainables = tf.trainable_variables("discriminator/")
    assert len(slots) == 2 * len(trainables) + 2  # two slots each, and the two powers of beta


@pytest.mark.parametrize(
    "which, expected", (({"d_learning_rate": 0.5}, (0.5, 0.1)), ({"g_learning_rate": 0.5}, (0.1, 0.5)))
)
def test_each_network_has_its_rate(graph, tiny, monkeypatch, which, expected):
    rates = {}
    build = optimizers.build_optimizer
    monkeypatch.setattr(
        optimizers, "build_optimizer", lambda run, rate, name: rates.update({name: rate}) or build(run, rate, name)
    )
    built(tiny, learning_rate=0.1, **which)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run([rates["d_optimizer"], rates["g_optimizer"]])
    assert found == pytest.approx(list(expected))


def test_rates_fall_to_nothing_at_the_end(graph, tiny):
    """sgd moves by rate times gradient, and without augmentation that is the same whatever the counters say."""
    for changes, counter, end in (({"max_steps": 100}, "step", 100), ({"epochs": 5}, "pictures_seen", 200)):
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            ends, _, _ = built(tiny, optimizer="sgd", learning_rate=1.0, rate_decay_from=0.5, augment="none", **changes)
            name, moves = "discriminator/logit/dense/kernel", []
            for done in (0.0, 0.5, 0.75, 1.0, 1.5):
                with tf.Session() as session:
                    session.run(tf.global_variables_initializer())
                    getattr(ends.counters, counter).load(int(done * end), session)
                    before = read(session, name)
                    session.run(ends.d_updates[0])
                    moves.append(np.abs(read(session, name) - before).max())
        assert moves[2] == pytest.approx(0.5 * moves[0], rel=1e-3) and moves[1] == pytest.approx(moves[0], rel=1e-3)
        assert moves[0] > 0 and moves[3:] == [0, 0]
