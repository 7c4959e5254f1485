"""The training graph: the variables that an update changes and the batches that it consumes."""

import numpy as np
import pytest
from conftest import InMemory
from graphs import EVERYTHING, moved, started

from model import random_streams
from model.graph_mode import tf
from model.train_graph import Reals, build_train_graph
from model.variables import trainables
from utils.data import ImageDataset
from utils.data.batches import EpochShuffle, build_batches


def test_d_update_changes_only_d_and_takes_one_batch(tiny):
    with started(tiny) as training:
        before = training.read()
        result = training.session.run(training.ends.d_updates[0])
        after = training.read()
        names = moved(before, after)
        assert training.trainables("discriminator/") <= names
        assert not [name for name in names if name.startswith(("generator/", "g_optimizer/"))]
        assert (after["step"], after["draw_index"], after["pictures_seen"]) == (0, 1, 4)
        assert result["pictures_seen"] == 4 and len(training.drawn) == 1


def test_g_update_changes_only_g_and_takes_no_batch(tiny):
    with started(tiny) as training:
        before = training.read()
        result = training.session.run(training.ends.g_update)
        after = training.read()
        names = moved(before, after)
        assert set(training.read("generator/")) <= names  # includes the batch-norm moving averages
        assert not [name for name in names if name.startswith(("discriminator/", "d_optimizer/"))]
        assert (after["step"], after["draw_index"], after["pictures_seen"]) == (1, 1, 0)
        assert result["step"] == 1 and training.drawn == []


def test_frozen_layers_of_d_keep_their_weights(tiny):
    """The first of D's two layers, 16x16, is frozen; the second layer and the logit layer change."""
    with started(tiny, **EVERYTHING) as training:
        before = training.read()
        training.session.run([training.ends.d_updates[0], training.ends.g_update])
        fixed = training.trainables() - moved(before, training.read())
        assert fixed == training.trainables("discriminator/16x16/") != set()
        assert not [name for name in before if name.startswith("d_optimizer/") and "/16x16/" in name]


def test_batch_norm_averages_move_once_a_step(tiny):
    with started(tiny) as training:
        fused = [op for op in training.graph.get_operations() if op.type == "FusedBatchNormV3"]
        mean = next(op.outputs[1] for op in fused if op.name.startswith("g_pass/generator/4x4"))
        name = "generator/4x4/batch_norm/moving_mean"
        training.session.run(training.ends.d_updates[0])
        before = training.read()[name]
        batch_mean = training.session.run([mean, training.ends.g_update])[0]
        momentum = tiny.network.bn_momentum
        expected = momentum * before + (1 - momentum) * batch_mean
        assert training.read()[name] == pytest.approx(expected, abs=1e-7)
        # G's update does not rerun the generator pass of D's update, whose batch norm would update the averages again.
        operations, pending = set(), [training.ends.g_update["train"]]
        while pending:
            operation = pending.pop()
            if operation not in operations:
                operations.add(operation)
                pending += [*operation.control_inputs, *(tensor.op for tensor in operation.inputs)]
        assert "g_pass/generator" in "".join(operation.name for operation in operations)
        assert not [operation.name for operation in operations if operation.name.startswith("d_pass/generator")]


def test_losses_are_from_before_the_update(tiny):
    with started(tiny) as training:
        loss = training.ends.d_updates[0]["d_loss"]
        before = training.session.run(loss)
        result = training.session.run(training.ends.d_updates[0])
        assert result["d_loss"] == pytest.approx(before, rel=1e-6)
        # With small initial weights, D cannot separate real from fake yet.
        assert before == pytest.approx(2 * np.log(2), abs=0.1)
        assert result["d_real"] == pytest.approx(0.5, abs=0.1) and result["d_fake"] == pytest.approx(0.5, abs=0.1)
        training.load("draw_index", 0)  # repeats the noise, without augmentation
        training.load("balance/augmented", 0.0)
        assert training.session.run(loss) < before - 1e-5


def test_trainable_variable_of_neither_network_is_an_error(graph):
    tf.get_variable("stray", [2])
    with pytest.raises(ValueError, match="neither network: stray:0"):
        trainables()


@pytest.mark.slow
@pytest.mark.parametrize("size, channels", ((32, 1), (64, 3), (128, 1), (256, 3)))
def test_every_size_trains(tiny, size, channels):
    changes = {"image_size": size, "channels": channels, "filters": 2, "max_filters": 4, "batch_size": 2}
    with started(tiny, **changes) as training:
        training.session.run(training.ends.d_updates[0])
        assert np.isfinite(training.session.run(training.ends.g_update)["g_loss"])


def test_a_step_takes_exactly_k_batches_of_the_data_set(graph, tiny):
    """After some steps, the data set and pictures_seen agree on the next batch."""
    records = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1) * np.ones((1, 8, 8, 3), np.uint8)
    dataset = ImageDataset(InMemory(records), np.zeros(40, np.int32), ["a"], "", None)
    settings = tiny._replace(
        run=tiny.run._replace(augment="none", ema_decay=0.0), network=tiny.network._replace(image_size=8)
    )
    batches = build_batches(dataset, settings, tiny.run.batch_size)
    ends = build_train_graph(Reals(batches.images, 40), settings.network, settings.run)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(batches.initializer, {batches.start: 0})
        for k in (1, 3):
            for _ in range(k):
                session.run(ends.d_updates[0])
            session.run(ends.g_update)
        seen = session.run(ends.counters.pictures_seen)
        assert seen == (1 + 3) * tiny.run.batch_size
        expected = EpochShuffle(40, 0).take(seen, tiny.run.batch_size)
        next_batch = np.round((session.run(batches.images)[:, 0, 0, 0] + 1) * 127.5)
        assert next_batch.tolist() == expected.tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss, penalty, d_norm, downsample",
    (
        ("non_saturating", "none", "none", "stride"),
        ("non_saturating", "r1", "batch", "average"),
        ("hinge", "none", "spectral", "average"),
        ("hinge", "r1", "layer", "stride"),
        ("least_squares", "none", "batch", "stride"),
        ("least_squares", "wgan-gp", "none", "average"),
        ("wasserstein", "wgan-gp", "layer", "average"),
        ("wasserstein", "r1", "spectral", "stride"),
    ),
)
def test_losses_penalties_and_norms_train(tiny, loss, penalty, d_norm, downsample):
    changes = {"penalty_every": 1 if penalty == "none" else 2, "downsample": downsample, "d_norm": d_norm}
    with started(tiny, loss=loss, gradient_penalty=penalty, **changes) as training:
        before = training.read()
        for update in training.ends.d_updates * 2:
            training.session.run(update)
            training.session.run(training.ends.g_update)
        # At first, hinge and wasserstein push the last bias up as much as down.
        expected = training.trainables() - {"discriminator/logit/dense/bias"}
        assert moved(before, training.read()) >= expected
        assert training.session.run(training.ends.is_finite)


def test_only_the_first_update_of_d_has_the_penalty(tiny):
    slot = "d_optimizer/discriminator/8x8/conv/kernel/d_optimizer"  # after one update: the gradient times 1 - beta1
    gradients = []
    for i in range(3):
        with started(tiny, **EVERYTHING) as training:
            assert len(training.ends.d_updates) == 3 and training.ends.d_update(i + 3) is training.ends.d_updates[i]
            training.session.run(training.ends.d_update(i))
            gradients.append(training.read(slot)[slot])
    assert np.abs(gradients[0]).max() > 5 * np.abs(gradients[1]).max() > 0
    assert gradients[1] == pytest.approx(gradients[2], rel=1e-3, abs=1e-7)


def test_values_that_are_not_finite_are_detected(tiny):
    names = ("generator/4x4/batch_norm/moving_mean", "discriminator/logit/dense/bias", "generator/16x16/conv/kernel")
    with started(tiny) as training:
        for name in names:
            value = training.read()[name]
            for wrong in (np.nan, np.inf, -np.inf):
                broken = value.copy()
                broken.flat[-1] = wrong
                training.load(name, broken)
                assert not training.session.run(training.ends.is_finite), (name, wrong)
            training.load(name, value)
        assert training.session.run(training.ends.is_finite)


def test_a_rollback_changes_the_noise_and_halves_the_learning_rate(tiny):
    name, steps, noise = "discriminator/logit/dense/bias", [], []
    with started(tiny) as training:
        seed = random_streams.stateless_seed(0, "z", tf.constant(3, tf.int64), training.ends.counters.rollbacks)
        for rollbacks in (0, 1, 2):
            training.reset()
            training.session.run(training.ends.set_rollbacks, {training.ends.new_rollbacks: rollbacks})
            before = training.read(name)[name]
            noise.append(training.session.run(seed).tobytes())
            training.session.run(training.ends.d_updates[0])
            steps.append(abs(float((training.read(name)[name] - before)[0])))
        unchanged = training.session.run(random_streams.stateless_seed(0, "z", tf.constant(3, tf.int64)))
    assert len(set(noise)) == 3 and noise[0] == unchanged.tobytes()
    rate = tiny.run.d_learning_rate or tiny.run.learning_rate  # Adam's first update is the learning rate, up or down
    assert steps == pytest.approx([rate, rate / 2, rate / 4], rel=1e-2)
