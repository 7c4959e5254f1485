"""The averaged generator: a moving average of G's weights, which samples are drawn from.

It is steadier than G itself (Karras et al. 2018, arXiv 1710.10196; Brock et al. 2018, arXiv 1809.11096).
"""

import tensorflow.compat.v1 as tf

from model import replicas
from model.variables import GENERATOR, trainables

AVERAGE = "average_generator"  # scope of its variables


def build_ema(decay):
    """Create the averaged G's weights, none with decay 0.

    Return pairs (average, weight of G), and the operation that sets each average to its weight.
    """
    pairs, starts = [], []
    for variable in trainables()[0] if decay else []:
        name = AVERAGE + variable.op.name[len(GENERATOR) :]
        average = replicas.synced_variable(name, variable.shape, tf.zeros_initializer())
        pairs.append((average, variable))
        starts.append(average.assign(variable.read_value()))
    return pairs, tf.group(*starts)


def ema_updates(pairs, decay, step, g_train):
    """Return the updates of the averaged G's weights, to be run after g_train; pairs: see `build_ema`."""
    # Short at first, because early weights are not worth averaging.
    n = tf.cast(step.read_value(), tf.float32)
    kept = tf.minimum(decay, (1.0 + n) / (10.0 + n))
    updates = []
    for average, variable in pairs:
        with tf.control_dependencies([g_train]):
            updates.append(average.assign_sub((1.0 - kept) * (average - variable.read_value())))
    return updates
