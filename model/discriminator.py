"""The discriminator D: images to logits (Radford et al. 2015, arXiv 1511.06434, section 3).

With classes, D is a projection discriminator (Miyato & Koyama 2018, arXiv 1802.05637).
"""

from model import layers, norms, shapes
from model.graph_mode import tf
from model.layers import KernelSpec


def discriminator(images, network, classes=None):
    """Classify images as real (logit above 0) or fake (below 0).

    images: [N, height, width, channels] float32 in [-1, 1]. network: the network settings. classes: [N, K] float32,
    one-hot, or None. Returns [N, 1] float32 logits. Batch norm uses the statistics of this batch and keeps no
    moving averages; real and fake images need separate calls.
    """
    init = layers.initializer(network.init, network.init_stddev)
    # The paper downsamples by strided convolutions.
    size, stride = (network.kernel, 2) if network.downsample == "stride" else (3, 1)
    spectral = network.d_norm == "spectral"
    norm_has_bias = network.d_norm in ("batch", "layer")

    x = images
    with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
        for i, filters in enumerate(reversed(shapes.feature_maps(network, network.d_width))):
            first = i == 0  # the first layer is not normalized, as in the paper
            with tf.variable_scope(f"{x.shape[1]}x{x.shape[2]}"):
                spec = KernelSpec(init, use_bias=first or not norm_has_bias, spectral=spectral)
                x = layers.conv2d(x, filters, size, stride, spec)
                if not first:
                    x = norms.D_NORMS[network.d_norm](x, network)
                x = layers.activation(x, network)
                # Pooling comes after the activation: directly after the linear convolution, it would hide from D
                # every pattern that alternates from pixel to pixel.
                if network.downsample == "average":
                    x = layers.average_pool(x)
                # [N, 32, 32, 16], [N, 16, 16, 32], [N, 8, 8, 64], [N, 4, 4, 128]
        with tf.variable_scope("logit"):
            features = tf.reshape(x, [-1, x.shape[1] * x.shape[2] * x.shape[3]])  # [N, 2048]
            logits = layers.dense(features, 1, KernelSpec(init, use_bias=True, spectral=spectral))  # [N, 1]
            if classes is None:
                return logits
            # The projection: the inner product of the image's summed features and the learned embedding of its class.
            spec = KernelSpec(init, use_bias=False, spectral=spectral)
            embedding = layers.dense(classes, x.shape[-1], spec, "classes")  # [N, 128]
            return logits + tf.reduce_sum(embedding * tf.reduce_sum(x, [1, 2]), axis=1, keepdims=True)


def first_layer_scopes(network, count):
    """Return the variable scopes of the first `count` layers of D, counted from the input."""
    return tuple(f"discriminator/{network.height >> i}x{network.width >> i}/" for i in range(count))
