"""TensorFlow Lite (now LiteRT) files with 32-bit and 16-bit weights, for phones and small devices."""

import tensorflow.compat.v1 as tf

from utils.export.frozen import OUTPUTS
from utils.export.frozen import write as write_frozen

READER = """
try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tensorflow.lite.python.interpreter import Interpreter

def read(path, inputs):
    interpreter = Interpreter(model_path=path)
    details = {each["name"]: each["index"] for each in interpreter.get_input_details()}
    for name, value in inputs.items():
        interpreter.resize_tensor_input(details[name], value.shape)
    interpreter.allocate_tensors()
    for name, value in inputs.items():
        interpreter.set_tensor(details[name], value)
    interpreter.invoke()
    return {each["name"]: interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()}
"""


def write(frozen, folder):
    """Write generator.tflite and generator_float16.tflite; see formats."""
    (source,) = write_frozen(frozen, folder)
    shapes = {name: list(shape) for name, shape in frozen.inputs.items()}
    converter = tf.lite.TFLiteConverter.from_frozen_graph(str(folder / source), list(shapes), OUTPUTS, shapes)
    (folder / "generator.tflite").write_bytes(converter.convert())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    (folder / "generator_float16.tflite").write_bytes(converter.convert())
    return {"generator.tflite": 1, "generator_float16.tflite": 3}
