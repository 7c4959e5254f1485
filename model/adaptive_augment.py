"""The balance of the game: how far D is ahead of G, and how much augmentation that calls for (augment = 'adaptive').

Adaptive discriminator augmentation (Karras et al. 2020, arXiv 2006.06676) goes by how often D takes training images
for real, which shows that D overfits. Here it goes by how often D ranks a real image above a fake one, which also
shows that D wins by something that G cannot do yet.
"""

import tensorflow.compat.v1 as tf

from model import replicas

TARGET_LEAD = 0.6  # above it more images are augmented, below it fewer
RAMP_IMAGES = 4000  # real images that D sees while the share rises from 0 to its maximum
MEMORY = 0.95  # share of its old value that the average lead keeps at each update of D

# Collection of variables that the checkpoint of a run without them lacks; they then start at 0.
OPTIONAL = "optional_variables"


def lead(real_logits, fake_logits):
    """Return D's lead, a float32 scalar in [-1, 1]: 0 if D cannot tell real from fake, 1 if it always can.

    It is P(l(x) > l(G(z))) - P(l(x) < l(G(z))) over all pairs of logits, [N, 1] each: the same however a loss scales
    and shifts logits.
    """
    return tf.reduce_mean(tf.sign(real_logits - tf.transpose(fake_logits)))


class AdaptiveAugment:
    """The share of images to augment, and the average lead that moves it: variables, saved in checkpoints."""

    def __init__(self, max_p):
        """max_p: the highest share, above 0, at most 1."""
        self._max_p = max_p
        self._share, self._lead = _optional("balance/augmented"), _optional("balance/lead")

    def read(self):
        """Return the share, a float32 scalar in [0, max_p]."""
        return self._share.read_value()

    def update(self, lead_of_update, images):
        """Return the operation that moves the share, for the lead in an update of D that has seen so many images."""
        average = self._lead.assign(MEMORY * self._lead + (1.0 - MEMORY) * lead_of_update)
        change = tf.sign(average - TARGET_LEAD) * (self._max_p * images / RAMP_IMAGES)
        return self._share.assign(tf.clip_by_value(self._share + change, 0.0, self._max_p))


def _optional(name):
    variable = replicas.synced_variable(name, [], tf.zeros_initializer())
    tf.add_to_collection(OPTIONAL, variable)
    return variable
