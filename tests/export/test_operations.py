"""The page's operations compute TensorFlow's images for every kind of generator; unknown operations are refused."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from model.generator import generator
from utils.errors import RunError
from utils.export.operations import Operations
from utils.export.page import NETWORK

py_mini_racer = pytest.importorskip("py_mini_racer")


@pytest.fixture(scope="module")
def engine():
    """V8 with network.js and a function that returns the numbers of an image."""
    run = """
    function run(steps, arrays, z, classes) {
      const image = createGenerator(steps, arrays.map((each) => Float32Array.from(each)))(
        Float32Array.from(z), Float32Array.from(classes));
      return JSON.stringify(Array.from(image.data));
    }"""
    engine = py_mini_racer.MiniRacer()
    engine.eval(NETWORK.read_text("utf-8") + run)
    return engine


def frozen(session, output):
    return tf.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), [output])


@pytest.mark.parametrize(
    "changes",
    (
        {},
        {"conditional": 1, "image_size": 32, "activation": "elu", "clusters": 8, "cluster_levels": "all"},
        {"upsample": "transposed", "kernel": 5, "output_filters": 0, "activation": "relu"},
        {"upsample": "transposed", "kernel": 4, "channels": 1},
        {"output_filters": 0, "activation": "tanh", "filters": 16, "clusters": 4},
        {"image_size": "64x96", "activation": "relu", "upsample": "transposed"},
    ),
    ids=str,
)
def test_the_images_of_every_generator(graph, tiny, engine, changes):
    network = tiny.network._replace(**changes)
    z, labels = tf.placeholder(tf.float32, [None, network.z_dim], "z"), tf.placeholder(tf.int32, [None], "labels")
    classes = tf.one_hot(labels, 3) if network.conditional else None
    tf.identity(generator(z, network, classes), name="images_float")
    random = np.random.RandomState(0)
    feed = {"z:0": random.uniform(-1, 1, (1, network.z_dim)), "labels:0": [2]}
    with tf.Session(graph=graph) as session:
        for variable in tf.global_variables():  # every value must have an effect on the image
            low = 0.1 if "variance" in variable.name else -0.3
            variable.load(random.uniform(low, 0.3, variable.shape.as_list()), session)
        expected = session.run("images_float:0", feed)
        operations = Operations(frozen(session, "images_float"), "images_float")
    arrays, classes = [array.ravel().tolist() for array in operations.arrays], [0, 0, 1] if network.conditional else []
    drawn = json.loads(engine.call("run", operations.steps, arrays, feed["z:0"][0].tolist(), classes))
    np.testing.assert_allclose(np.reshape(drawn, expected.shape), expected, atol=1e-4)
    assert np.std(expected) > 0.02


def test_the_error_of_an_unknown_operation(graph):
    z = tf.placeholder(tf.float32, [None, 2], "z")
    tf.identity(tf.cumsum(z, name="sums"), name="images_float")
    message = "does not support Cumsum, the operation of sums"
    with tf.Session(graph=graph) as session, pytest.raises(RunError, match=message):
        Operations(frozen(session, "images_float"), "images_float")
