"""TensorFlow Lite (now LiteRT) files with 32-bit and 16-bit weights, for phones and small devices.

GPU and NNAPI delegates refuse tensors of variable shape: generator_1.tflite generates one image at a time.
"""

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
    details = {each["name"]: each for each in interpreter.get_input_details()}
    count = len(inputs["z"])
    size = count if details["z"]["shape_signature"][0] == -1 else 1
    for name, value in inputs.items():
        interpreter.resize_tensor_input(details[name]["index"], (size, *value.shape[1:]))
    interpreter.allocate_tensors()
    outputs = {each["name"]: [] for each in interpreter.get_output_details()}
    for start in range(0, count, size):
        for name, value in inputs.items():
            interpreter.set_tensor(details[name]["index"], value[start : start + size])
        interpreter.invoke()
        for each in interpreter.get_output_details():
            outputs[each["name"]].append(interpreter.get_tensor(each["index"]))
    return {name: np.concatenate(parts) for name, parts in outputs.items()}
"""


def write(frozen, folder):
    """Write generator.tflite, generator_float16.tflite and generator_1.tflite; see formats."""
    (source,) = write_frozen(frozen, folder)

    def converter(batch):
        shapes = {name: [batch, *shape[1:]] for name, shape in frozen.inputs.items()}
        return tf.lite.TFLiteConverter.from_frozen_graph(str(folder / source), list(shapes), OUTPUTS, shapes)

    (folder / "generator.tflite").write_bytes(converter(None).convert())
    (folder / "generator_1.tflite").write_bytes(converter(1).convert())
    half = converter(None)
    half.optimizations = [tf.lite.Optimize.DEFAULT]
    half.target_spec.supported_types = [tf.float16]
    (folder / "generator_float16.tflite").write_bytes(half.convert())
    return {"generator.tflite": 1, "generator_float16.tflite": 3, "generator_1.tflite": 1}
