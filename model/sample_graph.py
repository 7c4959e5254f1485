"""The sampling graph: G in inference mode, with its averaged weights if the run has them."""

from typing import Any, NamedTuple

from model.ema import AVERAGE
from model.generator import generator
from model.graph_mode import tf
from model.variables import GENERATOR, all_finite


class Sampler(NamedTuple):
    """The inputs and outputs of the sampling graph."""

    z: Any  # [N, z_dim] float32 placeholder
    labels: Any  # [N] int32 placeholder: class indices; an unconditional network ignores them
    classes: Any  # [N, n_classes] float32: the labels as one-hot rows; None if unconditional
    images: Any  # [N, height, width, channels] float32 in [-1, 1]
    variables: Any  # the variables that a checkpoint must contain
    update_bn: Any  # updates the batch-norm statistics from the z that is fed; None without averaged weights
    bn_momentum: Any  # float32 scalar placeholder: decay of the old statistics in `update_bn`
    is_finite: Any  # bool scalar: all variables are finite


def build_exportable_sampler(network, averaged, n_classes=0):
    """Build a sampler (see `build_sampler`) with the outputs of exported files (see `name_outputs`).

    Labels are clamped, because runtimes differ in how they treat a label out of range: a sample without a class, a
    different class or an error.
    """
    sampler = build_sampler(network, averaged, n_classes, clamp_labels=True)
    name_outputs(sampler)
    return sampler


def name_outputs(sampler):
    """Add the outputs of exported files to the graph: `images`, uint8, and `images_float`, float32 in [-1, 1].

    With an alpha channel, `images` has straight colors, as in PNG files, and `images_float` has colors premultiplied by
    alpha, as G generates them.
    """
    images = tf.clip_by_value(sampler.images * 127.5 + 128.0, 0.0, 255.0)  # 127.5 + 0.5, so that the cast rounds
    tf.cast(_unpremultiply(images) if images.shape[3] == 4 else images, tf.uint8, name="images")
    tf.identity(sampler.images, name="images_float")


def _unpremultiply(images):
    """Divide the colors of [N, H, W, 4] in 0..255 by alpha; transparent pixels become 0."""
    images = tf.floor(images)  # as in the program's own files, which are computed from 8-bit values
    colors, alpha = images[..., :3], images[..., 3:]
    return tf.concat([tf.minimum(colors, alpha) * 255.0 / tf.maximum(alpha, 1.0) + 0.5, alpha], axis=3)


def build_sampler(network, averaged, n_classes=0, clamp_labels=False):
    """Build G in inference mode: each image depends only on its own z and label, not on the rest of the batch.

    averaged: use the averaged weights of a run with ema_decay above 0. `update_bn` computes their batch-norm
    statistics; G's own statistics are moving averages from training. clamp_labels: a label below 0 means the first
    class, and one above n_classes - 1 the last.
    """
    name = AVERAGE if averaged else GENERATOR
    z = tf.placeholder(tf.float32, [None, network.z_dim], name="z")
    labels = tf.placeholder(tf.int32, [None], name="labels")
    momentum = tf.placeholder(tf.float32, [], name="bn_momentum")
    indices = tf.clip_by_value(labels, 0, n_classes - 1) if clamp_labels else labels
    classes = tf.one_hot(indices, n_classes) if network.conditional else None
    images = generator(z, network, classes, name=name)
    update_bn = None
    if averaged:
        with tf.name_scope("update_bn"):
            generator(z, network._replace(bn_momentum=momentum), classes, training=True, name=name)
        update_bn = tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="update_bn/"))
    variables = tf.global_variables(name + "/")
    return Sampler(z, labels, classes, images, variables, update_bn, momentum, all_finite(variables))
