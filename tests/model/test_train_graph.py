"""The training graph: what an update moves and what it draws."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import InMemory, read
from graphs import built, moved, numbered_batches, started, values_of

from model import random_streams
from model.train_graph import Reals, build_train_graph
from utils.data import ImageDataset
from utils.data.batches import EpochShuffle, build_batches


@pytest.fixture
def trained(graph, tiny):
    """A session with the tiny training graph: (session, graph ends, list of drawn batches, sampler)."""
    with started(tiny) as parts:
        yield parts


def test_a_d_update_moves_d_alone(trained):
    session, ends, drawn, _ = trained
    before = values_of(session, tf.global_variables())
    result = session.run(ends.d_updates[0])
    after = values_of(session, tf.global_variables())
    names = moved(before, after)
    assert {v.op.name for v in tf.trainable_variables("discriminator/")} <= names
    assert not [name for name in names if name.startswith(("generator/", "g_optimizer/"))]
    assert (after["step"], after["draw_index"], after["pictures_seen"]) == (0, 1, 4)
    assert result["pictures_seen"] == 4 and len(drawn) == 1


@pytest.mark.parametrize("d_norm", ("batch", "spectral"))
def test_frozen_layers_of_d_stay(graph, tiny, d_norm):
    """The first of its two, D 16x16: the other one and the logit move; spectral norm still follows its vectors."""
    run = tiny.run._replace(freeze_d=1, gradient_penalty="r1")
    with started(tiny._replace(run=run, network=tiny.network._replace(d_norm=d_norm))) as (session, ends, _, _):
        before = values_of(session, tf.trainable_variables())
        session.run([ends.d_updates[0], ends.g_update])
        still = set(before) - moved(before, values_of(session, tf.trainable_variables()))
        assert still == {v.op.name for v in tf.trainable_variables("discriminator/16x16/")} != set()
        assert not [v for v in tf.global_variables("d_optimizer/") if "/16x16/" in v.op.name]


def test_a_g_update_moves_g_alone_and_draws_no_batch(trained):
    session, ends, drawn, _ = trained
    before = values_of(session, tf.global_variables())
    result = session.run(ends.g_update)
    after = values_of(session, tf.global_variables())
    names = moved(before, after)
    assert {v.op.name for v in tf.global_variables("generator/")} <= names  # its averages too
    assert not [name for name in names if name.startswith(("discriminator/", "d_optimizer/"))]
    assert (after["step"], after["draw_index"], after["pictures_seen"]) == (1, 1, 0)
    assert result["step"] == 1 and drawn == []


def test_the_averages_move_once_a_step(trained, tiny):
    session, ends, _, _ = trained
    means = [
        op.outputs[1]
        for op in tf.get_default_graph().get_operations()
        if op.type == "FusedBatchNormV3" and op.name.startswith("g_pass/generator/4x4")
    ]
    session.run(ends.d_updates[0])
    before = read(session, "generator/4x4/batch_norm/moving_mean")
    batch_mean = session.run([means[0], ends.g_update])[0]
    after = read(session, "generator/4x4/batch_norm/moving_mean")
    momentum = tiny.network.bn_momentum
    assert after == pytest.approx(momentum * before + (1 - momentum) * batch_mean, abs=1e-7)


def test_the_losses_are_those_before_the_update(graph, tiny):
    run = tiny.run._replace(optimizer="sgd", learning_rate=100.0)
    ends = build_train_graph(Reals(numbered_batches(run, tiny.network)[0], 40), tiny.network, run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        # At weights this small D knows nothing yet; after such an update it would say anything but 1/2.
        result = session.run(ends.d_updates[0])
        assert result["d_loss"] == pytest.approx(2 * np.log(2), abs=0.1)
        assert result["d_real"] == pytest.approx(0.5, abs=0.1) and result["d_fake"] == pytest.approx(0.5, abs=0.1)
        assert abs(session.run(ends.d_updates[0])["d_loss"] - 2 * np.log(2)) > 1


def test_a_variable_of_neither_network_is_named(graph, tiny):
    tf.get_variable("stray", [2])
    images, _ = numbered_batches(tiny.run, tiny.network)
    with pytest.raises(ValueError, match="neither network: stray:0"):
        build_train_graph(Reals(images, 40), tiny.network, tiny.run)


@pytest.mark.slow
@pytest.mark.parametrize("size", (32, 64, 128, 256))
@pytest.mark.parametrize("channels", (1, 3))
def test_every_size_trains(graph, tiny, size, channels):
    network = tiny.network._replace(image_size=size, channels=channels, filters=2, max_filters=4)
    run = tiny.run._replace(batch_size=2)
    ends = build_train_graph(Reals(numbered_batches(run, network)[0], 40), network, run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(ends.d_updates[0])
        assert np.isfinite(session.run(ends.g_update)["g_loss"])


@pytest.mark.parametrize("k", (1, 3))
def test_a_step_draws_exactly_k_batches(graph, tiny, k):
    """From the dataset itself: after two steps the stream and pictures_seen agree on what comes next."""
    records = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1) * np.ones((1, 16, 16, 3), np.uint8)
    dataset = ImageDataset(InMemory(records), np.zeros(40, np.int32), ["a"], "", None)
    batches = build_batches(dataset, tiny, tiny.run.batch_size)
    ends = build_train_graph(Reals(batches.images, 40), tiny.network, tiny.run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(batches.initializer, {batches.start: 0})
        for _ in range(2):
            for _ in range(k):
                session.run(ends.d_updates[0])
            session.run(ends.g_update)
        seen = session.run(ends.counters.pictures_seen)
        assert seen == 2 * k * tiny.run.batch_size
        expected = EpochShuffle(40, 0).take(seen, tiny.run.batch_size)
        following = np.round((session.run(batches.images)[:, 0, 0, 0] + 1) * 127.5)
        assert following.tolist() == expected.tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss, penalty, d_norm",
    (
        ("non_saturating", "none", "none"),
        ("non_saturating", "r1", "batch"),
        ("hinge", "none", "spectral"),
        ("hinge", "r1", "layer"),
        ("least_squares", "none", "batch"),
        ("least_squares", "wgan-gp", "none"),
        ("wasserstein", "wgan-gp", "layer"),
        ("wasserstein", "r1", "spectral"),
    ),
)
@pytest.mark.parametrize("downsample", ("average", "stride"))
def test_losses_penalties_and_norms_train(graph, tiny, loss, penalty, d_norm, downsample):
    changes = {"penalty_every": 1 if penalty == "none" else 2, "downsample": downsample}
    ends, _, _ = built(tiny, loss=loss, gradient_penalty=penalty, d_norm=d_norm, **changes)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = values_of(session, tf.trainable_variables())
        for update in ends.d_updates * 2:
            session.run(update)
            session.run(ends.g_update)
        after = values_of(session, tf.trainable_variables())
        # At first, hinge and wasserstein push the last bias as much up as down.
        assert moved(before, after) >= set(before) - {"discriminator/logit/dense/bias"}
        assert session.run(ends.is_finite)


def test_the_penalty_is_part_of_the_first_update_alone(graph, tiny):
    ends, _, _ = built(tiny, gradient_penalty="r1", penalty_every=3, penalty_weight=1000.0, optimizer="sgd")
    assert len(ends.d_updates) == 3
    name, moves = "discriminator/16x16/conv/kernel", []
    for update in ends.d_updates:
        with tf.Session() as session:  # another one, for its first weights are always the same
            session.run(tf.global_variables_initializer())
            before = read(session, name)
            session.run(update)
            moves.append(np.abs(read(session, name) - before).max())
    assert moves[0] > 5 * moves[1] and moves[1] == pytest.approx(moves[2], rel=1e-3)


def test_weights_that_are_not_finite_are_noticed(graph, tiny):
    images = tf.random_uniform([4, 16, 16, 3], -1, 1)
    ends = build_train_graph(Reals(images, 40), tiny.network, tiny.run)
    names = ("generator/4x4/batch_norm/moving_mean", "discriminator/logit/dense/bias", "generator/16x16/conv/kernel")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(ends.is_finite)
        for name in names:
            (variable,) = [v for v in tf.global_variables() if v.op.name == name]
            value = session.run(variable)
            for wrong in (np.nan, np.inf, -np.inf):
                broken = value.copy()
                broken.flat[-1] = wrong
                variable.load(broken, session)
                assert not session.run(ends.is_finite), (name, wrong)
            variable.load(value, session)
        assert session.run(ends.is_finite)


def test_a_rollback_changes_the_noise_and_halves_the_rate(graph, tiny):
    draw = tf.constant(3, tf.int64)
    with tf.Session() as session:
        keys = [session.run(random_streams.stateless_seed(0, "z", draw, rollbacks)) for rollbacks in range(3)]
        assert np.array_equal(keys[0], session.run(random_streams.stateless_seed(0, "z", draw)))
    assert len({key.tobytes() for key in keys}) == 3
    run = tiny.run._replace(optimizer="adam", learning_rate=1e-3)  # whose first update is the rate itself, up or down
    steps = []
    images = tf.random.stateless_uniform([4, 16, 16, 3], [1, 2])
    ends = build_train_graph(Reals(images, 40), tiny.network, run)
    (bias,) = [v for v in tf.global_variables() if v.op.name == "discriminator/logit/dense/bias"]
    with tf.Session() as session:
        for rollbacks in (0, 1, 2):
            session.run(tf.global_variables_initializer())
            ends.counters.rollbacks.load(rollbacks, session)
            before = session.run(bias)
            session.run(ends.d_updates[0])
            steps.append(abs(float((session.run(bias) - before)[0])))
    assert steps == pytest.approx([1e-3, 5e-4, 2.5e-4], rel=1e-2)
