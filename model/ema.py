"""The EMA generator: an exponential moving average of G's weights, which generates the samples.

Its samples vary less from step to step than G's (Karras et al. 2018, arXiv 1710.10196; Brock et al. 2018, arXiv
1809.11096).
"""

from model import replicas
from model.graph_mode import tf
from model.variables import GENERATOR, trainables

AVERAGE = "average_generator"  # scope of the averaged weights


def build_ema(decay):
    """Create the averaged weights; create none if decay is 0.

    Return pairs (average, weight of G), and the operation that sets each average to its weight.
    """
    pairs = []
    for weight in trainables()[0] if decay else []:
        name = AVERAGE + weight.op.name[len(GENERATOR) :]
        pairs.append((replicas.synced_variable(name, weight.shape, tf.zeros_initializer()), weight))
    return pairs, tf.group(*(average.assign(weight.read_value()) for average, weight in pairs))


def ema_updates(pairs, decay, step, g_train, is_applied=None):
    """Return the updates of the averaged weights, which run after g_train; pairs: see `build_ema`.

    is_applied: bool scalar: whether g_train changes the weights (None: always); if not, the averages stay as they are.
    """
    # The averaging window is short at first, because early weights are not worth averaging.
    n = tf.cast(step.read_value(), tf.float32)
    decay = tf.minimum(decay, (1.0 + n) / (10.0 + n))
    if is_applied is not None:
        decay = tf.where(is_applied, decay, 1.0)
    with tf.control_dependencies([g_train]):
        return [average.assign_sub((1.0 - decay) * (average - weight.read_value())) for average, weight in pairs]
