"""The formats that G can be exported to: a module and a row of FORMATS each.

Every format has the input z, [N, z_dim] float32, and for a conditional network also labels, [N] int32. The outputs are
images, [N, H, W, C] uint8, and images_float, [N, H, W, C] float32 in [-1, 1]. If C is 4, the colors of images are
straight, and the colors of images_float are premultiplied by alpha.
"""

import importlib.util
import sys
from types import ModuleType
from typing import Dict, NamedTuple

import tensorflow.compat.v1 as tf

from utils.errors import UserError
from utils.export import frozen, onnx, page, saved_model, tflite


class Format(NamedTuple):
    """A row of FORMATS.

    The module has a function write(frozen, folder), which writes a frozen.Frozen into a folder, a pathlib.Path, and
    returns {name of a written file or folder: the largest allowed difference from the sampler's images, of 255}. Its
    READER is Python code that runs without this program and defines read(path, inputs), which returns {output: array}.
    """

    module: ModuleType
    packages: Dict[str, str]  # {name to import: name for pip}
    needs_tensorflow_2: bool = False


_ONNX = {name: name for name in ("tf2onnx", "onnx", "onnxruntime")}
_V8 = {"py_mini_racer": "py-mini-racer==0.6.0" if sys.version_info < (3, 8) else "mini-racer"}

FORMATS = {
    "saved_model": Format(saved_model, {}),
    "frozen": Format(frozen, {}),
    "tflite": Format(tflite, {}, needs_tensorflow_2=True),
    "onnx": Format(onnx, _ONNX),
    "page": Format(page, _V8),
}


def parse(text):
    """Return {name: Format} for the setting `export`; raise UserError if one of the formats is impossible here."""
    chosen = {name.strip(): FORMATS[name.strip()] for name in text.split(",") if name.strip()}
    for name, format in chosen.items():
        missing = [package for module, package in format.packages.items() if not importlib.util.find_spec(module)]
        if missing:
            raise UserError(f"export = {name!r} needs other packages: pip install {' '.join(missing)}")
        if format.needs_tensorflow_2 and tf.__version__.startswith("1."):
            raise UserError(
                f"export = {name!r} needs TensorFlow 2, whose converter supports this network; this is {tf.__version__}"
            )
    return chosen
