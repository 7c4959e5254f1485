"""The losses, as functions of logits, [N, 1] float32, each a float32 scalar.

With D(x) = sigmoid(logit), log D(x) = -softplus(-logit) and log(1 - D(x)) = -softplus(logit): exact for every logit,
where the logarithm of a sigmoid's output is lost in rounding from about 17 on.

non_saturating: Goodfellow et al. 2014, arXiv 1406.2661; least_squares: Mao et al. 2017, arXiv 1611.04076;
wasserstein: Arjovsky et al. 2017, arXiv 1701.07875; hinge: Lim & Ye 2017, arXiv 1705.02894. One-sided label smoothing:
Salimans et al. 2016, arXiv 1606.03498. Penalties: r1, Mescheder et al. 2018, arXiv 1801.04406; wgan-gp, Gulrajani et
al. 2017, arXiv 1704.00028.
"""

import tensorflow.compat.v1 as tf


def d_loss(kind, real_logits, fake_logits, label_smoothing=0.0):
    """Return D's loss of this kind; label_smoothing lowers the label 1 of real pictures, for the kinds that have one.

    Where all logits are 0, D knows nothing: non_saturating is 2 ln 2 there, hinge 2, least_squares 1, wasserstein 0.
    """
    if kind == "non_saturating":  # -E[log D(x)] - E[log(1 - D(G(z)))]
        # With label 1 - s: -(1 - s) log D(x) - s log(1 - D(x)), and softplus(l) = softplus(-l) + l.
        real = tf.nn.softplus(-real_logits) + label_smoothing * real_logits
        return tf.reduce_mean(real) + tf.reduce_mean(tf.nn.softplus(fake_logits))
    if kind == "least_squares":  # E[(l(x) - 1)^2] + E[l(G(z))^2]
        return tf.reduce_mean(tf.square(real_logits - (1.0 - label_smoothing))) + tf.reduce_mean(tf.square(fake_logits))
    if kind == "hinge":  # E[max(0, 1 - l(x))] + E[max(0, 1 + l(G(z)))]
        return tf.reduce_mean(tf.nn.relu(1.0 - real_logits)) + tf.reduce_mean(tf.nn.relu(1.0 + fake_logits))
    if kind == "wasserstein":  # E[l(G(z))] - E[l(x)]
        return tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)
    raise ValueError("unknown loss %r" % kind)


def g_loss(kind, fake_logits):
    """Return G's loss of this kind.

    non_saturating, section 3 of the paper: maximising log D(G(z)) has the same fixed point as minimising
    log(1 - D(G(z))), and strong gradients early on, when D rejects every sample with confidence.
    """
    if kind == "non_saturating":  # -E[log D(G(z))]; ln 2 where D knows nothing
        return tf.reduce_mean(tf.nn.softplus(-fake_logits))
    if kind == "least_squares":  # E[(l(G(z)) - 1)^2]
        return tf.reduce_mean(tf.square(fake_logits - 1.0))
    if kind in ("hinge", "wasserstein"):  # -E[l(G(z))]
        return -tf.reduce_mean(fake_logits)
    raise ValueError("unknown loss %r" % kind)


def r1(logits, images):
    """Return half the mean squared length of D's gradient at real `images`, [N, H, W, C]; logits: D's of them."""
    (gradient,) = tf.gradients(tf.reduce_sum(logits), images)
    return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(gradient), [1, 2, 3]))  # E[|grad l(x)|^2] / 2


def wgan_gp(logits, images):
    """Return how far the length of D's gradient is from 1, at `images` between real and fake ones; see `r1`."""
    (gradient,) = tf.gradients(tf.reduce_sum(logits), images)
    # The square root's own gradient is infinite at 0.
    length = tf.sqrt(tf.reduce_sum(tf.square(gradient), [1, 2, 3]) + 1e-12)
    return tf.reduce_mean(tf.square(length - 1.0))  # E[(|grad l(x)| - 1)^2]
