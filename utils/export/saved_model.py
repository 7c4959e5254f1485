"""A SavedModel in the layout of TensorFlow Serving: saved_model/<version>/."""

import os

import tensorflow.compat.v1 as tf

from utils.export.frozen import OUTPUTS

READER = """
import os
import tensorflow as tf

def read(path, inputs):
    path = os.path.join(path, "1")
    if tf.__version__.startswith("1."):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.saved_model.load(session, ["serve"], path)
            outputs = {name: name + ":0" for name in ("images", "images_float")}
            return session.run(outputs, {name + ":0": value for name, value in inputs.items()})
    generate = tf.saved_model.load(path).signatures["serving_default"]
    outputs = generate(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}
"""


def write(network, folder):
    """Write saved_model/1/; see formats.Format."""
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        tf.import_graph_def(network.graph_def, name="")
        ends = [
            {name: tf.saved_model.build_tensor_info(graph.get_tensor_by_name(name + ":0")) for name in names}
            for names in (network.inputs, OUTPUTS)
        ]
        signature = tf.saved_model.build_signature_def(*ends, "tensorflow/serving/predict")
        builder = tf.saved_model.Builder(os.path.join(folder, "saved_model", "1"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    return {"saved_model": 1}
