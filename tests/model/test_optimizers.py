"""Optimizers checked against their papers, and the learning rates."""

import numpy as np
import pytest
from graphs import EVERYTHING, moved, started

from model import optimizers
from model.graph_mode import tf
from model.train_graph import Counters
from model.variables import counter


def optimizer_by_hand(run, gradients):
    """Apply the optimizer's published update rule to a variable that starts at 1; return its final value."""
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
    update = optimizers.OPTIMIZERS[name](run, run.learning_rate, "test").minimize(x * g, var_list=[x])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(update, {g: gradient})
        assert session.run(x) == pytest.approx(optimizer_by_hand(run, gradients), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, size, channels",
    (("adam", 16, 3), ("rmsprop", 32, 1), ("momentum", 16, 3), ("sgd", 32, 1), ("adagrad", 16, 3)),
)
def test_every_optimizer_trains(tiny, name, size, channels):
    with started(tiny, optimizer=name, image_size=size, channels=channels) as training:
        before = training.read()
        for _ in range(2):
            training.step()
        after = training.read()
        assert moved(before, after) >= training.trainables()
        assert all(np.isfinite(value).all() for value in after.values())


def test_one_optimizer_serves_all_updates_of_d(tiny):
    with started(tiny, **EVERYTHING) as training:
        slots = training.read("d_optimizer/")
        trained = training.trainables("discriminator/") - training.trainables("discriminator/16x16/")
        assert len(slots) == 2 * len(trained) + 2  # two slots for each variable, and the two powers of beta


def rates(run, monkeypatch, name, counts):
    """Return D's and G's learning rates, for a data set of 40 images, at each of these values of the counter `name`."""
    tensors, results = {}, []
    monkeypatch.setitem(optimizers.OPTIMIZERS, run.optimizer, lambda run, rate, name: tensors.update({name: rate}))
    counters = Counters(*map(counter, Counters._fields))
    optimizers.build_optimizers(run, 40, counters)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for count in counts:
            getattr(counters, name).load(count, session)
            results.append(session.run([tensors["d_optimizer"], tensors["g_optimizer"]]))
    return results


@pytest.mark.parametrize(
    "changes, expected", (({"d_learning_rate": 0.5}, [0.5, 0.1]), ({"g_learning_rate": 0.5}, [0.1, 0.5]))
)
def test_each_network_has_its_learning_rate(graph, tiny, monkeypatch, changes, expected):
    run = tiny.run._replace(learning_rate=0.1, **changes)
    at_first, after_two = rates(run, monkeypatch, "rollbacks", [0, 2])
    assert at_first == pytest.approx(expected) and after_two == pytest.approx([rate / 4 for rate in expected])


@pytest.mark.parametrize(
    "changes, name, end", (({"max_steps": 100}, "step", 100), ({"epochs": 5}, "pictures_seen", 200))
)
def test_learning_rates_decay_to_zero_at_the_end(graph, tiny, monkeypatch, changes, name, end):
    run = tiny.run._replace(learning_rate=1.0, rate_decay_from=0.5, **changes)
    results = rates(run, monkeypatch, name, [int(done * end) for done in (0.0, 0.5, 0.75, 1.0, 1.5)])
    for result, rate in zip(results, (1.0, 1.0, 0.5, 0.0, 0.0)):
        assert result == pytest.approx([rate, rate])
