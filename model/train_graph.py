"""The training graph: G, D, their losses and their optimizers.

One step is Algorithm 1 of Goodfellow et al. 2014, arXiv 1406.2661: k updates of D, then one of G. Each update is a
*draw* with its own noise, keyed by the draw index (random_streams.py), so that a step depends only on the checkpoint.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from model import adaptive_augment, augment, clusters, feature_critic, losses, norms, optimizers, replicas
from model.discriminator import discriminator, first_layer_scopes
from model.ema import build_ema, ema_updates
from model.feature_critic import RealFeatures
from model.generator import generator
from model.graph_mode import tf
from model.loss_scale import LossScale
from model.random_streams import RandomStreams
from model.variables import OPTIONAL, all_finite, counter, trainables


class Reals(NamedTuple):
    """The real images. Each evaluation of images or labels takes a new batch.

    Under the scope of a `tf.distribute` strategy, a batch holds the rows of all replicas in this process.
    """

    images: Any  # [batch_size, height, width, channels] float32 in [-1, 1]
    n: int  # the number of images in the data set
    labels: Any = None  # [batch_size] int32: their class indices; None if unconditional
    class_counts: Tuple[int, ...] = ()  # the number of images in each class
    features: Optional[RealFeatures] = None  # None if d_features = 'none'


class Counters(NamedTuple):
    """The counters, int64 variables that start at 0."""

    step: Any  # finished steps
    draw_index: Any  # finished updates of D and of G
    pictures_seen: Any  # real images that D has seen
    rollbacks: Any  # not saved; each rollback changes the noise and halves the learning rate


class TrainGraph(NamedTuple):
    """The inputs and outputs of the training graph. Each update is one fetch, with the metrics before the update."""

    # train, d_loss, d_real = E[D(x)], d_fake = E[D(G(z))], lead (see adaptive_augment.py), augmented (probability of
    # augmenting an image), pictures_seen (after the update). There are penalty_every updates, which run in turn;
    # only the first one includes the gradient penalty, if there is one.
    d_updates: List[Dict[str, Any]]
    g_update: Dict[str, Any]  # train, g_loss, step (after the update)
    counters: Counters
    new_rollbacks: Any  # int64 scalar placeholder: the value that set_rollbacks assigns to the counter
    set_rollbacks: Any
    is_finite: Any  # bool scalar: all weights, moving averages and optimizer slots are finite
    init_ema: Any  # sets the averaged weights to G's; run it once, at the start of a run
    optional: List[Any]  # variables that a checkpoint may lack, which then keep their initial values

    def d_update(self, index):
        """Return the update of D with this index, counted from the start of the run."""
        return self.d_updates[index % len(self.d_updates)]


class _Context(NamedTuple):
    """Everything that the updates of D and of G are built from."""

    reals: Reals
    network: Any
    run: Any
    counters: Counters
    loss_scales: Any  # the LossScale of D and of G if precision = 'float16', else None for each
    ada: Any  # the AdaptiveAugment if augment = 'adaptive', else None


def build_train_graph(reals, network, run):
    """Build the updates of D and of G; return the TrainGraph.

    reals: the Reals; only D's updates take batches. network, run: the settings; with
    precision = 'float16', losses are scaled (loss_scale.py). Under the scope of a `tf.distribute` strategy, each update
    is built on every replica, and batch_size is the number of rows per replica.
    """
    counters = Counters(counter("step"), counter("draw_index"), counter("pictures_seen"), counter("rollbacks"))
    new_rollbacks = tf.placeholder(tf.int64, [], "new_rollbacks")
    d_optimizer, g_optimizer = optimizers.build_optimizers(run, reals.n, counters)
    ada = adaptive_augment.AdaptiveAugment(augment.MAX_P) if run.augment == "adaptive" else None
    loss_scales = [LossScale(name) if run.precision == "float16" else None for name in ("d", "g")]
    context = _Context(reals, network, run, counters, loss_scales, ada)

    d_updates = replicas.run_on_replicas(lambda: _build_d_updates(context, d_optimizer))
    # Only G's own pass may update G's batch-norm averages: once per step, without a race between two updates.
    d_pass_bn_updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    ema_pairs, init_ema = build_ema(run.ema_decay)
    g_update = replicas.run_on_replicas(lambda: _build_g_update(context, g_optimizer, ema_pairs, d_pass_bn_updates))
    # All variables exist from here on.
    return TrainGraph(
        d_updates=d_updates[:1] + d_updates[1:] * (run.penalty_every - 1),
        g_update=g_update,
        counters=counters,
        new_rollbacks=new_rollbacks,
        set_rollbacks=counters.rollbacks.assign(new_rollbacks),
        is_finite=all_finite([variable for variable in tf.global_variables() if variable.dtype.is_floating]),
        init_ema=init_ema,
        optional=tf.get_collection(OPTIONAL),
    )


def _fake_batch(context, streams, use):
    """Return z, samples of G, [batch_size, H, W, C] float32, the augmented samples, and their classes or None."""
    z = streams.z(context.network.z_dim, use)
    classes = streams.classes(use) if context.network.conditional else None
    images = generator(z, context.network, classes, training=True)
    return z, images, streams.augmented(images, use), classes


def _real_batch(context):
    """Return this replica's real images, [batch_size, H, W, C] float32, and their one-hot classes or None."""
    reals, batch_size = context.reals, context.run.batch_size
    images = replicas.local_rows(reals.images, batch_size, is_global=False)
    if not context.network.conditional:
        return images, None
    return images, tf.one_hot(replicas.local_rows(reals.labels, batch_size, is_global=False), len(reals.class_counts))


def _build_d_updates(context, optimizer):
    """Build D's updates on one replica: one with the gradient penalty, if any, and one without if penalty_every > 1."""
    run, streams = context.run, RandomStreams(context.run, context.reals, context.counters, context.ada)
    real_images, real_classes = _real_batch(context)
    with tf.name_scope("d_pass"):
        _, _, fake_images, fake_classes = _fake_batch(context, streams, "D's update")
        real_images = streams.augmented(real_images, "real pictures")
        real_logits = discriminator(real_images, context.network, real_classes)
        fake_logits = discriminator(fake_images, context.network, fake_classes)
        d_loss = losses.LOSSES[run.loss].d(real_logits, fake_logits, run.label_smoothing)
        d_real = tf.reduce_mean(tf.nn.sigmoid(real_logits))
        d_fake = tf.reduce_mean(tf.nn.sigmoid(fake_logits))
        logits = replicas.all_gather(tf.concat([real_logits, fake_logits], axis=1))  # [N of all replicas, 2]
        lead = adaptive_augment.lead(logits[:, :1], logits[:, 1:])
        objectives = [d_loss]
        if run.gradient_penalty != "none":

            def discriminator_fn(images):  # the logits of the real images already exist
                return real_logits if images is real_images else discriminator(images, context.network, real_classes)

            penalty_fn = losses.PENALTIES[run.gradient_penalty]
            scale = context.loss_scales[0] and context.loss_scales[0].read()
            penalty = penalty_fn(discriminator_fn, real_images, fake_images, streams.uniform, scale)
            objectives = [d_loss + run.penalty_weight * run.penalty_every * penalty, d_loss][: run.penalty_every]
    power_iterations = norms.power_iterations()
    means = replicas.all_reduce_mean([d_loss, d_real, d_fake])
    metrics = dict(zip(("d_loss", "d_real", "d_fake"), means), lead=lead, augmented=streams.augment_p)
    return [dict(metrics, **_d_train(context, optimizer, loss, power_iterations, lead)) for loss in objectives]


def _d_train(context, optimizer, loss, power_iterations, lead):
    """Return the update of D that minimizes `loss`; the counters advance after all operations that read them."""
    images = context.run.batch_size * replicas.num_replicas()
    frozen = first_layer_scopes(context.network, context.run.freeze_d)  # Mo et al. 2020, arXiv 2002.10964
    trained = [variable for variable in trainables()[1] if not variable.name.startswith(frozen)]
    train, _ = optimizers.minimize(optimizer, loss, trained, context.loss_scales[0])
    with tf.control_dependencies([train]):
        updates = [context.counters.draw_index.assign_add(1), *(u.assign(next_u) for u, next_u in power_iterations)]
        if context.ada:
            updates.append(context.ada.update(lead, images))
        pictures_seen = context.counters.pictures_seen.assign_add(images)
    return {"train": tf.group(train, *updates), "pictures_seen": pictures_seen}


def _build_g_update(context, optimizer, ema_pairs, d_pass_bn_updates):
    """Build the update of G on one replica.

    ema_pairs: see ema.build_ema. d_pass_bn_updates: the updates of G's batch-norm averages that must not run.
    """
    run, counters = context.run, context.counters
    streams = RandomStreams(run, context.reals, counters, context.ada)
    with tf.name_scope("g_pass"):
        z, samples, fake_images, fake_classes = _fake_batch(context, streams, "G's update")
        g_loss = objective = losses.LOSSES[run.loss].g(discriminator(fake_images, context.network, fake_classes))
        critic_updates, features = [], context.reals.features
        if features:
            shifted = streams.shifted(samples, features.shift)
            groups = clusters.one_hot(z, context.network, fake_classes) if context.network.clusters else fake_classes
            critic_loss, critic_updates = feature_critic.build_critic(
                shifted, features, groups, context.network, n_classes=max(1, len(context.reals.class_counts))
            )
            objective = feature_critic.add_gradient(g_loss, critic_loss, samples, context.loss_scales[1])
    (mean_g_loss,) = replicas.all_reduce_mean([g_loss])
    bn_updates = [u for u in tf.get_collection(tf.GraphKeys.UPDATE_OPS) if u not in d_pass_bn_updates]
    # An update that overflows is skipped. Batch-norm averages need no such care: they depend on the forward pass alone.
    train, is_applied = optimizers.minimize(optimizer, objective, trainables()[0], context.loss_scales[1])
    updates = [train, *bn_updates, *ema_updates(ema_pairs, run.ema_decay, counters.step, train, is_applied)]
    with tf.control_dependencies(updates):
        draw_index = counters.draw_index.assign_add(1)
        step = counters.step.assign_add(1)
        updates += [update() for update in critic_updates]
    return {"train": tf.group(draw_index, *updates), "g_loss": mean_g_loss, "step": step}
