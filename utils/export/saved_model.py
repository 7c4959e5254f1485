"""A SavedModel in the layout of TensorFlow Serving: saved_model/<version>/."""

import tensorflow.compat.v1 as tf

from utils.export.frozen import OUTPUTS

READER = """
import os
import tensorflow as tf

def read(path, inputs):
    tf.compat.v1.enable_eager_execution()  # TensorFlow 1 needs it
    generate = tf.compat.v2.saved_model.load(os.path.join(path, "1")).signatures["serving_default"]
    outputs = generate(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}
"""


def write(frozen, folder):
    """Write saved_model/1/; see formats.Format."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.import_graph_def(frozen.graph_def, name="")
        inputs = {name: graph.get_tensor_by_name(f"{name}:0") for name in frozen.inputs}
        outputs = {name: graph.get_tensor_by_name(f"{name}:0") for name in OUTPUTS}
        tf.saved_model.simple_save(session, str(folder / "saved_model" / "1"), inputs, outputs)
    return {"saved_model": 1}
