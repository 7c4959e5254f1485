"""The discriminator D: pictures to logits (Radford et al. 2015, arXiv 1511.06434, section 3).

With classes, it is a projection discriminator (Miyato & Koyama 2018, arXiv 1802.05637).
"""

import tensorflow.compat.v1 as tf

from model import layers, norms
from model.generator import feature_maps


def discriminator(images, network, classes=None):
    """Judge pictures: a logit above 0 says real, below 0 says fake.

    images: [N, image_size, image_size, channels] float32 in [-1, 1]. classes: [N, K] float32, a row of the unit matrix
    for each picture's class, or None. Returns [N, 1] float32 logits. Batch norm uses the statistics of this very batch,
    so real and fake pictures must come in separate calls; it keeps no averages.
    """
    init = layers.initializer(network.init, network.init_stddev)
    spectral = network.d_norm == "spectral"

    def normalise(x):
        if network.d_norm == "batch":
            return norms.batch_norm(
                x, True, None, network.bn_epsilon, averages=False, name="batch_norm", shared=network.sync_batch_norm
            )
        if network.d_norm == "layer":
            return norms.layer_norm(x, network.bn_epsilon, name="layer_norm")
        return x

    x = images
    with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
        for i, filters in enumerate(reversed(feature_maps(network))):
            with tf.variable_scope("%dx%d" % (x.shape[1], x.shape[2])):
                first = i == 0  # no normalisation on the pictures' own layer, as in the paper
                use_bias = first or network.d_norm in ("spectral", "none")  # the other two have a shift of their own
                if network.downsample == "stride":
                    x = layers.conv2d(x, filters, network.kernel, 2, init, use_bias, "conv", spectral)
                else:
                    x = layers.conv2d(x, filters, 3, 1, init, use_bias, "conv", spectral)
                if not first:
                    x = normalise(x)
                x = layers.activation(x, network.activation, network.leak)
                # The paper strides; the pooling stands behind the activation, because straight behind a linear
                # convolution it averages away, unseen by D, whatever alternates from one pixel to the next.
                if network.downsample == "average":
                    x = layers.average_pool(x)
                # [N, 32, 32, 32], [N, 16, 16, 64], [N, 8, 8, 128], [N, 4, 4, 256]
        with tf.variable_scope("logit"):
            features = tf.reshape(x, [-1, 4 * 4 * x.shape[-1]])  # [N, 4096]
            logits = layers.dense(features, 1, init, use_bias=True, name="dense", spectral=spectral)  # [N, 1]
            if classes is None:
                return logits
            # What the picture has of its own class: the product of its features and the learnt ones of the class.
            of_class = layers.dense(classes, x.shape[-1], init, use_bias=False, name="classes", spectral=spectral)
            return logits + tf.reduce_sum(of_class * tf.reduce_sum(x, [1, 2]), axis=1, keepdims=True)
