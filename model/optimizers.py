"""Optimizers, their learning rates, and the update that minimizes a loss.

To add an optimizer, add a row to OPTIMIZERS and its name to utils/config/schema.py. Adam: Kingma & Ba 2014, arXiv
1412.6980.
"""

import tensorflow.compat.v1 as tf

from model import replicas

# Each makes an optimizer of the run settings, a learning rate and a name, which becomes part of its variables' names.
OPTIMIZERS = {
    "adam": lambda run, rate, name: tf.train.AdamOptimizer(rate, run.beta1, run.beta2, run.epsilon, name=name),
    "rmsprop": lambda run, rate, name: tf.train.RMSPropOptimizer(rate, run.decay, epsilon=run.epsilon, name=name),
    "momentum": lambda run, rate, name: tf.train.MomentumOptimizer(rate, run.momentum, name=name),
    "sgd": lambda run, rate, name: tf.train.GradientDescentOptimizer(rate, name=name),
    "adagrad": lambda run, rate, name: tf.train.AdagradOptimizer(rate, run.initial_accumulator, name=name),
}
D_OPTIMIZER, G_OPTIMIZER = "d_optimizer", "g_optimizer"  # scopes of their variables


def build_optimizers(run, n, counters):
    """Return (D's optimizer, G's optimizer), each with its learning rate; n: the number of images."""
    factor = rate_factor(run, n, counters)
    d_optimizer = build_optimizer(run, (run.d_learning_rate or run.learning_rate) * factor, D_OPTIMIZER)
    return d_optimizer, build_optimizer(run, (run.g_learning_rate or run.learning_rate) * factor, G_OPTIMIZER)


def build_optimizer(run, rate, name):
    """Return a new optimizer of the kind `run.optimizer`; rate: the learning rate, a float or a scalar tensor."""
    return OPTIMIZERS[run.optimizer](run, rate, name)


def rate_factor(run, n, counters):
    """Return the factor of the learning rates, a float32 scalar: halved by each rollback, decaying towards the end."""
    factor = tf.pow(0.5, tf.cast(counters.rollbacks, tf.float32))
    if run.rate_decay_from == 1.0:
        return factor
    if run.max_steps:
        progress = tf.cast(counters.step.read_value(), tf.float32) / run.max_steps
    else:
        progress = tf.cast(counters.pictures_seen.read_value(), tf.float32) / (float(run.epochs) * n)
    return factor * tf.clip_by_value((1.0 - progress) / (1.0 - run.rate_decay_from), 0.0, 1.0)


def minimize(optimizer, loss, variables, loss_scale):
    """Return the update that lowers the mean of `loss` over all replicas; the optimizer sums their gradients.

    loss_scale: factor of the loss while gradients are computed, which keeps them representable in float16; the
    gradients are divided by it (Micikevicius et al. 2018, arXiv 1710.03740).
    """
    gradients = optimizer.compute_gradients(loss * (loss_scale / replicas.num_replicas()), variables)
    gradients = [(gradient / loss_scale, variable) for gradient, variable in gradients]
    # Where a tf.distribute strategy creates variables, it opens the name scope again inside the open one.
    scope = optimizer.get_name()
    with tf.variable_scope(scope, auxiliary_name_scope=not replicas.in_replica_context()):
        return optimizer.apply_gradients(gradients)
