"""Put G, D, losses and optimizers together: the graph that trains, and the graph that samples.

One step is Algorithm 1 of Goodfellow et al. 2014, arXiv 1406.2661: k updates of D, then one of G. Each update is a
*draw* with noise of its own, keyed by (seed and use, index of the draw): a step follows from the checkpoint alone.

Samples come from an average of G's weights over its last steps, which is steadier than G itself (Karras et al. 2018,
arXiv 1710.10196; Brock et al. 2018, arXiv 1809.11096).
"""

import zlib
from typing import Any, Dict, List, NamedTuple

import tensorflow.compat.v1 as tf

from model import augment, layers, losses
from model.discriminator import discriminator
from model.generator import generator

AVERAGE = "average_generator"  # scope of the averaged G

# augment = 'auto' augments where there are fewer pictures than this; at first none, then more and more of them as D has
# seen them more often, up to this share after so many epochs. What is done to some only, G cannot take for the real
# thing (Karras et al. 2020, arXiv 2006.06676, which lets the share follow D; there the bound is 0.8, too).
FEW_PICTURES, MOST_AUGMENTED, EPOCHS_TO_MOST = 20000, 0.8, 50


class TrainGraph(NamedTuple):
    """The ends of the training graph. Each fetch is one update, with what it measured before it moved."""

    # train, d_loss, d_real = E[D(x)], d_fake = E[D(G(z))], pictures_seen (after it). As many as penalty_every, to be
    # run in turn: only the first has the gradient penalty.
    d_updates: List[Dict[str, Any]]
    g_update: Dict[str, Any]  # train, g_loss, step (after it)
    step: Any  # int64 variable: finished steps
    pictures_seen: Any  # int64 variable: real pictures D was shown
    rollbacks: Any  # int64 variable, for no checkpoint: each gives the run other noise, and half the learning rate
    sound: Any  # bool scalar: all weights, moving averages and slots of the optimizers are finite
    start_average: Any  # gives the averaged G the weights of G; to be run once, at the start of a run


class Sampler(NamedTuple):
    """The ends of the sampling graph."""

    z: Any  # [N, z_dim] float32 placeholder
    labels: Any  # [N] int32 placeholder: indices of classes, which only a conditional network looks at
    images: Any  # [N, image_size, image_size, channels] float32 in [-1, 1]
    variables: Any  # what a checkpoint must provide
    refresh: Any  # moves batch norm's statistics to those of the z that is fed; None for a G that is not averaged
    kept: Any  # float32 scalar placeholder: the share of the old statistics that `refresh` keeps
    sound: Any  # bool scalar: all its variables are finite


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


def uniform(shape, seed, use, draw, rollbacks=0, minval=0.0):
    """Return float32 of this shape, uniform from minval to 1.

    A function of seed, use, the int64 scalar `draw`, and how many rollbacks there were. No two uses share a name.
    """
    key = tf.constant(zlib.crc32(("%d %s" % (seed, use)).encode()), tf.int64)
    salt = tf.cast(rollbacks, tf.int64) * 2**32  # beside the key's 32 bits
    return tf.random.stateless_uniform(shape, seed=tf.stack([key + salt, draw]), minval=minval)


def augmentations(run, n):
    """Return the kinds of augmentation, of augment.KINDS, that `run` asks for with n pictures."""
    if run.augment == "auto":
        return augment.KINDS if n < FEW_PICTURES else ()
    return () if run.augment == "none" else tuple(run.augment.replace(" ", "").split(","))


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


def _rate_factor(run, n, step, pictures_seen, rollbacks):
    """Return what the learning rates are to be multiplied by: halved by rollbacks, and falling towards the end."""
    factor = tf.pow(0.5, tf.cast(rollbacks, tf.float32))
    if run.rate_decay_from == 1.0:
        return factor
    if run.max_steps:
        done = tf.cast(step.read_value(), tf.float32) / run.max_steps
    else:
        done = tf.cast(pictures_seen.read_value(), tf.float32) / (float(run.epochs) * n)
    return factor * tf.clip_by_value((1.0 - done) / (1.0 - run.rate_decay_from), 0.0, 1.0)


def build_train_graph(real_images, network, run, n, real_labels=None, class_counts=()):
    """Build the updates of D and of G.

    real_images: [batch_size, image_size, image_size, channels] float32 in [-1, 1], a new batch at each evaluation; only
    D's updates evaluate it. network, run: the two groups of settings. n: how many pictures there are. real_labels:
    [batch_size] int32, with `conditional`; class_counts: how many pictures each class has.
    """
    step, draw_index, pictures_seen = _counter("step"), _counter("draw_index"), _counter("pictures_seen")
    draw = draw_index.read_value()
    rollbacks = _counter("rollbacks")
    kinds = augmentations(run, n)

    def drawn(shape, use, minval=0.0):
        return uniform(shape, run.seed, use, draw, rollbacks, minval)

    def augmented(images, use):
        changed = augment.augment(images, kinds, lambda shape, name: drawn(shape, "%s of %s" % (name, use)))
        if not kinds or run.augment != "auto":
            return changed
        epochs = tf.cast(pictures_seen.read_value(), tf.float32) / n
        share = MOST_AUGMENTED * tf.minimum(1.0, epochs / EPOCHS_TO_MOST)
        is_chosen = tf.cast(drawn([run.batch_size, 1, 1, 1], "augmentation of " + use) < share, tf.float32)
        return images + is_chosen * (changed - images)

    def classes_as_in_pictures(use):
        """Draw classes, as often as there are pictures of them."""
        if not network.conditional:
            return None
        ends = tf.constant([sum(class_counts[: i + 1]) / sum(class_counts) for i in range(len(class_counts) - 1)])
        labels = tf.searchsorted(ends, drawn([run.batch_size], "classes of " + use), side="right")
        return tf.one_hot(labels, len(class_counts))

    def fakes(use):
        """Return the pictures that D gets from G, and their classes."""
        classes = classes_as_in_pictures(use)
        z = drawn([run.batch_size, network.z_dim], "z of " + use, -1.0)
        return augmented(generator(z, network, True, classes), use), classes

    with tf.name_scope("d_pass"):
        real_classes = tf.one_hot(real_labels, len(class_counts)) if network.conditional else None
        fake_images, fake_classes = fakes("D's update")
        real_inputs = augmented(real_images, "real pictures")
        real_logits = discriminator(real_inputs, network, real_classes)
        power_iterations = tf.get_collection(layers.POWER_ITERATIONS)  # one for each kernel; later passes start anew
        fake_logits = discriminator(fake_images, network, fake_classes)
        d_loss = losses.d_loss(run.loss, real_logits, fake_logits, run.label_smoothing)
        d_real = tf.reduce_mean(tf.nn.sigmoid(real_logits))
        d_fake = tf.reduce_mean(tf.nn.sigmoid(fake_logits))
        penalised = d_loss
        if run.gradient_penalty == "r1":
            penalised += run.penalty_weight * run.penalty_every * losses.r1(real_logits, real_inputs)
        if run.gradient_penalty == "wgan-gp":
            share = drawn([run.batch_size, 1, 1, 1], "share of real pictures")
            between = real_inputs + (1.0 - share) * (fake_images - real_inputs)
            between_logits = discriminator(between, network, real_classes)
            penalised += run.penalty_weight * run.penalty_every * losses.wgan_gp(between_logits, between)

    with tf.name_scope("g_pass"):
        fake_images, fake_classes = fakes("G's update")
        g_loss = losses.g_loss(run.loss, discriminator(fake_images, network, fake_classes))
    # Only this pass moves G's averages: once a step, and in no race with another update of them.
    average_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="g_pass/")

    g_variables, d_variables = _trainables()
    factor = _rate_factor(run, n, step, pictures_seen, rollbacks)
    with tf.variable_scope("d_optimizer"):
        optimizer = build_optimizer(run, (run.d_learning_rate or run.learning_rate) * factor, "d_optimizer")
        d_trains = [optimizer.minimize(penalised, var_list=d_variables)]
        if run.gradient_penalty != "none" and run.penalty_every > 1:
            d_trains.append(optimizer.minimize(d_loss, var_list=d_variables))
    with tf.variable_scope("g_optimizer"):
        optimizer = build_optimizer(run, (run.g_learning_rate or run.learning_rate) * factor, "g_optimizer")
        g_train = optimizer.minimize(g_loss, var_list=g_variables)
    average, start_average = _averaged(g_variables, run.ema_decay, step, g_train)

    sound = _all_finite([variable for variable in tf.global_variables() if variable.dtype.is_floating])

    # The counters go up behind everything that reads them.
    d_updates = []
    for d_train in d_trains:
        with tf.control_dependencies([d_train]):
            moved = [draw_index.assign_add(1), *(u.assign(next_u) for u, next_u in power_iterations)]
            seen = pictures_seen.assign_add(run.batch_size)
        measured = {"d_loss": d_loss, "d_real": d_real, "d_fake": d_fake, "pictures_seen": seen}
        d_updates.append(dict(measured, train=tf.group(d_train, *moved)))
    g_done = [g_train, *average_updates, *average]
    with tf.control_dependencies(g_done):
        g_draw = draw_index.assign_add(1)
        next_step = step.assign_add(1)

    return TrainGraph(
        d_updates=d_updates[:1] + d_updates[1:] * (run.penalty_every - 1),
        g_update={"train": tf.group(g_draw, *g_done), "g_loss": g_loss, "step": next_step},
        step=step,
        pictures_seen=pictures_seen,
        rollbacks=rollbacks,
        sound=sound,
        start_average=start_average,
    )


def _averaged(g_variables, decay, step, g_train):
    """Return the updates of the averaged G's weights, behind g_train, and an operation that starts them.

    With decay 0 there is no average.
    """
    if not decay:
        return [], tf.no_op()
    # Early on the average must be short: what G was at first is nothing worth keeping.
    n = tf.cast(step.read_value(), tf.float32)
    kept = tf.minimum(decay, (1.0 + n) / (10.0 + n))
    updates, starts = [], []
    for variable in g_variables:
        name = AVERAGE + variable.op.name[len("generator") :]
        average = tf.get_variable(name, variable.shape, initializer=tf.zeros_initializer(), trainable=False)
        with tf.control_dependencies([g_train]):
            updates.append(average.assign_sub((1.0 - kept) * (average - variable.read_value())))
        starts.append(average.assign(variable.read_value()))
    return updates, tf.group(*starts)


def _all_finite(variables):
    """Say whether all is finite: a sum keeps what is not, and reads each number once."""
    return tf.reduce_all(tf.is_finite([tf.reduce_sum(variable) for variable in variables]))


def build_sampler(network, averaged, n_classes=0):
    """Build G in inference mode: each picture follows from its own z, whatever else is in the batch.

    averaged: whether it is the averaged G, that of a run with ema_decay. Its statistics of batch norm are measured anew
    by `refresh`; G's own move as it trains.
    """
    name = AVERAGE if averaged else "generator"
    z = tf.placeholder(tf.float32, [None, network.z_dim], name="z")
    labels = tf.placeholder(tf.int32, [None], name="labels")
    kept = tf.placeholder(tf.float32, [], name="kept")
    classes = tf.one_hot(labels, n_classes) if network.conditional else None
    images = generator(z, network, False, classes, name)
    refresh = None
    if averaged:
        with tf.name_scope("refresh"):
            generator(z, network, True, classes, name, kept)
        refresh = tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="refresh/"))
    variables = tf.global_variables(name + "/")
    return Sampler(z, labels, images, variables, refresh, kept, _all_finite(variables))
