"""The discriminator D: pictures to logits (Radford et al. 2015, arXiv 1511.06434, section 3)."""

import tensorflow.compat.v1 as tf

from model import layers
from model.generator import feature_maps


def discriminator(images, network):
    """Judge pictures: a logit above 0 says real, below 0 says fake.

    images: [N, image_size, image_size, channels] float32 in [-1, 1]. Returns [N, 1] float32 logits. Batch norm uses the
    statistics of this very batch, so real and fake pictures must come in separate calls; it keeps no averages.
    """
    init = layers.initializer(network.init, network.init_stddev)
    x = images
    with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
        for i, filters in enumerate(reversed(feature_maps(network))):
            with tf.variable_scope("%dx%d" % (x.shape[1], x.shape[2])):
                first = i == 0  # no batch norm on the pictures' own layer, as in the paper
                if network.downsample == "stride":
                    x = layers.conv2d(x, filters, network.kernel, 2, init, use_bias=first, name="conv")
                else:
                    x = layers.conv2d(x, filters, 3, 1, init, use_bias=first, name="conv")
                if not first:
                    x = layers.batch_norm(x, True, None, network.bn_epsilon, averages=False, name="batch_norm")
                x = layers.activation(x, network.activation, network.leak)
                # The paper strides; the pooling stands behind the activation, because straight behind a linear
                # convolution it averages away, unseen by D, whatever alternates from one pixel to the next.
                if network.downsample == "average":
                    x = layers.average_pool(x)
                # [N, 32, 32, 64], [N, 16, 16, 128], [N, 8, 8, 256], [N, 4, 4, 512]
        with tf.variable_scope("logit"):
            x = tf.reshape(x, [-1, 4 * 4 * x.shape[-1]])  # [N, 8192]
            return layers.dense(x, 1, init, use_bias=True, name="dense")  # [N, 1]
