"""The loss scale of float16. Overflows are forced, and half precision is imitated by casts, without a GPU.

No rewriter of TensorFlow is involved, so that the tests also run on TensorFlow 1.15.
"""

import numpy as np
import pytest
from graphs import Training, moved
from overflows import overflow_if

from model import losses
from model.graph_mode import tf
from model.loss_scale import MAX, START, STEP, LossScale


@pytest.mark.parametrize("optimizer", ("adam", pytest.param("momentum", marks=pytest.mark.slow)))
def test_an_update_that_overflows_is_skipped(tiny, monkeypatch, optimizer):
    faults = overflow_if(monkeypatch, lambda: tf.placeholder_with_default(False, []))
    training = Training(tiny.run._replace(precision="float16", optimizer=optimizer, augment="none"), tiny.network)
    ends, faults = training.ends, dict.fromkeys(faults, True)
    training.step()  # from here on, the averages differ from the weights

    def changed(update, feed):
        before = training.read()
        values = training.session.run(update, feed)
        assert np.isfinite([value for value in values.values() if value is not None]).all()
        return moved(before, training.read())

    averages = {name for name in training.variables if "/moving_" in name and name.startswith("generator/")}
    counters = {"draw_index", "pictures_seen", "loss_scale/d"}
    assert changed(ends.d_update(0), faults) == counters
    assert changed(ends.g_update, faults) == {"draw_index", "step", "loss_scale/g"} | averages
    assert training.read("loss_scale") == {"loss_scale/d": START - 1, "loss_scale/g": START - 1}
    assert changed(ends.d_update(0), {}) >= counters | training.trainables("discriminator/")
    trained = training.trainables("generator/")
    averaged = {f"average_{name}" for name in trained}
    slots = {name for name in training.variables if name.startswith("g_optimizer/")}
    assert slots and changed(ends.g_update, {}) >= trained | averaged | slots
    assert training.read("loss_scale/d") == {"loss_scale/d": START - 1 + STEP}


@pytest.mark.slow
def test_an_overflow_at_the_lowest_scale_is_a_divergence(tiny, monkeypatch):
    overflow_if(monkeypatch, lambda: tf.constant(True), factors=(1e38, 1e38))
    training = Training(tiny.run._replace(precision="float16"), tiny.network)
    for log2 in range(int(START) - 1, -1, -1):
        training.session.run(training.ends.g_update["train"])
        assert training.read("loss_scale/g") == {"loss_scale/g": log2} and training.session.run(training.ends.is_finite)
    training.session.run(training.ends.g_update["train"])
    assert training.read("loss_scale/g") == {"loss_scale/g": 0.0}
    assert not training.session.run(training.ends.is_finite)  # which leads to a rollback


def test_the_scale_doubles_after_many_good_updates_and_has_bounds(graph):
    scale, gradient = LossScale("test"), tf.placeholder(tf.float32, [])
    (variable,), value, (update, is_applied) = tf.global_variables(), scale.read(), scale.update([gradient])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())

        def run(number, start=None):
            if start is not None:
                variable.load(start, session)
            applied = session.run([is_applied, update], {gradient: number})[0]
            return applied, session.run(value)

        for _ in range(int(1 / STEP) - 1):
            run(1.0)
        assert session.run(value) == 1024 and run(1.0) == (True, 2048)
        assert run(np.inf) == (False, 1024)
        assert run(np.nan, START + 0.75) == (False, 512) and run(1.0) == (True, 512)
        assert run(1.0, MAX) == (True, 2**MAX) and run(1.0, MAX - STEP) == (True, 2**MAX)
        assert run(np.inf, 0.5) == (True, 1)


def half(function):
    """Return a function that computes in float16, also its gradients, with float32 arguments and results."""

    def converted(*tensors, **options):
        tensors = [tf.cast(x, tf.float16) if x.dtype == tf.float32 else x for x in tensors]
        return tf.cast(function(*tensors, **options), tf.float32)

    return converted


def test_penalties_are_scaled_inside(graph):
    """The gradient, 1e-8, would be 0 in float16, and the penalty with it."""
    images, weight, product = tf.ones([2, 2, 2, 1]), tf.ones([4, 1]), half(tf.matmul)

    def penalty(scale, factor):
        def discriminator_fn(images):
            return product(tf.reshape(images, [2, 4]), weight) * factor

        return losses.r1(discriminator_fn, images, images, None, scale)

    scale = tf.constant(2.0**15)
    (gradient,) = tf.gradients(penalty(scale, 1e-4) * scale, weight)
    with tf.Session() as session:
        plain, scaled, gradient = session.run([penalty(None, 1e-8), penalty(scale, 1e-8), gradient / scale])
    assert plain == 0.0 and scaled == pytest.approx(0.5 * 4 * 1e-16, rel=1e-2)
    assert gradient == pytest.approx(1e-8 * np.ones([4, 1]), rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    ({"gradient_penalty": "r1"}, {"gradient_penalty": "wgan-gp", "loss": "wasserstein", "d_norm": "none"}),
)
def test_training_in_half_precision_follows_float32(tiny, monkeypatch, changes):
    """A scale that is far too large finds its way down; the losses are then nearly those of float32."""
    run = tiny.run._replace(augment="none", gradient_penalty=changes["gradient_penalty"])
    run = run._replace(loss=changes.get("loss", run.loss))
    network = tiny.network._replace(init="glorot", d_norm=changes.get("d_norm", tiny.network.d_norm))

    def train(training, updates):
        for _ in range(updates):
            training.session.run(training.ends.d_update(0))
        return [float(training.session.run(training.ends.d_update(0))["d_loss"]) for _ in range(3)]

    exact = Training(run, network)
    for name in ("conv2d", "conv2d_transpose"):
        monkeypatch.setattr(tf.nn, name, half(getattr(tf.nn, name)))
    monkeypatch.setattr(tf, "matmul", half(tf.matmul))
    scaled = Training(run._replace(precision="float16"), network)
    for name, value in exact.read().items():
        scaled.load(name, value)
    scaled.load("loss_scale/d", MAX)
    start = scaled.read("discriminator/")
    while scaled.read("loss_scale/d")["loss_scale/d"] % 1 == 0:
        assert not moved(start, scaled.read("discriminator/"))
        assert scaled.read("loss_scale/d")["loss_scale/d"] > 0
        scaled.session.run(scaled.ends.d_update(0))
    exact.load("draw_index", scaled.read("draw_index")["draw_index"] - 1)
    assert train(scaled, 2) == pytest.approx(train(exact, 3), rel=0.02, abs=0.02)
