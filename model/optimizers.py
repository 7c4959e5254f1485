"""Optimizers, their learning rates, and the update that minimizes a loss.

To add an optimizer, add a row to OPTIMIZERS and its name to utils/config/schema.py. Adam: Kingma & Ba 2014, arXiv
1412.6980.
"""

from model import replicas
from model.graph_mode import tf

# (run settings, learning rate, name) -> an optimizer; the names of its variables contain `name`.
OPTIMIZERS = {
    "adam": lambda run, rate, name: tf.train.AdamOptimizer(rate, run.beta1, run.beta2, run.epsilon, name=name),
    "rmsprop": lambda run, rate, name: tf.train.RMSPropOptimizer(rate, run.decay, epsilon=run.epsilon, name=name),
    "momentum": lambda run, rate, name: tf.train.MomentumOptimizer(rate, run.momentum, name=name),
    "sgd": lambda run, rate, name: tf.train.GradientDescentOptimizer(rate, name=name),
    "adagrad": lambda run, rate, name: tf.train.AdagradOptimizer(rate, run.initial_accumulator, name=name),
}


def build_optimizers(run, n, counters):
    """Return (D's optimizer, G's optimizer), each with its learning rate; n: the number of images."""
    factor, optimizer = rate_factor(run, n, counters), OPTIMIZERS[run.optimizer]
    d_optimizer = optimizer(run, (run.d_learning_rate or run.learning_rate) * factor, "d_optimizer")
    return d_optimizer, optimizer(run, (run.g_learning_rate or run.learning_rate) * factor, "g_optimizer")


def rate_factor(run, n, counters):
    """Return the factor by which the learning rates are multiplied, a float32 scalar.

    Each rollback halves the factor. If rate_decay_from is below 1, the factor also decays linearly to 0, starting at
    this fraction of the run.
    """
    factor = tf.pow(0.5, tf.cast(counters.rollbacks, tf.float32))
    if run.rate_decay_from == 1.0:
        return factor
    done, total = (counters.step, run.max_steps) if run.max_steps else (counters.pictures_seen, float(run.epochs) * n)
    progress = tf.cast(done.read_value(), tf.float32) / total
    return factor * tf.clip_by_value((1.0 - progress) / (1.0 - run.rate_decay_from), 0.0, 1.0)


def minimize(optimizer, loss, variables, loss_scale=None):
    """Return the update that minimizes the mean of `loss` over all replicas, and whether it is applied.

    The optimizer sums the gradients of all replicas. loss_scale: None, or the LossScale by which the loss is multiplied
    while gradients are computed; the second result is then a bool scalar, otherwise None: always.
    """
    factor = loss_scale.read() if loss_scale else 1.0
    gradients = optimizer.compute_gradients(loss * (factor / replicas.num_replicas()), variables)
    gradients = [(gradient / factor, variable) for gradient, variable in gradients]

    def apply():
        # When a tf.distribute strategy creates variables, it opens the name scope again inside the current one.
        scope = optimizer.get_name()
        with tf.variable_scope(scope, auxiliary_name_scope=not replicas.in_replica_context()):
            return optimizer.apply_gradients(gradients)

    if not loss_scale:
        return apply(), None
    scale_update, is_applied = loss_scale.update([gradient for gradient, _ in gradients])
    return tf.group(replicas.run_if(is_applied, apply), scale_update), is_applied
