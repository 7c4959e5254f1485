"""The graph that samples: G in inference mode, by its averaged weights where it has some."""

from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf

from model.ema import AVERAGE
from model.generator import generator
from model.variables import GENERATOR, all_finite


class Sampler(NamedTuple):
    """The ends of the sampling graph."""

    z: Any  # [N, z_dim] float32 placeholder
    labels: Any  # [N] int32 placeholder: indices of classes; ignored by an unconditional network
    classes: Any  # [N, n_classes] float32: the shares of classes, made from the labels; None if unconditional
    images: Any  # [N, height, width, channels] float32 in [-1, 1]
    variables: Any  # what a checkpoint must provide
    update_bn: Any  # updates the batch-norm statistics from the z that is fed; None without an averaged G
    bn_momentum: Any  # float32 scalar placeholder: the share of the old statistics that `update_bn` keeps
    is_finite: Any  # bool scalar: no number of its variables is NaN or infinite


def build_exportable_sampler(network, averaged, n_classes=0):
    """As `build_sampler`, with the outputs of exported files, see `name_outputs`."""
    sampler = build_sampler(network, averaged, n_classes)
    name_outputs(sampler)
    return sampler


def name_outputs(sampler):
    """Add the outputs of exported files to the graph: `images`, uint8, and `images_float`, float32 in [-1, 1].

    With an alpha channel, the colors of `images` are straight, as in PNG files, and those of `images_float` are
    premultiplied by alpha, as G makes them.
    """
    images = tf.clip_by_value(sampler.images * 127.5 + 128.0, 0.0, 255.0)
    tf.cast(_straight(images) if images.shape[3] == 4 else images, tf.uint8, name="images")  # rounded
    tf.identity(sampler.images, name="images_float")


def _straight(images):
    """Return [N, H, W, 4] in 0..255, premultiplied, with colors divided by alpha; 0 where nothing is opaque."""
    images = tf.floor(images)  # the same pixels as the program's own files, which come from 8 bits
    colors, alpha = images[..., :3], images[..., 3:]
    return tf.concat([tf.minimum(colors, alpha) * 255.0 / tf.maximum(alpha, 1.0) + 0.5, alpha], axis=3)


def build_sampler(network, averaged, n_classes=0):
    """Build G in inference mode: each image depends on its own z and label only, not on the rest of the batch.

    averaged: use the averaged G, of a run with ema_decay above 0. Its batch-norm statistics are measured by
    `update_bn`; those of G itself are moving averages of training.
    """
    name = AVERAGE if averaged else GENERATOR
    z = tf.placeholder(tf.float32, [None, network.z_dim], name="z")
    labels = tf.placeholder(tf.int32, [None], name="labels")
    momentum = tf.placeholder(tf.float32, [], name="bn_momentum")
    classes = tf.one_hot(labels, n_classes) if network.conditional else None
    images = generator(z, network, classes, name=name)
    update_bn = None
    if averaged:
        with tf.name_scope("update_bn"):
            generator(z, network._replace(bn_momentum=momentum), classes, training=True, name=name)
        update_bn = tf.group(*tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="update_bn/"))
    variables = tf.global_variables(name + "/")
    return Sampler(z, labels, classes, images, variables, update_bn, momentum, all_finite(variables))
