"""Losses and gradient penalties, as functions of logits, [N, 1] float32; each returns a float32 scalar.

With D(x) = sigmoid(l(x)): log D(x) = -softplus(-l) and log(1 - D(x)) = -softplus(l). These forms are accurate for every
logit, whereas the logarithm of a float32 sigmoid loses all digits from about l = 17 on.

To add a loss, write its two functions and add a row to LOSSES; to add a penalty, write one function and add a row to
PENALTIES. Add the name to utils/config/schema.py as well.

non_saturating: Goodfellow et al. 2014, arXiv 1406.2661; least_squares: Mao et al. 2017, arXiv 1611.04076; wasserstein:
Arjovsky et al. 2017, arXiv 1701.07875; hinge: Lim & Ye 2017, arXiv 1705.02894. One-sided label smoothing: Salimans et
al. 2016, arXiv 1606.03498. r1: Mescheder et al. 2018, arXiv 1801.04406; wgan-gp: Gulrajani et al. 2017, arXiv
1704.00028.
"""

from typing import Callable, NamedTuple

from model.graph_mode import tf


class Loss(NamedTuple):
    """The losses of D and G."""

    # (real_logits, fake_logits, label_smoothing) -> D's loss; label smoothing lowers the label 1 of real images
    d: Callable
    g: Callable  # (fake_logits) -> G's loss


# --- Losses --------------------------------------------------------------------------------------


def non_saturating_d(real_logits, fake_logits, label_smoothing):
    """-E[log D(x)] - E[log(1 - D(G(z)))]: 2 ln 2 if all logits are 0; label smoothing lowers the label 1."""
    # With label 1 - s: -(1 - s) log D(x) - s log(1 - D(x)), and softplus(l) = softplus(-l) + l.
    real = tf.nn.softplus(-real_logits) + label_smoothing * real_logits
    return tf.reduce_mean(real) + tf.reduce_mean(tf.nn.softplus(fake_logits))


def non_saturating_g(fake_logits):
    """-E[log D(G(z))]: ln 2 if all logits are 0.

    Maximizing log D(G(z)) has the same fixed point as minimizing log(1 - D(G(z))), but gives strong gradients early on,
    when D rejects every sample with confidence (section 3 of the paper).
    """
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def least_squares_d(real_logits, fake_logits, label_smoothing):
    """E[(l(x) - 1)^2] + E[l(G(z))^2]: 1 if all logits are 0; label smoothing lowers the target 1."""
    return tf.reduce_mean(tf.square(real_logits - (1.0 - label_smoothing))) + tf.reduce_mean(tf.square(fake_logits))


def least_squares_g(fake_logits):
    """E[(l(G(z)) - 1)^2]."""
    return tf.reduce_mean(tf.square(fake_logits - 1.0))


def hinge_d(real_logits, fake_logits, _):
    """E[max(0, 1 - l(x))] + E[max(0, 1 + l(G(z)))]: 2 if all logits are 0."""
    return tf.reduce_mean(tf.nn.relu(1.0 - real_logits)) + tf.reduce_mean(tf.nn.relu(1.0 + fake_logits))


def wasserstein_d(real_logits, fake_logits, _):
    """E[l(G(z))] - E[l(x)]: 0 if all logits are 0."""
    return tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)


def linear_g(fake_logits):
    """-E[l(G(z))], G's loss if loss = 'hinge' or 'wasserstein'."""
    return -tf.reduce_mean(fake_logits)


LOSSES = {
    "non_saturating": Loss(non_saturating_d, non_saturating_g),
    "least_squares": Loss(least_squares_d, least_squares_g),
    "hinge": Loss(hinge_d, linear_g),
    "wasserstein": Loss(wasserstein_d, linear_g),
}


# --- Gradient penalties --------------------------------------------------------------------------
# Arguments: `discriminator_fn` returns D's logits for images; `reals` and `fakes` are the images, [N, H, W, C], in an
# update of D; `uniform(shape, use)` draws float32 numbers from [0, 1), independent ones for each `use`; `scale`: see
# `_squared_grad_norms`.


def r1(discriminator_fn, reals, fakes, uniform, scale=None):
    """E[|grad l(x)|^2] / 2, at real images."""
    return 0.5 * tf.reduce_mean(_squared_grad_norms(discriminator_fn(reals), reals, scale))


def wgan_gp(discriminator_fn, reals, fakes, uniform, scale=None):
    """E[(|grad l(x)| - 1)^2], at points between real and fake images."""
    mix = uniform([tf.shape(reals)[0], 1, 1, 1], "share of real pictures")
    interpolates = reals + (1.0 - mix) * (fakes - reals)
    # The small constant keeps the gradient of the square root finite at 0.
    lengths = tf.sqrt(_squared_grad_norms(discriminator_fn(interpolates), interpolates, scale) + 1e-12)
    return tf.reduce_mean(tf.square(lengths - 1.0))


PENALTIES = {"r1": r1, "wgan-gp": wgan_gp}


def _squared_grad_norms(logits, images, scale):
    """Return the squared length of the gradient of each logit with respect to its own image: [N] float32.

    scale: the loss scale of float16, a float32 scalar by which the gradient is multiplied on its way; or None.
    """
    total = tf.reduce_sum(logits)
    (gradient,) = tf.gradients(total if scale is None else total * scale, images)
    if scale is not None:  # unlike /, TensorFlow's rewriter never computes divide_no_nan in float16: no underflow
        gradient = tf.math.divide_no_nan(gradient, scale)
    return tf.reduce_sum(tf.square(gradient), [1, 2, 3])
