"""Adaptive augmentation: the probability p of augmenting an image follows D's lead over G (augment = 'adaptive').

In adaptive discriminator augmentation (Karras et al. 2020, arXiv 2006.06676), p depends on how often D classifies
training images as real, which shows that D overfits. Here it depends on how often D ranks a real image above a fake
one, which also shows that D wins by a feature that G cannot generate yet.
"""

from model import replicas
from model.graph_mode import tf

TARGET_LEAD = 0.6  # p rises while the average lead is above it, and falls while it is below
RAMP_IMAGES = 4000  # real images that D sees while p rises from 0 to its maximum
MEMORY = 0.95  # decay of the average lead, per update of D

# Collection of variables that older checkpoints may lack; they then keep their initial value 0.
OPTIONAL = "optional_variables"


def lead(real_logits, fake_logits):
    """Return D's lead, a float32 scalar in [-1, 1]: 0 if D cannot separate real from fake, 1 if it always can.

    It is P(l(x) > l(G(z))) - P(l(x) < l(G(z))) over all pairs of logits, [N, 1] each, and does not depend on the scale
    and the offset of the logits, which differ between losses.
    """
    return tf.reduce_mean(tf.sign(real_logits - tf.transpose(fake_logits)))


class AdaptiveAugment:
    """The probability p of augmenting an image and the average lead that moves it: variables, saved in checkpoints."""

    def __init__(self, max_p):
        """max_p: the maximum of p, in (0, 1]."""
        self._max_p = max_p
        self._p, self._lead = _optional_variable("balance/augmented"), _optional_variable("balance/lead")

    def read(self):
        """Return p, a float32 scalar in [0, max_p]."""
        return self._p.read_value()

    def update(self, d_lead, images):
        """Return the operation that moves p after an update of D with this lead; images: their number in the update."""
        average = self._lead.assign(MEMORY * self._lead + (1.0 - MEMORY) * d_lead)
        change = tf.sign(average - TARGET_LEAD) * (self._max_p * images / RAMP_IMAGES)
        return self._p.assign(tf.clip_by_value(self._p + change, 0.0, self._max_p))


def _optional_variable(name):
    variable = replicas.synced_variable(name, [], tf.zeros_initializer())
    tf.add_to_collection(OPTIONAL, variable)
    return variable
