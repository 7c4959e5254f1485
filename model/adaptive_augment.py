"""Adaptive augmentation: the probability p of augmenting an image follows D's lead over G if augment = 'adaptive'.

In adaptive discriminator augmentation (Karras et al. 2020, arXiv 2006.06676), p depends on how often D classifies
training images as real, a sign of overfitting. Here, p depends on how often D ranks a real image above a fake one. This
ranking also reveals when D wins by a feature that G cannot generate yet.
"""

from model.graph_mode import tf
from model.variables import optional_variable

TARGET_LEAD = 0.6  # p rises while the average lead is above this value, and falls while the lead is below
RAMP_IMAGES = 4000  # real images that D sees while p rises from 0 to its maximum
MEMORY = 0.95  # decay of the average lead, per update of D


def lead(real_logits, fake_logits):
    """Return D's lead, a float32 scalar in [-1, 1]: 1 if D ranks every real image above every fake one.

    The lead is P(l(x) > l(G(z))) - P(l(x) < l(G(z))) over all pairs of logits, [N, 1] each: 0 if D cannot separate
    real from fake, below 0 if D ranks fakes higher. The lead does not depend on the scale or the offset of the logits,
    which differ between losses.
    """
    return tf.reduce_mean(tf.sign(real_logits - tf.transpose(fake_logits)))


class AdaptiveAugment:
    """The probability p of augmenting an image, and the average lead that controls p; checkpoints contain both."""

    def __init__(self, max_p):
        """max_p: the maximum of p, in (0, 1]."""
        self._max_p = max_p
        self.p, self._lead = optional_variable("balance/augmented"), optional_variable("balance/lead")

    def update(self, d_lead, images):
        """Return the operation that adjusts p after an update of D with the lead `d_lead` on `images` real images."""
        average = self._lead.assign(MEMORY * self._lead + (1.0 - MEMORY) * d_lead)
        change = tf.sign(average - TARGET_LEAD) * (self._max_p * images / RAMP_IMAGES)
        return self.p.assign(tf.clip_by_value(self.p + change, 0.0, self._max_p))
