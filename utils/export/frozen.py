"""A frozen graph: one file with the graph and its weights, for TensorFlow 1, 2 and programs that read its format."""

import os

READER = """
import tensorflow.compat.v1 as tf

def read(path, inputs):
    graph_def = tf.GraphDef()
    with open(path, "rb") as file:
        graph_def.ParseFromString(file.read())
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(graph_def, name="")
        outputs = {name: name + ":0" for name in ("images", "images_float")}
        return session.run(outputs, {name + ":0": value for name, value in inputs.items()})
"""


def write(graph_def, inputs, outputs, folder):
    """Write generator.pb; see formats.Format."""
    with open(os.path.join(folder, "generator.pb"), "wb") as file:
        file.write(graph_def.SerializeToString())
    return {"generator.pb": 1}
