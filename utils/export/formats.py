"""The formats that G can be exported to; each has a file here that writes it, and the code with which others read it.

Every format has the inputs z, [N, z_dim] float32, and, of a conditional network, labels, [N] int32, and the outputs
images, [N, H, W, C] uint8, and images_float, float32 in [-1, 1]. With C = 4, the colors of images_float are
premultiplied by alpha, and those of images are straight.
"""

import importlib.util
import sys
from typing import Any, Dict, NamedTuple

import tensorflow.compat.v1 as tf

from utils.errors import UserError
from utils.export import frozen, onnx, page, saved_model, tflite


class Format(NamedTuple):
    """A format: how it is written, read and checked."""

    # write(network, folder): writes the frozen.Frozen network into `folder`; returns what it has written there, {name
    # of a file or folder: the largest difference allowed to the sampler's images, of 255}.
    write: Any
    reader: str  # Python code that defines read(path, inputs), which returns {output: array}, without this program
    packages: Dict[str, str]  # {name to import: what pip must install}
    needs_tensorflow_2: bool


_ONNX = {name: name for name in ("tf2onnx", "onnx", "onnxruntime")}
_V8 = {"py_mini_racer": "py-mini-racer==0.6.0" if sys.version_info < (3, 8) else "mini-racer"}

FORMATS = {
    "saved_model": Format(saved_model.write, saved_model.READER, {}, False),
    "frozen": Format(frozen.write, frozen.READER, {}, False),
    "tflite": Format(tflite.write, tflite.READER, {}, True),
    "onnx": Format(onnx.write, onnx.READER, _ONNX, False),
    "page": Format(page.write, page.READER, _V8, False),
}


def names_of(text):
    """Return the formats named in the setting `export`."""
    return [name.strip() for name in text.split(",") if name.strip()]


def check(text):
    """Raise UserError if one of the formats named in the setting `export` cannot be exported here."""
    for name in names_of(text):
        packages = FORMATS[name].packages
        missing = [package for module, package in packages.items() if not importlib.util.find_spec(module)]
        if missing:
            raise UserError(f"export = {name!r} needs other packages: pip install {' '.join(missing)}")
        if FORMATS[name].needs_tensorflow_2 and tf.__version__.startswith("1."):
            raise UserError(
                f"export = {name!r} needs TensorFlow 2, whose converter knows this network; this is {tf.__version__}"
            )
