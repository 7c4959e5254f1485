"""The averaged generator, and the graph that samples from it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import read
from graphs import built, moved, started, values_of

from model.sample_graph import build_sampler
from utils.sampling import latents
from utils.sampling.generator import Generator


@pytest.fixture
def trained(graph, tiny):
    """A session with the tiny training graph: (session, graph ends, list of drawn batches, sampler)."""
    with started(tiny) as parts:
        yield parts


def test_the_average_follows_g_as_its_formula_says(trained, tiny):
    session, ends, _, _ = trained
    names = [v.op.name[len("generator/") :] for v in tf.trainable_variables("generator/")]
    assert len(names) == 11
    expected = {name: read(session, "generator/" + name) for name in names}
    assert read(session, "step") == 0 and expected["4x4/dense/kernel"].std() == pytest.approx(0.02, rel=0.1)
    start = values_of(session, tf.global_variables("generator/"))
    session.run(ends.init_ema)  # which moves nothing else
    assert moved(start, values_of(session, tf.global_variables("generator/"))) == set()
    for name in names:  # it starts as G itself
        assert np.array_equal(expected[name], read(session, "average_generator/" + name))
    for n in range(3):
        session.run(ends.d_updates[0])
        session.run(ends.g_update)
        kept = min(tiny.run.ema_decay, (1 + n) / (10 + n))
        for name in names:
            expected[name] = kept * expected[name] + (1 - kept) * read(session, "generator/" + name)
            assert read(session, "average_generator/" + name) == pytest.approx(expected[name], abs=1e-6)


def test_the_average_keeps_at_most_ema_decay(graph, tiny):
    ends, _, _ = built(tiny, ema_decay=0.5)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        ends.counters.step.load(1000, session)
        name = "generator/16x16/conv/kernel"
        before = read(session, "average_" + name)
        session.run(ends.g_update)
        assert read(session, "average_" + name) == pytest.approx(0.5 * before + 0.5 * read(session, name), abs=1e-6)


def test_without_an_average_samples_come_from_g(graph, tiny):
    built(tiny, ema_decay=0.0)
    sampler = build_sampler(tiny.network, averaged=False)
    assert not [v for v in tf.global_variables() if "average" in v.name]
    assert {v.op.name.split("/")[0] for v in sampler.variables} == {"generator"} and sampler.update_bn is None


def test_the_statistics_of_the_average_are_those_of_its_own_weights(trained, tiny):
    session, ends, _, sampler = trained
    for _ in range(30):
        session.run(ends.d_updates[0])
        session.run(ends.g_update)
    labels = np.zeros(4, np.int32)
    Generator(session, sampler).update_bn(labels)
    first = {v.op.name: session.run(v) for v in sampler.variables}
    # By hand for the lowest layer: a product with the averaged weights, and the moments of what comes out.
    z = latents.noise(0, latents.STATISTICS, 256, tiny.network.z_dim)
    x = (z @ first["average_generator/4x4/dense/kernel"]).reshape(-1, 8)
    assert first["average_generator/4x4/batch_norm/moving_mean"] == pytest.approx(x.mean(axis=0), abs=1e-4)
    assert first["average_generator/4x4/batch_norm/moving_variance"] == pytest.approx(x.var(axis=0), rel=0.05)
    # And they follow from the weights alone: a second time they are the same, bit for bit.
    Generator(session, sampler).update_bn(labels)
    for variable in sampler.variables:
        assert np.array_equal(session.run(variable), first[variable.op.name])
    # G's own, and all else in the checkpoint, have not moved.
    before = values_of(session, tf.global_variables("generator/"))
    Generator(session, sampler).update_bn(labels)
    assert moved(before, values_of(session, tf.global_variables("generator/"))) == set()


def test_the_image_of_a_z_does_not_depend_on_its_batch(trained, tiny):
    session, ends, _, sampler = trained
    for _ in range(5):
        session.run(ends.d_updates[0])
        session.run(ends.g_update)
    z, labels = latents.noise(0, latents.SAMPLES, 70, tiny.network.z_dim), np.zeros(70, np.int32)
    Generator(session, sampler).update_bn(labels)
    together = np.concatenate(list(Generator(session, sampler).batches(z, labels)))
    assert together.shape == (70, 16, 16, 3) and together.dtype == np.uint8
    # Bit for bit in what is written, wherever it stands and whatever stands beside it ...
    assert np.array_equal(np.concatenate(list(Generator(session, sampler).batches(z[:1], labels[:1]))), together[:1])
    assert np.array_equal(np.concatenate(list(Generator(session, sampler).batches(z[::-1], labels))), together[::-1])
    # ... and in the graph itself but for rounding.
    alone = [session.run(sampler.images, {sampler.z: z[i : i + 1]})[0] for i in range(5)]
    beside = session.run(sampler.images, {sampler.z: z[:5]})
    assert np.array(alone) == pytest.approx(beside, abs=1e-6)
