"""The variables of a graph: counters, the trainable variables of G and D, and a check that all are finite."""

from model import replicas
from model.graph_mode import tf

GENERATOR, DISCRIMINATOR = "generator", "discriminator"  # scopes of the networks' variables


def counter(name):
    """Return an int64 scalar variable that starts at 0 and is saved in checkpoints."""
    return replicas.synced_variable(name, [], tf.zeros_initializer(), tf.int64)


def trainables():
    """Return G's and D's trainable variables; raise ValueError if one belongs to neither."""
    scopes = (GENERATOR + "/", DISCRIMINATOR + "/")
    strays = [v.name for v in tf.trainable_variables() if not v.name.startswith(scopes)]
    if strays:
        raise ValueError(f"trainable variables that belong to neither network: {', '.join(strays)}")
    return tuple(tf.trainable_variables(scope) for scope in scopes)


def all_finite(variables):
    """Return a bool scalar: no value in `variables` is NaN or infinite."""
    # A sum is NaN or infinite if one of its terms is, and summing reads each value once.
    return tf.reduce_all(tf.is_finite([tf.reduce_sum(variable) for variable in variables]))
