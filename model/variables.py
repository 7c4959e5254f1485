"""The variables of a graph: counters, optional variables, those that G and D train, and a check that all are finite."""

from model import replicas
from model.graph_mode import tf

GENERATOR, DISCRIMINATOR = "generator", "discriminator"  # scopes of the networks' variables

# Name of the collection of variables that a checkpoint may lack; these variables then keep their initial values.
OPTIONAL = "optional_variables"


def counter(name):
    """Return an int64 scalar variable that starts at 0 and is saved in checkpoints."""
    return replicas.synced_variable(name, [], tf.zeros_initializer(), tf.int64)


def optional_variable(name, value=0.0):
    """Return a float32 scalar variable that starts at `value` and that checkpoints may lack."""
    variable = replicas.synced_variable(name, [], tf.constant_initializer(value))
    tf.add_to_collection(OPTIONAL, variable)
    return variable


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
