"""ONNX files with 32-bit and 16-bit weights, written by tf2onnx; most frameworks and runtimes read them."""

from utils.export.frozen import OUTPUTS

_OPSET = 13  # from 2020: every current runtime supports it

READER = """
import onnxruntime

def read(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, inputs)))
"""


def write(frozen, folder):
    """Write generator.onnx and generator_float16.onnx; see formats."""
    import onnx
    import tf2onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model, _ = tf2onnx.convert.from_graph_def(
        frozen.graph_def,
        name="dcgan",
        input_names=[f"{name}:0" for name in frozen.inputs],
        output_names=[f"{name}:0" for name in OUTPUTS],
        opset=_OPSET,
        tensors_to_rename={f"{name}:0": name for name in (*frozen.inputs, *OUTPUTS)},
    )
    half = convert_float_to_float16(model, keep_io_types=True)
    onnx.save(model, str(folder / "generator.onnx"))
    onnx.save(half, str(folder / "generator_float16.onnx"))
    return {"generator.onnx": 1, "generator_float16.onnx": 3}
