"""Force gradients to overflow, as they do in float16."""

from model import losses
from model.graph_mode import tf


def overflow_if(monkeypatch, build_condition, factors=(1e38,)):
    """Make the gradients of the losses in new graphs overflow if a bool scalar tensor is true; the losses stay finite.

    build_condition builds the tensor. The gradients of the logits are multiplied by the factors: with one factor they
    overflow only if the loss scale is above 2, with two at every scale. Return the list to which the tensors are added.
    """
    loss, conditions = losses.LOSSES["non_saturating"], []

    def overflowing(function):
        def changed(*arguments):
            conditions.append(build_condition())
            zero = tf.reduce_mean(arguments[0]) - tf.stop_gradient(tf.reduce_mean(arguments[0]))
            for factor in factors:
                zero *= factor
            return function(*arguments) + tf.cast(conditions[-1], tf.float32) * zero

        return changed

    monkeypatch.setitem(losses.LOSSES, "non_saturating", losses.Loss(*map(overflowing, loss)))
    return conditions
