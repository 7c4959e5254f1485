"""A frozen graph: one file with the graph and its weights, for TensorFlow 1, 2 and programs that read its format."""

import os
from typing import Any, Dict, List, NamedTuple, Tuple

OUTPUTS = ("images", "images_float")


class Frozen(NamedTuple):
    """What is exported: the network, its weights, and what is said about it."""

    graph_def: Any  # the graph of OUTPUTS with the weights as constants
    inputs: Dict[str, Tuple]  # {name: shape}
    title: str
    step: int
    image_shape: Tuple  # height, width, channels
    classes: Tuple[str, ...]  # () if the network is unconditional
    picks: List[Any]  # the picks.Pick of the images that are shown first
    z: Any  # their noise, [N, z_dim] float32
    background: str  # the color that images with an alpha channel are shown on


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


def write(network, folder):
    """Write generator.pb; see formats.Format."""
    with open(os.path.join(folder, "generator.pb"), "wb") as file:
        file.write(network.graph_def.SerializeToString())
    return {"generator.pb": 1}
