"""Steps on several devices or machines at the same time, with a `tf.distribute` strategy.

Without a strategy, everything here is a no-op. With a strategy, each replica takes its rows of every batch, and each
variable has the same value on all replicas: gradients are summed, batch-norm statistics and losses are averaged, and
the counters advance by the same amount.
"""

from model.graph_mode import tf


def num_replicas():
    """Return the number of replicas that take part in a step: 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def _replica_index():
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def in_replica_context():
    """Return whether the graph is being built for one of several replicas."""
    return num_replicas() > 1 and not tf.distribute.in_cross_replica_context()


def synced_variable(name, shape, initializer, dtype=tf.float32):
    """Return a non-trainable variable; the values assigned to it must be the same on all replicas."""
    same = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.get_variable(name, shape, dtype, initializer=initializer, trainable=False, aggregation=same)


def all_reduce_mean(values):
    """Average each tensor in the list `values` over all replicas; gradients flow through the means."""
    if not in_replica_context():
        return values

    def reduce(strategy, *tensors):
        return strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.MEAN, [(tensor, tensor) for tensor in tensors])

    means = tf.distribute.get_replica_context().merge_call(reduce, args=values)
    # ReplicaContext.all_reduce has a gradient, but cannot be built in a graph with named variables.
    with tf.get_default_graph().gradient_override_map({"IdentityN": "MeanOverReplicas"}):
        return tf.identity_n([*values, *means])[len(values) :]


@tf.RegisterGradient("MeanOverReplicas")
def _mean_gradient(operation, *gradients):
    """Return the gradients of `all_reduce_mean`: each mean depends equally on the value of every replica."""
    n = len(gradients) // 2
    return [*all_reduce_mean(list(gradients[n:])), *[None] * n]


def all_gather(x):
    """Gather x, [N, ...], from all replicas in their order: [N * num_replicas, ...]. The result has no gradient."""
    if not in_replica_context():
        return x
    n = num_replicas()
    mask = tf.reshape(tf.one_hot(_replica_index(), n), [n] + [1] * len(x.shape))
    (gathered,) = all_reduce_mean([n * mask * tf.stop_gradient(x)])  # [n, N, ...]: the other replicas add zeros
    return tf.reshape(gathered, [-1, *x.shape[1:]])


def local_rows(x, batch_size, is_global=True):
    """Return this replica's rows of x, [batch_size, ...].

    x: the rows of all replicas in their order; with is_global=False, the rows of the replicas in this process only.
    """
    if num_replicas() == 1:
        return x
    index = _replica_index() if is_global else _replica_index() % (int(x.shape[0]) // batch_size)
    rows = x[index * batch_size : (index + 1) * batch_size]
    rows.set_shape([batch_size, *x.shape[1:]])
    return rows


def run_on_replicas(build):
    """Call `build` on each replica; return the first replica's tensors, and each operation grouped over all."""
    strategy = tf.distribute.get_strategy()
    if num_replicas() == 1:
        return build()

    def merge(value):
        values = strategy.experimental_local_results(value)
        return tf.group(*values) if isinstance(values[0], tf.Operation) else values[0]

    return tf.nest.map_structure(merge, strategy.run(build))


def run_if(condition, build):
    """Return the operation that runs the operation of `build` if `condition`, equal on all replicas, is true."""

    def branch():  # from the root scope, so that variables have the same names as without a condition
        with tf.name_scope(None):
            return tf.group(build())

    if not in_replica_context():
        return tf.cond(condition, branch, tf.no_op)

    def merge(strategy, condition, branch):
        def on_each():
            updates = strategy.extended.call_for_each_replica(lambda build: build(), args=(branch,))
            return tf.group(*strategy.experimental_local_results(updates))

        return tf.cond(strategy.experimental_local_results(condition)[0], on_each, tf.no_op)

    return tf.distribute.get_replica_context().merge_call(merge, args=(condition, branch))
