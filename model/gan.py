"""Put G, D, losses and optimizers together: the graph that trains, and the graph that samples.

One step is Algorithm 1 of Goodfellow et al. 2014, arXiv 1406.2661: k updates of D, then one of G. Each update is a
*draw* with noise of its own, keyed by (seed and use, index of the draw): a step follows from the checkpoint alone.
"""

import zlib
from typing import Any, Dict, NamedTuple

import tensorflow.compat.v1 as tf

from model import losses
from model.discriminator import discriminator
from model.generator import generator

# What a key is mixed from beside the seed: a name per use, never one for two.
Z_FOR_D = "z of D's update"
Z_FOR_G = "z of G's update"


class TrainGraph(NamedTuple):
    """The ends of the training graph. Each of the two fetches is one update, with what it measured before it moved."""

    d_update: Dict[str, Any]  # train, d_loss, d_real = E[D(x)], d_fake = E[D(G(z))], pictures_seen (after it)
    g_update: Dict[str, Any]  # train, g_loss, step (after it)
    step: Any  # int64 variable: finished steps
    pictures_seen: Any  # int64 variable: real pictures D was shown
    rollbacks: Any  # int64 variable, for no checkpoint: each gives the run other noise, and half the learning rate
    sound: Any  # bool scalar: all weights, moving averages and slots of the optimizers are finite


class Sampler(NamedTuple):
    """The ends of the sampling graph."""

    z: Any  # [N, z_dim] float32 placeholder
    images: Any  # [N, image_size, image_size, channels] float32 in [-1, 1]
    variables: Any  # what a checkpoint must provide


def build_optimizer(run, rate, name):
    """Return a new optimizer as `run` says, of this learning rate; `name` becomes part of its variables' names."""
    if run.optimizer == "adam":
        return tf.train.AdamOptimizer(rate, run.beta1, run.beta2, run.epsilon, name=name)
    if run.optimizer == "rmsprop":
        return tf.train.RMSPropOptimizer(rate, run.decay, epsilon=run.epsilon, name=name)
    if run.optimizer == "momentum":
        return tf.train.MomentumOptimizer(rate, run.momentum, name=name)
    if run.optimizer == "sgd":
        return tf.train.GradientDescentOptimizer(rate, name=name)
    if run.optimizer == "adagrad":
        return tf.train.AdagradOptimizer(rate, run.initial_accumulator, name=name)
    raise ValueError("unknown optimizer %r" % run.optimizer)


def noise(batch_size, z_dim, seed, use, draw, rollbacks=0):
    """Return [batch_size, z_dim] float32, uniform in [-1, 1).

    A function of seed, use, the int64 scalar `draw`, and how many rollbacks there were.
    """
    key = tf.constant(zlib.crc32(("%d %s" % (seed, use)).encode()), tf.int64)
    salt = tf.cast(rollbacks, tf.int64) * 2**32  # beside the key's 32 bits
    return tf.random.stateless_uniform([batch_size, z_dim], seed=tf.stack([key + salt, draw]), minval=-1.0)


def _counter(name):
    return tf.get_variable(name, [], tf.int64, initializer=tf.zeros_initializer(), trainable=False)


def _trainables():
    """Return G's and D's trainable variables; every trainable must be one of these."""
    g_variables = tf.trainable_variables("generator/")
    d_variables = tf.trainable_variables("discriminator/")
    strays = [v.name for v in tf.trainable_variables() if not v.name.startswith(("generator/", "discriminator/"))]
    if strays:
        raise ValueError("trainable variables of neither network: %s" % ", ".join(strays))
    return g_variables, d_variables


def _minimise(loss, variables, run, rate, name):
    with tf.variable_scope(name):
        return build_optimizer(run, rate, name).minimize(loss, var_list=variables)


def build_train_graph(real_images, network, run):
    """Build one D update and one G update.

    real_images: [batch_size, image_size, image_size, channels] float32 in [-1, 1], a new batch at each evaluation; only
    the D update evaluates it. network, run: the two groups of settings.
    """
    step, draw_index, pictures_seen = _counter("step"), _counter("draw_index"), _counter("pictures_seen")
    draw = draw_index.read_value()
    rollbacks = _counter("rollbacks")
    rate = run.learning_rate * tf.pow(0.5, tf.cast(rollbacks, tf.float32))

    def z(use):
        return noise(run.batch_size, network.z_dim, run.seed, use, draw, rollbacks)

    with tf.name_scope("d_pass"):
        fake_images = generator(z(Z_FOR_D), network, training=True)
        real_logits = discriminator(real_images, network)
        fake_logits = discriminator(fake_images, network)
        d_loss = losses.d_loss(real_logits, fake_logits)
        d_real = tf.reduce_mean(tf.nn.sigmoid(real_logits))
        d_fake = tf.reduce_mean(tf.nn.sigmoid(fake_logits))

    with tf.name_scope("g_pass"):
        fake_images = generator(z(Z_FOR_G), network, training=True)
        g_loss = losses.g_loss(discriminator(fake_images, network))
    # Only this pass moves G's averages: once a step, and in no race with another update of them.
    average_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="g_pass/")

    g_variables, d_variables = _trainables()
    d_train = _minimise(d_loss, d_variables, run, rate, "d_optimizer")
    g_train = _minimise(g_loss, g_variables, run, rate, "g_optimizer")

    sound = _all_finite([variable for variable in tf.global_variables() if variable.dtype.is_floating])

    # The counters go up behind everything that reads them.
    with tf.control_dependencies([d_train]):
        d_draw = draw_index.assign_add(1)
        seen = pictures_seen.assign_add(run.batch_size)
    with tf.control_dependencies([g_train, *average_updates]):
        g_draw = draw_index.assign_add(1)
        next_step = step.assign_add(1)

    return TrainGraph(
        d_update={
            "train": tf.group(d_train, d_draw),
            "d_loss": d_loss,
            "d_real": d_real,
            "d_fake": d_fake,
            "pictures_seen": seen,
        },
        g_update={"train": tf.group(g_train, g_draw, *average_updates), "g_loss": g_loss, "step": next_step},
        step=step,
        pictures_seen=pictures_seen,
        rollbacks=rollbacks,
        sound=sound,
    )


def _all_finite(variables):
    """Say whether all is finite: a sum keeps what is not, and reads each number once."""
    return tf.reduce_all(tf.is_finite([tf.reduce_sum(variable) for variable in variables]))


def build_sampler(network):
    """Build G in inference mode: each picture follows from its own z, whatever else is in the batch."""
    z = tf.placeholder(tf.float32, [None, network.z_dim], name="z")
    images = generator(z, network, training=False)
    return Sampler(z=z, images=images, variables=tf.global_variables("generator/"))
