"""The generator G: noise to images (Radford et al. 2015, arXiv 1511.06434, section 3 and Figure 1)."""

import tensorflow.compat.v1 as tf

from model import layers, norms
from model.layers import KernelSpec
from model.upsampling import BILINEAR, NEAREST, conv2d_transpose


def generator(z, network, classes=None, training=False, name="generator"):
    """Turn noise into images.

    z: [N, z_dim] float32, uniform in [-1, 1]. Returns [N, height, width, channels] float32 in [-1, 1].
    network: the network settings. classes: [N, K] float32, the class of each image as a row of the unit matrix, or
    None. training: normalize by the statistics of this batch, and add the updates of their moving averages to
    `tf.GraphKeys.UPDATE_OPS`; otherwise normalize by the moving averages. name: scope of the variables.
    """
    init = layers.initializer(network.init, network.init_stddev)
    transposed_init = layers.initializer(network.init, network.init_stddev, transposed=True)
    # The paper learns each kernel freely ("transposed"): its checkerboards disappear late, if ever.
    smooth = network.upsample == "smooth"
    size = 3 if smooth else network.kernel

    def double(x, filters, use_bias=False, blur_filter=NEAREST):
        weights = KernelSpec(transposed_init, use_bias)
        return conv2d_transpose(x, filters, size, weights, blur_filter if smooth else None)

    def normalize_and_activate(x):
        x = norms.batch_norm(x, network, network.bn_momentum, training, classes)
        return layers.activation(x, network.activation, network.leak)

    maps, (height, width) = layers.feature_maps(network), layers.base_resolution(network)
    with tf.variable_scope(name, reuse=tf.AUTO_REUSE):
        with tf.variable_scope(_resolution(height, width)):
            x = layers.dense(z, height * width * maps[0], KernelSpec(init, use_bias=False))
            # [N, 4, 4, 256] where image_size is 64 and filters 32
            x = normalize_and_activate(tf.reshape(x, [-1, height, width, maps[0]]))
        for filters in [*maps[1:], network.output_filters] if network.output_filters else maps[1:]:
            with tf.variable_scope(_resolution(2 * x.shape[1], 2 * x.shape[2])):
                # [N, 8, 8, 128], [N, 16, 16, 64], [N, 32, 32, 32], [N, 64, 64, 16]
                x = normalize_and_activate(double(x, filters))
        if network.output_filters:
            # Not in the paper, whose G makes the image in one linear layer: it cannot place edges one pixel wide.
            with tf.variable_scope("output"):
                x = layers.conv2d(x, network.channels, 3, 1, KernelSpec(init, use_bias=True))
        else:
            with tf.variable_scope(_resolution(network.height, network.width)):
                # Bilinear, where the pixel grid would be visible in the output.
                x = double(x, network.channels, use_bias=True, blur_filter=BILINEAR)
        return tf.nn.tanh(x)  # [N, 64, 64, 3]


def _resolution(height, width):
    return f"{height}x{width}"
