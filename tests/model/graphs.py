"""Training graphs of a tiny network. Tests that use the same settings share one graph and one session."""

import contextlib
import functools
from unittest import mock

import numpy as np
from conftest import without_optimizations

from model import random_streams, train_graph
from model.graph_mode import tf
from model.sample_graph import build_sampler


class Training:
    """A training graph on constant images, its sampler, and a session.

    drawn: a list with one element for each batch read. uses, d_calls, g_calls: the `use` of each random stream, and the
    arguments of the discriminator and the generator, in the order in which the graph was built.
    """

    def __init__(self, run, network):
        self.run, self.network, self.drawn = run, network, []
        self.uses, self.d_calls, self.g_calls, seed_calls = [], [], [], []
        shape = [run.batch_size, network.height, network.width, network.channels]
        images = np.float32(np.random.RandomState(0).uniform(-1, 1, shape))
        with tf.Graph().as_default() as self.graph:
            tf.set_random_seed(1)
            reals = tf.py_func(lambda: self.drawn.append(0) or images, [], tf.float32)
            reals.set_shape(shape)
            labels = tf.constant([0, 1, 2, 2][: run.batch_size], tf.int32)
            with _recorded(train_graph, "discriminator", self.d_calls), _recorded(
                train_graph, "generator", self.g_calls
            ), _recorded(random_streams, "stateless_seed", seed_calls):
                reals = train_graph.Reals(reals, 40, labels, (5, 5, 10))
                self.ends = train_graph.build_train_graph(reals, network, run)
            self.uses = [arguments[1] for arguments in seed_calls]
            self.sampler = build_sampler(network, averaged=True, n_classes=3)
            self.variables = {v.op.name: v for v in tf.global_variables()}
            self._values = {name: tf.placeholder(v.dtype.base_dtype) for name, v in self.variables.items()}
            self._assign = tf.group(*[v.assign(self._values[name]) for name, v in self.variables.items()])
            self.session = tf.Session(config=without_optimizations(tf.ConfigProto()))
            self.session.run(tf.global_variables_initializer())
            self.session.run(self.ends.init_ema)
            self._start = self.read()

    def reset(self):
        """Reset all variables to their initial values."""
        self.session.run(self._assign, {self._values[name]: value for name, value in self._start.items()})
        self.drawn.clear()

    def step(self):
        """Run one D update and one G update."""
        self.session.run(self.ends.d_updates[0])
        self.session.run(self.ends.g_update)

    def read(self, scope=""):
        """Return {name: value} of the variables in a scope."""
        return self.session.run({name: v for name, v in self.variables.items() if name.startswith(scope)})

    def load(self, name, value):
        self.variables[name].load(value, self.session)

    def trainables(self, scope=""):
        return {v.op.name for v in self.graph.get_collection("trainable_variables", scope)}


@contextlib.contextmanager
def _recorded(module, name, calls):
    function = getattr(module, name)

    def call(*arguments, **keywords):
        calls.append(arguments)
        return function(*arguments, **keywords)

    with mock.patch.object(module, name, call):
        yield


_training = functools.lru_cache(maxsize=4)(Training)


@contextlib.contextmanager
def started(settings, **changes):
    """Yield a Training for changed settings, reset to its initial values; its graph is the default graph."""
    run = settings.run._replace(**{name: value for name, value in changes.items() if name in settings.run._fields})
    network = {name: value for name, value in changes.items() if name in settings.network._fields}
    training = _training(run, settings.network._replace(**network))
    training.reset()
    with training.graph.as_default():
        yield training


def moved(before, after):
    """Return the names of the variables whose values differ."""
    return {name for name in before if not np.array_equal(before[name], after[name])}


# Features that are off by default, all in one graph that several tests share.
EVERYTHING = {"conditional": 1, "augment": "auto", "gradient_penalty": "wgan-gp", "penalty_every": 3}
EVERYTHING.update(penalty_weight=1000.0, d_norm="spectral", freeze_d=1)
