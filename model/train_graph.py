"""The graph that trains: G, D, losses and optimizers together.

One step is Algorithm 1 of Goodfellow et al. 2014, arXiv 1406.2661: k updates of D, then one of G. Each update is a
*draw* with noise of its own, keyed by the index of the draw (random_streams.py): a step is a function of the checkpoint
alone.
"""

from typing import Any, Dict, List, NamedTuple, Tuple

import tensorflow.compat.v1 as tf

from model import adaptive_augment, augment, losses, norms, optimizers, replicas
from model.discriminator import discriminator, first_layer_scopes
from model.ema import build_ema, ema_updates
from model.generator import generator
from model.random_streams import RandomStreams
from model.variables import all_finite, counter, trainables


class Reals(NamedTuple):
    """The real images, as the graph gets them. Each evaluation of images or labels takes a new batch.

    Under the scope of a `tf.distribute` strategy the batch is that of all replicas of this process.
    """

    images: Any  # [batch_size, height, width, channels] float32 in [-1, 1]
    n: int  # the number of images in the data set
    labels: Any = None  # [batch_size] int32, the indices of their classes; with `conditional` only
    class_counts: Tuple[int, ...] = ()  # the number of images of each class


class Counters(NamedTuple):
    """The int64 variables that count."""

    step: Any  # finished steps
    draw_index: Any  # finished updates of D and of G
    pictures_seen: Any  # real images that D was shown
    rollbacks: Any  # not saved; each one changes the noise and halves the learning rate


class TrainGraph(NamedTuple):
    """The ends of the training graph. Each fetch is one update, with what was measured before it."""

    # train, d_loss, d_real = E[D(x)], d_fake = E[D(G(z))], lead (see adaptive_augment.py), augmented (a share of the
    # images), pictures_seen (after it). There are as many as penalty_every, to be run in turn: only the first has the
    # gradient penalty.
    d_updates: List[Dict[str, Any]]
    g_update: Dict[str, Any]  # train, g_loss, step (after it)
    counters: Counters
    new_rollbacks: Any  # int64 scalar placeholder: the value that set_rollbacks gives to the counter
    set_rollbacks: Any
    is_finite: Any  # bool scalar: no weight, moving average or slot of the optimizers is NaN or infinite
    init_ema: Any  # gives the averaged G the weights of G; to be run once, at the start of a run
    optional: List[Any]  # variables that a checkpoint may lack; they then keep their initial value

    def d_update(self, index):
        """Return the update of D with this index, counted from the start of the run."""
        return self.d_updates[index % len(self.d_updates)]


class _Context(NamedTuple):
    """What both updates are built from."""

    reals: Reals
    network: Any
    run: Any
    counters: Counters
    loss_scale: float
    ada: Any  # the adaptive_augment.AdaptiveAugment, or None

    def streams(self):
        return RandomStreams(self.run, self.reals, self.counters, self.ada)


def build_train_graph(reals, network, run, loss_scale=1.0):
    """Build the updates of D and of G; return the TrainGraph.

    reals: the Reals; only D's updates evaluate them. network, run: the two groups of settings. loss_scale: see
    optimizers.minimize. Under the scope of a `tf.distribute` strategy each update is built on every replica, and
    batch_size is the number of rows of one.
    """
    counters = Counters(counter("step"), counter("draw_index"), counter("pictures_seen"), counter("rollbacks"))
    new_rollbacks = tf.placeholder(tf.int64, [], "new_rollbacks")
    d_optimizer, g_optimizer = optimizers.build_optimizers(run, reals.n, counters)
    ada = adaptive_augment.AdaptiveAugment(augment.MAX_P) if run.augment == "adaptive" else None
    context = _Context(reals, network, run, counters, loss_scale, ada)

    d_updates = replicas.run_on_replicas(lambda: _build_d_updates(context, d_optimizer))
    # Only G's own pass may move G's batch-norm averages: once a step, and in no race with another update of them.
    d_pass_bn_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    average, init_ema = build_ema(run.ema_decay)
    g_update = replicas.run_on_replicas(lambda: _build_g_update(context, g_optimizer, average, d_pass_bn_updates))
    # Now every variable exists.
    return TrainGraph(
        d_updates=d_updates[:1] + d_updates[1:] * (run.penalty_every - 1),
        g_update=g_update,
        counters=counters,
        new_rollbacks=new_rollbacks,
        set_rollbacks=counters.rollbacks.assign(new_rollbacks),
        is_finite=all_finite([variable for variable in tf.global_variables() if variable.dtype.is_floating]),
        init_ema=init_ema,
        optional=tf.get_collection(adaptive_augment.OPTIONAL),
    )


def _fake_batch(context, streams, use):
    """Return G's images as D sees them, [batch_size, H, W, C] float32, and their classes or None."""
    classes = streams.classes(use) if context.network.conditional else None
    z = streams.z(context.network.z_dim, use)
    images = generator(z, context.network, classes, training=True)
    return streams.augmented(images, use), classes


def _real_batch(context):
    """Return this replica's real images, [batch_size, H, W, C] float32, and their classes or None."""
    reals, batch_size = context.reals, context.run.batch_size
    images = replicas.local_rows(reals.images, batch_size, of_all=False)
    if not context.network.conditional:
        return images, None
    return images, tf.one_hot(replicas.local_rows(reals.labels, batch_size, of_all=False), len(reals.class_counts))


def _build_d_updates(context, optimizer):
    """Build the updates of D on one replica: with the gradient penalty and, where it is not in each, without it."""
    run, streams = context.run, context.streams()
    real_images, real_classes = _real_batch(context)
    with tf.name_scope("d_pass"):
        fake_images, fake_classes = _fake_batch(context, streams, "D's update")
        real_images = streams.augmented(real_images, "real pictures")
        real_logits = discriminator(real_images, context.network, real_classes)
        fake_logits = discriminator(fake_images, context.network, fake_classes)
        d_loss = losses.d_loss(run.loss, real_logits, fake_logits, run.label_smoothing)
        d_real = tf.reduce_mean(tf.nn.sigmoid(real_logits))
        d_fake = tf.reduce_mean(tf.nn.sigmoid(fake_logits))
        logits = replicas.all_gather(tf.concat([real_logits, fake_logits], axis=1))  # [N of all replicas, 2]
        lead = adaptive_augment.lead(logits[:, :1], logits[:, 1:])
        minimized = [d_loss]
        if run.gradient_penalty != "none":

            def discriminator_fn(images):  # the logits of the real images are known already
                return real_logits if images is real_images else discriminator(images, context.network, real_classes)

            penalty = losses.PENALTIES[run.gradient_penalty](
                discriminator_fn, real_images, fake_images, streams.uniform
            )
            minimized = [d_loss + run.penalty_weight * run.penalty_every * penalty]
            minimized += [d_loss] if run.penalty_every > 1 else []
    power_iterations = norms.power_iterations()
    measured = dict(zip(("d_loss", "d_real", "d_fake"), replicas.all_reduce_mean([d_loss, d_real, d_fake])))
    measured.update(lead=lead, augmented=streams.augment_p)
    return [dict(measured, **_d_train(context, optimizer, loss, power_iterations, lead)) for loss in minimized]


def _d_train(context, optimizer, loss, power_iterations, lead):
    """Return the update of D that lowers `loss`; the counters advance after everything that reads them."""
    images = context.run.batch_size * replicas.num_replicas()
    frozen = first_layer_scopes(context.network, context.run.freeze_d)  # Mo et al. 2020, arXiv 2002.10964
    trained = [variable for variable in trainables()[1] if not variable.name.startswith(frozen)]
    train = optimizers.minimize(optimizer, loss, trained, context.loss_scale)
    with tf.control_dependencies([train]):
        moved = [context.counters.draw_index.assign_add(1), *(u.assign(next_u) for u, next_u in power_iterations)]
        if context.ada:
            moved.append(context.ada.update(lead, images))
        seen = context.counters.pictures_seen.assign_add(images)
    return {"train": tf.group(train, *moved), "pictures_seen": seen}


def _build_g_update(context, optimizer, average, d_pass_bn_updates):
    """Build the update of G on one replica.

    average: pairs of ema.build_ema. d_pass_bn_updates: updates of G's batch-norm averages that are not to be run.
    """
    run, counters, streams = context.run, context.counters, context.streams()
    with tf.name_scope("g_pass"):
        fake_images, fake_classes = _fake_batch(context, streams, "G's update")
        g_loss = losses.g_loss(run.loss, discriminator(fake_images, context.network, fake_classes))
    (mean_g_loss,) = replicas.all_reduce_mean([g_loss])
    batch_norm_updates = [u for u in tf.get_collection(tf.GraphKeys.UPDATE_OPS) if u not in d_pass_bn_updates]
    train = optimizers.minimize(optimizer, g_loss, trainables()[0], context.loss_scale)
    done = [train, *batch_norm_updates, *ema_updates(average, run.ema_decay, counters.step, train)]
    with tf.control_dependencies(done):
        moved = counters.draw_index.assign_add(1)
        next_step = counters.step.assign_add(1)
    return {"train": tf.group(moved, *done), "g_loss": mean_g_loss, "step": next_step}
