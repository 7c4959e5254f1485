"""A frozen graph: one file with the graph and its weights, for TensorFlow 1 and 2 and other programs that read it."""

from typing import Any, Dict, List, NamedTuple, Tuple

OUTPUTS = ("images", "images_float")


class Frozen(NamedTuple):
    """A generator with its weights as constants, from which every format is written."""

    graph_def: Any  # the graph that computes OUTPUTS
    inputs: Dict[str, Tuple]  # {name: shape}
    generator: Any  # the CheckpointGenerator, for its classes, image shape, step and background
    points: List[Any]  # {"name", "classes": fractions} of each sample that a page shows at first
    z: Any  # the noise of these samples, [N, z_dim] float32


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


def write(frozen, folder):
    """Write generator.pb; see formats."""
    (folder / "generator.pb").write_bytes(frozen.graph_def.SerializeToString())
    return {"generator.pb": 1}
