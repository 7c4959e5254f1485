"""The generator G: noise to images (Radford et al. 2015, arXiv 1511.06434, section 3 and Figure 1)."""

from model import clusters, layers, norms, shapes
from model.graph_mode import tf
from model.layers import KernelSpec
from model.upsampling import BILINEAR, NEAREST, conv2d_transpose


def generator(z, network, classes=None, training=False, name="generator"):
    """Turn noise into images.

    z: [N, z_dim] float32, uniform in [-1, 1]. Returns [N, height, width, channels] float32 in [-1, 1].
    network: the network settings. classes: [N, K] float32, one-hot, or None. training: normalize by the statistics of
    this batch, and add the updates of their moving averages to `tf.GraphKeys.UPDATE_OPS`; otherwise normalize by the
    moving averages. name: scope of the variables.
    """
    init = layers.initializer(network.init, network.init_stddev)
    transposed_init = layers.initializer(network.init, network.init_stddev, transposed=True)
    # The paper does not constrain the kernels, as with upsample = 'transposed': checkerboards disappear late, if ever.
    smooth = network.upsample == "smooth"

    def double(x, filters, use_bias=False, blur_filter=NEAREST):
        spec = KernelSpec(transposed_init, use_bias)
        return conv2d_transpose(x, filters, 3 if smooth else network.kernel, spec, blur_filter if smooth else None)

    def normalize_and_activate(x):
        return layers.activation(norms.batch_norm(x, network, network.bn_momentum, training, classes), network)

    maps, (height, width) = shapes.generator_maps(network), shapes.base_resolution(network)
    with tf.variable_scope(name, reuse=tf.AUTO_REUSE):
        x = _first_layer(z, network, classes, KernelSpec(init, use_bias=False))
        with tf.variable_scope(f"{height}x{width}"):
            x = normalize_and_activate(tf.reshape(x, [-1, height, width, maps[0]]))  # [N, 4, 4, 256] by default
        outputs = [x]  # the feature maps of each resolution
        for filters in maps[1:]:
            with tf.variable_scope(f"{2 * x.shape[1]}x{2 * x.shape[2]}"):
                # [N, 8, 8, 128], [N, 16, 16, 64], [N, 32, 32, 32], [N, 64, 64, 16]
                x = _excite(normalize_and_activate(double(x, filters)), outputs, network)
                outputs.append(x)
        if network.output_filters:
            # This layer is not in the paper, whose G generates the image in one linear layer, without one-pixel edges.
            with tf.variable_scope("output"):
                x = layers.conv2d(x, network.channels, 3, 1, KernelSpec(init, use_bias=True))
        else:
            with tf.variable_scope(f"{network.height}x{network.width}"):
                # BILINEAR is used because, with NEAREST, the pixel grid would be visible in the output.
                x = double(x, network.channels, use_bias=True, blur_filter=BILINEAR)
        return tf.nn.tanh(x)  # [N, 64, 64, 3]


def _excite(x, outputs, network):
    """Scale x by the maps at an eighth of its resolution, pooled to the size of the base, if the network does so.

    outputs: the maps of all lower resolutions, from the base up.
    """
    if len(outputs) not in shapes.excited_maps(network):
        return x
    source = outputs[-shapes.FIRST_EXCITED]
    while source.shape[1] > outputs[0].shape[1]:
        source = layers.average_pool(source)
    return layers.excite(x, source, shapes.excitation_units(int(x.shape[-1]), network), network)


def _first_layer(z, network, classes, spec):
    """Return the products of z and of its clusters with learned matrices, added: [N, height * width * maps]."""
    height, width = shapes.base_resolution(network)
    units = height * width * shapes.feature_maps(network)[0]
    with tf.variable_scope(f"{height}x{width}"):
        x = layers.dense(z, units, spec)
    if network.clusters:
        # The factor makes the rows of clusters learn faster: each is used in few samples.
        factor = 1.0 if network.cluster_levels == "all" else 2.0
        x += layers.dense(factor * clusters.memberships(z, network, classes), units, spec, "clusters")
    return x
