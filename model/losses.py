"""The losses of Goodfellow et al. 2014, arXiv 1406.2661, as functions of logits.

With D(x) = sigmoid(logit), log D(x) = -softplus(-logit) and log(1 - D(x)) = -softplus(logit): exact for every logit,
where the logarithm of a sigmoid's output is lost in rounding from about 17 on.
"""

import tensorflow.compat.v1 as tf


def d_loss(real_logits, fake_logits):
    """Return D's loss, -E[log D(x)] - E[log(1 - D(G(z)))], a float32 scalar; 2 ln 2 where D knows nothing."""
    return tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(tf.nn.softplus(fake_logits))


def g_loss(fake_logits):
    """Return G's non-saturating loss, -E[log D(G(z))], a float32 scalar; ln 2 where D knows nothing.

    The paper's section 3: maximising log D(G(z)) has the same fixed point as minimising log(1 - D(G(z))), and strong
    gradients early on, when D rejects every sample with confidence.
    """
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))
