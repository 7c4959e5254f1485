"""TensorFlow Lite, now LiteRT: files for phones and small devices, with weights of 32 and of 16 bits."""

import os

import tensorflow.compat.v1 as tf

from utils.export.frozen import OUTPUTS

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


def write(network, folder):
    """Write generator.tflite and generator_float16.tflite; see formats.Format."""
    frozen = os.path.join(folder, "to_convert.pb")
    with open(frozen, "wb") as file:
        file.write(network.graph_def.SerializeToString())
    inputs, written = network.inputs, {}
    for name, types, allowed in (("generator", [], 1), ("generator_float16", [tf.float16], 3)):
        converter = tf.lite.TFLiteConverter.from_frozen_graph(
            frozen, list(inputs), list(OUTPUTS), input_shapes={name: list(shape) for name, shape in inputs.items()}
        )
        if types:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = types
        with open(os.path.join(folder, name + ".tflite"), "wb") as file:
            file.write(converter.convert())
        written[name + ".tflite"] = allowed
    os.remove(frozen)
    return written
