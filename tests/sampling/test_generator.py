"""The Generator: noise, sample batches, labels, and batch-norm statistics."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from samplers import Spy, expected, flat_sampler

from utils.errors import UserError
from utils.sampling import latents
from utils.sampling.generator import Generator


@pytest.mark.parametrize("count", (1, 63, 64, 65, 130))
def test_batches_are_ordered_and_padded(graph, count):
    sampler, z = flat_sampler(), latents.noise(0, 0, range(count), 5)
    labels = np.arange(count, dtype=np.int32) % 3
    with tf.Session() as session:
        spy = Spy(session)
        images = np.concatenate(list(Generator(spy, sampler).batches(z, labels)))
    assert images.shape == (count, 2, 2, 3) and images.dtype == np.uint8
    assert np.array_equal(images[:, 1, 1, 2], expected(z, labels))
    assert {feed[sampler.z].shape for feed in spy.feeds} == {(64, 5)} and len(spy.feeds) == -(-count // 64)


def test_batch_size_decreases_with_image_size(graph):
    for size, batch in ((64, 64), (128, 16), (1024, 1)):
        sampler = flat_sampler(size, channels=1)
        with tf.Session() as session:
            spy = Spy(session)
            next(Generator(spy, sampler).batches(latents.noise(0, 0, range(3), 5)))
        assert spy.feeds[0][sampler.z].shape == (batch, 5)


def test_update_bn_uses_256_samples_with_class_frequencies_of_the_data(graph):
    """After the last batch, the running means weight all samples equally."""
    sampler, spy = flat_sampler()._replace(update_bn="update_bn", bn_momentum="momentum"), Spy()
    labels = np.repeat(np.int32([0, 1, 2]), [50, 30, 20])
    Generator(spy, sampler).update_bn(labels[::-1])
    assert [feed["momentum"] for feed in spy.feeds] == pytest.approx([i / (i + 1) for i in range(4)])
    for feed in spy.feeds:
        shares = np.bincount(feed[sampler.labels]) / 64
        assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    z = np.concatenate([feed[sampler.z] for feed in spy.feeds])
    assert z.shape == (256, 5) and len({row.tobytes() for row in z}) == 256
    first = [feed[sampler.z] for feed in spy.feeds]
    Generator(spy, sampler).update_bn(labels)
    assert all(np.array_equal(a, feed[sampler.z]) for a, feed in zip(first, spy.feeds[4:]))


def test_update_bn_without_ema_does_nothing(graph):
    spy = Spy()
    Generator(spy, flat_sampler()).update_bn(np.zeros(4, np.int32))
    assert spy.feeds == []


def test_noise_rows_match_numbers(graph):
    generator, z = Generator(None, flat_sampler()), latents.noise(7, latents.SAMPLES, range(20), 5)
    assert np.array_equal(generator.noise([3, 17, 3], seed=7), z[[3, 17, 3]])
    assert np.array_equal(generator.noise(range(20), 7, truncation=0.5), z * np.float32(0.5))
    conditional = Generator(None, flat_sampler(), ("blue", "green", "red"))
    assert np.array_equal(conditional.noise(range(2), 7, classes=("red", "blue")), z[[0, 1, 0, 1]])
    assert generator.noise(range(2)).dtype == np.float32


def test_labels_are_names_indices_or_fractions(graph):
    with tf.Session() as session:
        generator = Generator(session, flat_sampler(), ("blue", "green", "red"))
        z = generator.noise(range(3), seed=7)
        by_name = generator.images(z, ["red", "blue", "red"])
        assert by_name.shape == (3, 2, 2, 3) and by_name.dtype == np.uint8
        assert np.array_equal(by_name[:, 0, 0, 0], expected(z, np.array([2, 0, 2])))
        assert np.array_equal(by_name, generator.images(z, [2, 0, 2]))
        assert np.array_equal(by_name, generator.images(z, np.eye(3)[[2, 0, 2]]))
        assert generator.images(z[:0], []).shape == (0, 2, 2, 3)
        unconditional = Generator(session, flat_sampler())
        assert np.array_equal(unconditional.images(z)[:, 0, 0, 0], expected(z, 0))


@pytest.mark.parametrize(
    "classes, call, message",
    (
        ((), lambda g: g.noise([]), "numbers: give one or more integers from 0 to 999999"),
        ((), lambda g: g.noise([-1]), "numbers: give one or more"),
        ((), lambda g: g.noise([10**6]), "numbers: give one or more"),
        ((), lambda g: g.noise([1], truncation=0), "truncation = 0 is invalid; expected a number above 0, at most 1"),
        ((), lambda g: g.noise([1], classes=["red"]), "classes are for conditional networks"),
        (("blue", "red"), lambda g: g.noise([1], classes=["rad"]), "classes: no class 'rad'; did you mean red?"),
        ((), lambda g: g.images(np.zeros([3, 4])), r"z has the shape \[3, 4\]; expected \[N, 5\]"),
        ((), lambda g: g.images(np.zeros(5)), r"z has the shape \[5\]; expected \[N, 5\]"),
        ((), lambda g: g.images(np.zeros([3, 5]), [0, 0, 0]), "labels are for conditional networks"),
        (("blue", "red"), lambda g: g.images(np.zeros([3, 5])), r"labels are float64 \[0\]; expected \[3\] class"),
        (
            ("blue", "red"),
            lambda g: g.images(np.zeros([3, 5]), ["red"]),
            r"labels are int32 \[1\]; expected \[3\] cl",
        ),
        (("blue", "red"), lambda g: g.images(np.zeros([1, 5]), ["gray"]), "classes: no class 'gray'"),
        (
            ("blue", "red"),
            lambda g: g.images(np.zeros([1, 5]), [2]),
            r"\[1\] indices from 0 to 1, or \[1, 2\] f",
        ),
        (("blue", "red"), lambda g: g.images(np.zeros([1, 5]), [-1]), r"\[1\] indices from 0 to 1"),
        (("blue", "red"), lambda g: g.images(np.zeros([1, 5]), [0.5]), r"\[1\] indices from 0 to 1"),
    ),
)
def test_invalid_arguments(graph, classes, call, message):
    with pytest.raises(UserError, match=message):
        call(Generator(None, flat_sampler(), classes))
