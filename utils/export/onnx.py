"""ONNX, which most other frameworks and runtimes read, with weights of 32 and of 16 bits; by tf2onnx."""

import os

from utils.export.frozen import OUTPUTS

_OPSET = 13  # of 2020: every runtime of today has it

READER = """
import onnxruntime

def read(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, inputs)))
"""


def write(network, folder):
    """Write generator.onnx and generator_float16.onnx; see formats.Format."""
    import onnx
    import tf2onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model, _ = tf2onnx.convert.from_graph_def(
        network.graph_def,
        name="dcgan",
        input_names=[name + ":0" for name in network.inputs],
        output_names=[name + ":0" for name in OUTPUTS],
        opset=_OPSET,
    )
    for name in (*network.inputs, *OUTPUTS):
        _rename(model.graph, name + ":0", name)
    onnx.save(model, os.path.join(folder, "generator.onnx"))
    half = convert_float_to_float16(model, keep_io_types=True)
    onnx.save(half, os.path.join(folder, "generator_float16.onnx"))
    return {"generator.onnx": 1, "generator_float16.onnx": 3}


def _rename(graph, old, new):
    """Rename a tensor of an ONNX graph."""
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.name == old:
            value.name = new
