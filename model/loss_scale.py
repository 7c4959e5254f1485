"""The loss scale of float16, whose few exponent bits would turn small gradients into 0.

The loss is multiplied by the scale, and its gradients are divided by it. The scale adapts: if it is so large that
gradients overflow, the update is skipped and the scale halved (Micikevicius et al. 2018, arXiv 1710.03740).
"""

from model import replicas
from model.graph_mode import tf
from model.variables import all_finite, optional_variable

# Base-2 logarithms of the scale.
START = 10.0  # the constant scale of earlier versions, whose checkpoints lack the variable
MAX = 24.0  # from here on, even float16's smallest number, 2^-24, becomes 1 or more
STEP = 2.0**-11  # added by each update without an overflow, so that the scale doubles after 2048 of them


class LossScale:
    """The scale for the updates of one network; checkpoints contain its base-2 logarithm."""

    def __init__(self, name):
        self._log2 = optional_variable(f"loss_scale/{name}", START)

    def read(self):
        """Return the scale, a float32 scalar: a power of two from 1 to 2^24, so that scaling is exact in float32."""
        return tf.pow(2.0, tf.floor(self._log2.read_value()))

    def update(self, gradients):
        """Return the operation that adapts the scale to the gradients of all replicas, and whether to apply them.

        With a scale of 1 they are always applied: an overflow is then a divergence, and NaN weights cause a rollback.
        """
        (overflow,) = replicas.all_reduce_mean([1.0 - tf.cast(all_finite(gradients), tf.float32)])
        is_finite, log2 = tf.equal(overflow, 0.0), self._log2.read_value()
        raised, lowered = tf.minimum(log2 + STEP, MAX), tf.maximum(tf.floor(log2) - 1.0, 0.0)
        return self._log2.assign(tf.where(is_finite, raised, lowered)), is_finite | (log2 < 1.0)
