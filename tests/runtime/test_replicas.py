"""Several devices in one machine, imitated by CPU devices: their step equals the step of a single device."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import without_optimizations
from overflows import overflow_if

from model import replicas
from model.feature_critic import RealFeatures
from model.loss_scale import START, STEP
from model.train_graph import Reals, build_train_graph
from utils.runtime import cluster

NEEDS_TF2 = pytest.mark.skipif(tf.__version__.startswith("1."), reason="several replicas need TensorFlow 2")

ADAPTIVE = {"augment": "adaptive", "gradient_penalty": "r1", "optimizer": "sgd", "learning_rate": 0.02}


def train(count, tiny, checkpoint, changes):
    """Return the rows and all variables after two steps with `count` replicas; one replica writes the checkpoint."""
    run = tiny.run._replace(**{name: value for name, value in changes.items() if name in tiny.run._fields})
    network = tiny.network._replace(**{name: value for name, value in changes.items() if name in tiny.network._fields})
    run = run._replace(batch_size=8 // count)
    devices = [f"/cpu:{i}" for i in range(count)] if count > 1 else []
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        workers = cluster.Workers(None, 10, devices)
        assert (workers.replicas, workers.own_replicas, workers.rows(run.batch_size)) == (count, count, slice(0, 8))
        with workers.scope():
            images = tf.random.stateless_uniform([8, network.height, network.width, 3], [3, 4], minval=-1.0)
            labels = tf.constant([0, 1, 2, 2, 1, 0, 0, 1], tf.int32)
            values = np.random.RandomState(5).rand(20, 3).astype(np.float32)
            features = RealFeatures(lambda x: tf.reduce_mean(x, [1, 2]), values, np.arange(20) % 3, 0.1)
            reals = Reals(images, 40, labels, (5, 5, 10), features if network.d_features != "none" else None)
            graph = build_train_graph(reals, network, run)
            initializer = tf.global_variables_initializer()
        variables = tf.global_variables()
        saver = tf.train.Saver(variables)
        with workers.session(without_optimizations(tf.ConfigProto(device_count={"CPU": count}))) as session:
            session.run(initializer)
            if count == 1:
                saver.save(session, checkpoint)
            saver.restore(session, checkpoint)  # with the variable names of a single device
            session.run(graph.init_ema)
            rows = []
            for step in range(2):
                d, g = session.run(graph.d_update(step)), session.run(graph.g_update)
                rows.append([d[name] for name in ("d_loss", "d_real", "d_fake", "lead", "augmented", "pictures_seen")])
                rows[-1] += [g["g_loss"], g["step"]]
            return rows, {v.op.name: value for v, value in zip(variables, session.run(variables))}


@NEEDS_TF2
@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    (
        # The lead compares pairs across all replicas; the gradient of r1 passes the all-reduced statistics of D twice.
        ADAPTIVE,
        {
            "image_size": 32,  # G with skip-layer excitation
            "augment": "color,translation,cutout",
            "conditional": 1,
            "d_norm": "spectral",
            "loss": "hinge",
            "d_features": "efficientnet",
            "clusters": 8,
            "cluster_levels": "all",
        },
        {
            "d_norm": "layer",
            "loss": "wasserstein",
            "gradient_penalty": "wgan-gp",
            "penalty_every": 2,
            "optimizer": "rmsprop",
        },
    ),
)
def test_two_replicas_make_the_step_of_one(tiny, tmp_path, changes):
    rows, variables = train(1, tiny, str(tmp_path / "start"), changes)
    rows_of_two, variables_of_two = train(2, tiny, str(tmp_path / "start"), changes)
    assert rows_of_two == pytest.approx(np.array(rows), rel=1e-5)
    assert set(variables) == set(variables_of_two)
    for name in variables:
        assert variables_of_two[name] == pytest.approx(variables[name], rel=1e-3, abs=1e-5), name
    if changes is ADAPTIVE:  # with separate batch-norm statistics per replica, the steps differ
        rows_of_two, _ = train(2, tiny, str(tmp_path / "start"), dict(changes, sync_batch_norm=0))
        assert rows_of_two != pytest.approx(np.array(rows), rel=1e-5)


@NEEDS_TF2
@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ("adam", "sgd"))
def test_an_overflow_on_one_replica_skips_the_update_on_all(tiny, tmp_path, monkeypatch, optimizer):
    def is_in_last_rows():  # of the updates in the first step
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        (draw_index,) = [v for v in tf.global_variables() if v.op.name.startswith("draw_index")]
        return (draw_index < 2) & tf.equal(replica, replicas.num_replicas() - 1)

    overflow_if(monkeypatch, is_in_last_rows)
    changes = {"precision": "float16", "optimizer": optimizer, "learning_rate": 0.001}
    rows, variables = train(1, tiny, str(tmp_path / "start"), changes)
    rows_of_two, variables_of_two = train(2, tiny, str(tmp_path / "start"), changes)
    assert rows_of_two == pytest.approx(np.array(rows), rel=1e-5)
    assert variables["loss_scale/d"] == variables["loss_scale/g"] == START - 1 + STEP
    for name in variables:
        assert variables_of_two[name] == pytest.approx(variables[name], rel=1e-3, abs=1e-5), name
    assert set(variables) == set(variables_of_two)


@NEEDS_TF2
def test_the_gradient_of_a_mean_over_replicas(graph):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])

    def on_each():
        x = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32) * 2.0 + 1.0  # 1 and 3
        (mean,) = replicas.all_reduce_mean([x])
        (gradient,) = tf.gradients(mean * x, x)  # half the gradient of m x0 + m x1: m + mean(x)
        return mean, gradient

    with strategy.scope():
        mean, gradient = strategy.run(on_each)
    with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
        assert session.run(strategy.experimental_local_results(mean)) == (2.0, 2.0)
        assert session.run(strategy.experimental_local_results(gradient)) == (4.0, 4.0)
