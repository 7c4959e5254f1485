"""One step on several devices or machines at once, by a `tf.distribute` strategy.

Without a strategy, everything here is a no-op. With one, each replica takes its rows of every batch, and each variable
has the same value on all replicas: gradients are summed, the statistics of batch norm and the losses are averaged, and
the counters advance by the same amount.
"""

import tensorflow.compat.v1 as tf


def num_replicas():
    """Return the number of replicas that take part in a step: 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def synced_variable(name, shape, initializer, dtype=tf.float32):
    """Return a non-trainable variable; the values assigned to it must be the same on all replicas."""
    same = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.get_variable(name, shape, dtype, initializer=initializer, trainable=False, aggregation=same)


def in_replica_context():
    """Return whether the part of the graph being built belongs to one of several replicas."""
    return num_replicas() > 1 and not tf.distribute.in_cross_replica_context()


def all_reduce_mean(values):
    """Return the means over all replicas of a list of tensors; gradients pass through them."""
    if not in_replica_context():
        return values

    def reduced(strategy, *each):
        return strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.MEAN, [(value, value) for value in each])

    means = tf.distribute.get_replica_context().merge_call(reduced, args=values)
    # ReplicaContext.all_reduce has a gradient, but cannot be built in a graph of named variables.
    with tf.get_default_graph().gradient_override_map({"IdentityN": _GRADIENT}):
        return tf.identity_n([*values, *means])[len(values) :]


_GRADIENT = "MeanOverReplicas"


@tf.RegisterGradient(_GRADIENT)
def _gradient_of_mean(operation, *gradients):
    """Return the gradients of `all_reduce_mean`: each mean depends equally on the value of every replica."""
    n = len(gradients) // 2
    return [*all_reduce_mean(list(gradients[n:])), *[None] * n]


def local_rows(x, batch_size, of_all=True):
    """Return the rows of this replica, [batch_size, ...].

    x: the rows of all replicas in their order; with of_all=False only those of the replicas of this process.
    """
    if num_replicas() == 1:
        return x
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    if not of_all:
        number %= int(x.shape[0]) // batch_size
    own = x[number * batch_size : (number + 1) * batch_size]
    own.set_shape([batch_size, *x.shape[1:]])
    return own


def all_gather(x):
    """Return the rows of all replicas, [N * count, ...], of which x, [N, ...], are those of this one; no gradient."""
    if not in_replica_context():
        return x
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    place = tf.reshape(tf.one_hot(number, num_replicas()), [num_replicas()] + [1] * len(x.shape))
    (rows_of_all,) = all_reduce_mean(
        [num_replicas() * place * tf.stop_gradient(x)]
    )  # [count, N, ...]: the mean of rows and of zeros
    return tf.reshape(rows_of_all, [-1, *x.shape[1:]])


def run_on_replicas(update):
    """Build `update` on each replica; return its tensors (those of the first replica) and its operations (grouped)."""
    strategy = tf.distribute.get_strategy()
    if num_replicas() == 1:
        return update()

    def merge(end):
        ends = strategy.experimental_local_results(end)
        return tf.group(*ends) if isinstance(ends[0], tf.Operation) else ends[0]

    return tf.nest.map_structure(merge, strategy.run(update))
