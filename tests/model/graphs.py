"""Training graphs of the tiny network, for the tests of model/."""

import contextlib

import numpy as np
import tensorflow.compat.v1 as tf

from model.sample_graph import build_sampler
from model.train_graph import Reals, build_train_graph


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


def built(tiny, **changes):
    """Return the training graph of settings with some changes, and the run's and the network's part of them."""
    run = tiny.run._replace(**{name: value for name, value in changes.items() if name in tiny.run._fields})
    network = tiny.network._replace(**{name: value for name, value in changes.items() if name in tiny.network._fields})
    images = tf.random.stateless_uniform([4, 16, 16, 3], [3, 4], minval=-1.0)
    labels = tf.constant([0, 1, 2, 2], tf.int32)
    return build_train_graph(Reals(images, 40, labels, (5, 5, 10)), network, run), run, network


@contextlib.contextmanager
def started(settings):
    """Give a session at the start of a run: (session, graph ends, list of drawn batches, sampler)."""
    images, drawn = numbered_batches(settings.run, settings.network)
    ends = build_train_graph(Reals(images, 40), settings.network, settings.run)
    sampler = build_sampler(settings.network, averaged=True)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(ends.init_ema)
        yield session, ends, drawn, sampler
