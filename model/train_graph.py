"""Put G, D, losses and optimizers together: the graph that trains, and the graph that samples.

One step is Algorithm 1 of Goodfellow et al. 2014, arXiv 1406.2661: k updates of D, then one of G. Each update is a
*draw* with noise of its own, keyed by (seed and use, index of the draw): a step follows from the checkpoint alone.

Samples come from an average of G's weights over its last steps, which is steadier than G itself (Karras et al. 2018,
arXiv 1710.10196; Brock et al. 2018, arXiv 1809.11096).
"""

from typing import Any, Dict, List, NamedTuple

import tensorflow.compat.v1 as tf

from model import losses, norms, replicas
from model.discriminator import discriminator
from model.generator import generator
from model.noise import Draws

AVERAGE = "average_generator"  # scope of the averaged G


class TrainGraph(NamedTuple):
    """The ends of the training graph. Each fetch is one update, with what it measured before it moved."""

    # train, d_loss, d_real = E[D(x)], d_fake = E[D(G(z))], pictures_seen (after it). As many as penalty_every, to be
    # run in turn: only the first has the gradient penalty.
    d_updates: List[Dict[str, Any]]
    g_update: Dict[str, Any]  # train, g_loss, step (after it)
    step: Any  # int64 variable: finished steps
    pictures_seen: Any  # int64 variable: real pictures D was shown
    rollbacks: Any  # int64 variable, for no checkpoint: each gives the run other noise, and half the learning rate
    rollbacks_given: Any  # int64 scalar placeholder: what set_rollbacks gives that variable
    set_rollbacks: Any
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


def _counter(name):
    return replicas.state(name, [], tf.zeros_initializer(), tf.int64)


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


def build_train_graph(real_images, network, run, n, real_labels=None, class_counts=(), loss_scale=1.0):
    """Build the updates of D and of G.

    real_images: [batch_size, image_size, image_size, channels] float32 in [-1, 1], a new batch at each evaluation; only
    D's updates evaluate it. network, run: the two groups of settings. n: how many pictures there are. real_labels:
    [batch_size] int32, with `conditional`; class_counts: how many pictures each class has. loss_scale: see
    `_minimise`.

    Under the scope of a `tf.distribute` strategy this is built on each replica, batch_size being the rows of one: there
    real_images and real_labels have as many as all replicas of this process take.
    """
    step, draw_index, pictures_seen = _counter("step"), _counter("draw_index"), _counter("pictures_seen")
    rollbacks, rollbacks_given = _counter("rollbacks"), tf.placeholder(tf.int64, [], "rollbacks_given")
    factor = _rate_factor(run, n, step, pictures_seen, rollbacks)
    d_optimizer = build_optimizer(run, (run.d_learning_rate or run.learning_rate) * factor, "d_optimizer")
    g_optimizer = build_optimizer(run, (run.g_learning_rate or run.learning_rate) * factor, "g_optimizer")
    updates_so_far = []

    def draws():
        return Draws(run, n, class_counts, draw_index.read_value(), rollbacks, pictures_seen.read_value())

    def fakes(drawn, use):
        """Return the pictures that D gets from G, and their classes."""
        classes = drawn.classes(use) if network.conditional else None
        z = drawn.uniform([run.batch_size, network.z_dim], "z of " + use, -1.0)
        return drawn.augmented(generator(z, network, True, classes), use), classes

    def d_update():
        drawn, reals, real_classes = draws(), replicas.rows(real_images, run.batch_size, of_all=False), None
        if network.conditional:
            real_classes = tf.one_hot(replicas.rows(real_labels, run.batch_size, of_all=False), len(class_counts))
        with tf.name_scope("d_pass"):
            fake_images, fake_classes = fakes(drawn, "D's update")
            reals = drawn.augmented(reals, "real pictures")
            real_logits = discriminator(reals, network, real_classes)
            fake_logits = discriminator(fake_images, network, fake_classes)
            d_loss = losses.d_loss(run.loss, real_logits, fake_logits, run.label_smoothing)
            d_real = tf.reduce_mean(tf.nn.sigmoid(real_logits))
            d_fake = tf.reduce_mean(tf.nn.sigmoid(fake_logits))
            penalised = d_loss
            if run.gradient_penalty == "r1":
                penalised += run.penalty_weight * run.penalty_every * losses.r1(real_logits, reals)
            if run.gradient_penalty == "wgan-gp":
                share = drawn.uniform([run.batch_size, 1, 1, 1], "share of real pictures")
                between = reals + (1.0 - share) * (fake_images - reals)
                between_logits = discriminator(between, network, real_classes)
                penalised += run.penalty_weight * run.penalty_every * losses.wgan_gp(between_logits, between)
        minimised = [penalised]
        if run.gradient_penalty != "none" and run.penalty_every > 1:
            minimised.append(d_loss)
        power_iterations = {}
        for u, next_u in tf.get_collection(norms.POWER_ITERATIONS):  # of the first pass; the others come to the same
            power_iterations.setdefault(u.op.name, (u, next_u))
        d_loss, d_real, d_fake = replicas.mean([d_loss, d_real, d_fake])
        updates = []
        for loss in minimised:
            train = _minimise(d_optimizer, "d_optimizer", loss, _trainables()[1], loss_scale)
            with tf.control_dependencies([train]):  # the counters go up behind everything that reads them
                moved = [draw_index.assign_add(1), *(u.assign(next_u) for u, next_u in power_iterations.values())]
                seen = pictures_seen.assign_add(run.batch_size * replicas.count())
            measured = {"d_loss": d_loss, "d_real": d_real, "d_fake": d_fake, "pictures_seen": seen}
            updates.append(dict(measured, train=tf.group(train, *moved)))
        return updates

    def g_update():
        with tf.name_scope("g_pass"):
            fake_images, fake_classes = fakes(draws(), "G's update")
            g_loss = losses.g_loss(run.loss, discriminator(fake_images, network, fake_classes))
        (g_loss_of_all,) = replicas.mean([g_loss])
        # Only this pass moves G's averages: once a step, and in no race with another update of them.
        average_updates = [u for u in tf.get_collection(tf.GraphKeys.UPDATE_OPS) if u not in updates_so_far]
        g_train = _minimise(g_optimizer, "g_optimizer", g_loss, _trainables()[0], loss_scale)
        done = [g_train, *average_updates, *_average_updates(pairs, run.ema_decay, step, g_train)]
        with tf.control_dependencies(done):
            moved = draw_index.assign_add(1)
            next_step = step.assign_add(1)
        return {"train": tf.group(moved, *done), "g_loss": g_loss_of_all, "step": next_step}

    d_updates = replicas.on_all(d_update)
    updates_so_far += tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    pairs, start_average = _build_average(run.ema_decay)
    g_ends = replicas.on_all(g_update)  # now all variables are there
    return TrainGraph(
        d_updates=d_updates[:1] + d_updates[1:] * (run.penalty_every - 1),
        g_update=g_ends,
        step=step,
        pictures_seen=pictures_seen,
        rollbacks=rollbacks,
        rollbacks_given=rollbacks_given,
        set_rollbacks=rollbacks.assign(rollbacks_given),
        sound=_all_finite([variable for variable in tf.global_variables() if variable.dtype.is_floating]),
        start_average=start_average,
    )


def _minimise(optimizer, scope, loss, variables, loss_scale):
    """Return the update that lowers the mean of `loss` over all replicas: the optimizer adds up their gradients.

    scope: of the optimizer's own variables. loss_scale: what the loss is multiplied by on the way to the gradients.
    """
    gradients = optimizer.compute_gradients(loss * (loss_scale / replicas.count()), variables)
    gradients = [(gradient / loss_scale, variable) for gradient, variable in gradients]
    # A strategy opens the scope of names anew where it creates them, inside that which is open already.
    with tf.variable_scope(scope, auxiliary_name_scope=not replicas.is_one_of_several()):
        return optimizer.apply_gradients(gradients)


def _build_average(decay):
    """Build the averaged G's weights, none with decay 0; return pairs of each and G's own, and what starts them."""
    pairs, starts = [], []
    for variable in _trainables()[0] if decay else []:
        name = AVERAGE + variable.op.name[len("generator") :]
        average = replicas.state(name, variable.shape, tf.zeros_initializer())
        pairs.append((average, variable))
        starts.append(average.assign(variable.read_value()))
    return pairs, tf.group(*starts)


def _average_updates(pairs, decay, step, g_train):
    """Return the updates of the averaged G's weights, behind g_train; pairs: see `_build_average`."""
    # Early on the average must be short: what G was at first is nothing worth keeping.
    n = tf.cast(step.read_value(), tf.float32)
    kept = tf.minimum(decay, (1.0 + n) / (10.0 + n))
    updates = []
    for average, variable in pairs:
        with tf.control_dependencies([g_train]):
            updates.append(average.assign_sub((1.0 - kept) * (average - variable.read_value())))
    return updates


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
