"""The generator G: noise to pictures (Radford et al. 2015, arXiv 1511.06434, section 3 and Figure 1)."""

import tensorflow.compat.v1 as tf

from model import layers, norms


def feature_maps(network):
    """Return the feature maps of each resolution, from 4x4 up: halved at each, `filters` at image_size / 2."""
    doublings = range(network.image_size.bit_length() - 4, -1, -1)
    return [min(network.filters << n, network.max_filters) for n in doublings]


def generator(z, network, training, classes=None, name="generator", momentum=None):
    """Turn noise into pictures.

    z: [N, z_dim] float32, uniform in [-1, 1]. Returns [N, image_size, image_size, channels] float32 in [-1, 1].
    training: normalise by the batch, and add the updates of the moving averages to `tf.GraphKeys.UPDATE_OPS`;
    otherwise normalise by those averages. classes: [N, K] float32, a row of the unit matrix for each picture's class,
    or None. name: scope of the variables. momentum: what the moving averages keep; None: bn_momentum.
    """
    momentum = network.bn_momentum if momentum is None else momentum
    init = layers.initializer(network.init, network.init_stddev)
    kernel_init = layers.initializer(network.init, network.init_stddev, transposed=True)

    def normalise_and_activate(x):
        x = norms.batch_norm(
            x, training, momentum, network.bn_epsilon, True, "batch_norm", classes, network.sync_batch_norm
        )
        return layers.activation(x, network.activation, network.leak)

    maps = feature_maps(network)
    with tf.variable_scope(name, reuse=tf.AUTO_REUSE):
        with tf.variable_scope("4x4"):
            x = layers.dense(z, 4 * 4 * maps[0], init, use_bias=False, name="dense")
            x = tf.reshape(x, [-1, 4, 4, maps[0]])  # [N, 4, 4, 256] where image_size is 64 and filters 32
            x = normalise_and_activate(x)
        smooth = (
            network.upsample == "smooth"
        )  # the paper learns each kernel freely: checkerboards go away late, if ever
        kernel = 3 if smooth else network.kernel
        for filters in maps[1:]:
            size = 2 * x.shape[1]
            with tf.variable_scope("%dx%d" % (size, size)):
                by = layers.NEAREST if smooth else None
                x = layers.conv2d_transpose(x, filters, kernel, kernel_init, False, "conv", by)
                x = normalise_and_activate(x)  # [N, 8, 8, 128], [N, 16, 16, 64], [N, 32, 32, 32]
        with tf.variable_scope("%dx%d" % (network.image_size, network.image_size)):
            by = layers.BILINEAR if smooth else None  # where one would see the pixels
            x = layers.conv2d_transpose(x, network.channels, kernel, kernel_init, True, "conv", by)
            return tf.nn.tanh(x)  # [N, 64, 64, 3]
