"""One step on several devices or machines at once, by a `tf.distribute` strategy; without one, all of this is nothing.

Each replica takes its rows of every batch, and each variable is the same on all of them: gradients are summed, what
batch norm and the losses measure is averaged, and the counters go up on all alike.
"""

import tensorflow.compat.v1 as tf


def count():
    """Return how many replicas take part in a step, 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def state(name, shape, initializer, dtype=tf.float32):
    """Return a variable that is no weight: what is assigned to it must be the same on all replicas."""
    same = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.get_variable(name, shape, dtype, initializer=initializer, trainable=False, aggregation=same)


def is_one_of_several():
    """Say whether what is built now belongs to one of several replicas, not to all of them together."""
    return count() > 1 and not tf.distribute.in_cross_replica_context()


def mean(values):
    """Return the means over all replicas of a list of tensors; gradients flow through them."""
    if not is_one_of_several():
        return values

    def reduced(strategy, *each):
        return strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.MEAN, [(value, value) for value in each])

    means = tf.distribute.get_replica_context().merge_call(reduced, args=values)
    # ReplicaContext.all_reduce has a gradient of its own, but cannot be built in a graph of variables by name.
    with tf.get_default_graph().gradient_override_map({"IdentityN": _GRADIENT}):
        return tf.identity_n([*values, *means])[len(values) :]


_GRADIENT = "MeanOverReplicas"


@tf.RegisterGradient(_GRADIENT)
def _gradient_of_mean(operation, *gradients):
    """Return the gradients of `mean`: each mean depends on the value of every replica alike."""
    n = len(gradients) // 2
    return [*mean(list(gradients[n:])), *[None] * n]


def rows(x, batch_size, of_all):
    """Return the rows of this replica, [batch_size, ...].

    x: those of all replicas, or without of_all only those of this process, in the order of their numbers.
    """
    if count() == 1:
        return x
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    if not of_all:
        number %= int(x.shape[0]) // batch_size
    mine = x[number * batch_size : (number + 1) * batch_size]
    mine.set_shape([batch_size, *x.shape[1:]])
    return mine


def on_all(update):
    """Build `update` on each replica; return its ends: of tensors the first replica's, of operations all together."""
    strategy = tf.distribute.get_strategy()
    if count() == 1:
        return update()

    def together(end):
        ends = strategy.experimental_local_results(end)
        return tf.group(*ends) if isinstance(ends[0], tf.Operation) else ends[0]

    return tf.nest.map_structure(together, strategy.run(update))
