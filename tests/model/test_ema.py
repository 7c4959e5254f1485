"""The EMA generator, and the graph that samples from it."""

import numpy as np
import pytest
from graphs import moved, started

from model.ema import build_ema
from model.generator import generator
from model.graph_mode import tf
from model.sample_graph import build_sampler
from utils.sampling import latents
from utils.sampling.generator import Generator


@pytest.mark.parametrize("size, layers", ((16, 11), (32, 18)))  # at 32x32, with skip-layer excitation
def test_averages_follow_g_by_their_formula(tiny, size, layers):
    with started(tiny, image_size=size) as training:
        start = training.read()
        assert start["step"] == 0 and start["generator/4x4/dense/kernel"].std() == pytest.approx(0.02, rel=0.1)
        name = "average_generator/8x8/conv/kernel"
        training.load(name, np.zeros_like(start[name]))
        training.session.run(training.ends.init_ema)
        assert moved(start, training.read()) == set()
        names = [name[len("generator/") :] for name in training.trainables("generator/")]
        assert len(names) == layers
        expected = {name: start["generator/" + name] for name in names}
        for name in names:  # the averages start at G's weights
            assert np.array_equal(expected[name], start["average_generator/" + name])
        for n in range(3):
            training.step()
            decay, values = (1 + n) / (10 + n), training.read()
            for name in names:
                expected[name] = decay * expected[name] + (1 - decay) * values["generator/" + name]
                assert values["average_generator/" + name] == pytest.approx(expected[name], abs=1e-6)


def test_the_decay_is_at_most_ema_decay(tiny):
    name = "generator/16x16/conv/kernel"
    with started(tiny) as training:
        average = np.full([3, 3, 16, 4], 100.0, np.float32)
        training.load("average_" + name, average)
        training.load("step", 10**6)
        training.session.run(training.ends.g_update)
        decay, values = tiny.run.ema_decay, training.read()
        expected = decay * average + (1 - decay) * values[name]
        assert values["average_" + name] == pytest.approx(expected, abs=1e-4)
        assert abs(expected - average).max() > 0.01


def test_samples_come_from_g_without_an_average(graph, tiny):
    generator(tf.zeros([2, tiny.network.z_dim]), tiny.network, training=True)
    assert build_ema(0.0)[0] == []
    sampler = build_sampler(tiny.network, averaged=False)
    assert {v.op.name.split("/")[0] for v in tf.global_variables()} == {"generator"}
    assert sampler.variables == tf.global_variables() and sampler.update_bn is None


def test_statistics_of_the_average_follow_from_its_weights(tiny):
    with started(tiny) as training:
        for _ in range(10):
            training.step()
        before, labels = training.read(), np.zeros(4, np.int32)
        Generator(training.session, training.sampler).update_bn(labels)
        after = training.read()
        # Compute the lowest resolution by hand: multiply z by the averaged weights and take the moments of the result.
        z = latents.noise(0, latents.STATISTICS, range(256), tiny.network.z_dim)
        x = (z @ after["average_generator/4x4/dense/kernel"]).reshape(-1, 8)
        assert after["average_generator/4x4/batch_norm/moving_mean"] == pytest.approx(x.mean(axis=0), abs=1e-4)
        assert after["average_generator/4x4/batch_norm/moving_variance"] == pytest.approx(x.var(axis=0), rel=0.05)
        # Nothing else changes, and a second update gives the same statistics, bit for bit.
        assert {name.split("/batch_norm/moving_")[0] for name in moved(before, after)} == {
            f"average_generator/{side}x{side}" for side in (4, 8, 16)
        }
        Generator(training.session, training.sampler).update_bn(labels)
        assert moved(after, training.read()) == set()


@pytest.mark.parametrize("size", (16, 32))  # at 32x32, with skip-layer excitation
def test_an_image_does_not_depend_on_its_batch(tiny, size):
    with started(tiny, image_size=size) as training:
        for _ in range(5):
            training.step()
        z, labels = latents.noise(0, latents.SAMPLES, range(70), tiny.network.z_dim), np.zeros(70, np.int32)
        generator = Generator(training.session, training.sampler)
        generator.update_bn(labels)
        together = np.concatenate(list(generator.batches(z, labels)))
        assert together.shape == (70, size, size, 3) and together.dtype == np.uint8
        # In uint8, an image is the same bit for bit, whatever its position in the batch and the other images ...
        assert np.array_equal(np.concatenate(list(generator.batches(z[:1], labels[:1]))), together[:1])
        assert np.array_equal(np.concatenate(list(generator.batches(z[::-1], labels))), together[::-1])
        # ... and in float32 it is the same up to rounding.
        images, feed = training.sampler.images, training.sampler.z
        alone = [training.session.run(images, {feed: z[i : i + 1]})[0] for i in range(3)]
        assert np.array(alone) == pytest.approx(training.session.run(images, {feed: z[:3]}), abs=1e-6)
