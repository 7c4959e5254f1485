"""Programs that were trained for two steps and exported, shared by the test modules in this folder."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import Program
from PIL import Image

from utils.export import formats

IS_OLD = tf.__version__.startswith("1.")
HERE = [
    name
    for name in formats.FORMATS
    if not (IS_OLD and name == "tflite")
    and not any(formats.missing(packages, name) for packages in (formats.PACKAGES, formats.CHECKERS))
]
CLASSES = ("<img src=x onerror=alert(1)>", "b & c")
VARIANTS = {
    "color": ["--image_size", "64"],
    "gray, classes, not square": [
        "--conditional", "1", "--channels", "1", "--upsample", "transposed", "--kernel", "5", "--image_size", "16x24",
    ],
}  # fmt: skip


_programs = {}  # {variant: program}


def export_program(variant, tmp_path_factory):
    """Return the program for a variant; train and export it on the first call."""
    if variant not in _programs:
        _programs[variant] = _export(variant, tmp_path_factory.mktemp("exported"))
    return _programs[variant]


def _export(variant, folder):
    for i in range(12):
        (folder / "pics" / CLASSES[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 20 * i, np.uint8)).save(str(folder / "pics" / CLASSES[i % 2] / f"{i}.png"))
    program = Program(folder / "a copy", folder / "pics")
    program.classes, program.picks, program.shape = [], ["0", "1", "2"], (64, 64, 3)
    if variant != "color":
        program.classes, program.shape = list(CLASSES), (16, 24, 1)
        program.picks = [f"{CLASSES[0]}:0", f"{CLASSES[0]}:1", f"{CLASSES[1]}:7"]
    options = ["--filters", "8", "--output_filters", "4", *VARIANTS[variant]]
    program.train("--max_steps", "2", "--metrics_every", "0", *options)
    picks = ["--picks", ",".join(program.picks)] if "page" in HERE else []
    program.printed = program.train("--isTrain", "0", "--export", ",".join(HERE), *picks)
    (program.exported,) = program.samples.glob("export_00000002_run*")
    return program


@pytest.fixture(scope="module", params=VARIANTS)
def exported(request, tmp_path_factory):
    """A program for each variant, with the attributes exported (a folder), printed, classes, picks and shape."""
    return export_program(request.param, tmp_path_factory)
