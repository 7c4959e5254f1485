"""The export formats of G. Each has a module and an entry in FORMATS.

Every format has the input z, [N, z_dim] float32, and for a conditional network also labels, [N] int32. The outputs are
images, [N, H, W, C] uint8, and images_float, [N, H, W, C] float32 in [-1, 1]. If C is 4, images has straight
alpha, and images_float has colors premultiplied by alpha.

A format's module has a function write(frozen, folder), which writes a frozen.Frozen to a folder (a pathlib.Path) and
returns {name of a written file or folder: the largest allowed difference from the sampler's images, of 255}. The
module's READER is Python code that runs without this program and defines read(path, inputs), which returns
{output: array}.
"""

import importlib.util
import sys

import tensorflow.compat.v1 as tf

from utils.errors import UserError
from utils.export import frozen, onnx, page, saved_model, tflite

FORMATS = {"saved_model": saved_model, "frozen": frozen, "tflite": tflite, "onnx": onnx, "page": page}
# Additional packages that write a format, and those that only check it: {format: {name to import: name for pip}}.
PACKAGES = {"onnx": {"tf2onnx": "tf2onnx", "onnx": "onnx", "onnxruntime": "onnxruntime"}}
CHECKERS = {"page": {"py_mini_racer": "py-mini-racer==0.6.0" if sys.version_info < (3, 8) else "mini-racer"}}


def parse(text):
    """Return {name: module} for the setting `export`; raise UserError if a format is not available here."""
    chosen = {name.strip(): FORMATS[name.strip()] for name in text.split(",") if name.strip()}
    for name in chosen:
        command = missing(PACKAGES, name)
        if command:
            raise UserError(f"export = {name!r} needs additional packages: {command}")
        if name == "tflite" and tf.__version__.startswith("1."):
            raise UserError(
                f"export = {name!r} needs TensorFlow 2, whose converter supports this network; this is {tf.__version__}"
            )
    return chosen


def missing(packages, name):
    """Return the command that installs the missing packages of a format, '' if none is missing.

    packages: PACKAGES or CHECKERS.
    """
    needed = packages.get(name, {}).items()
    names = [package for module, package in needed if not importlib.util.find_spec(module)]
    return f"pip install {' '.join(names)}" if names else ""
