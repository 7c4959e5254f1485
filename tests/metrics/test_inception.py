"""The Inception network's file: a frozen graph can run arbitrary operations, so only some are allowed."""

import pytest
import tensorflow.compat.v1 as tf
from small import write_inception

from utils.errors import UserError
from utils.metrics import features, inception


def open_network(tiny, path):
    return features.open_network(tiny.run._replace(metrics_network="inception", inception_graph=str(path)), "none")


@pytest.mark.parametrize("content", (None, b"", b"rubbish" * 100, "no such tensors"))
def test_a_file_without_inception_is_refused(tiny, tmp_path, content):
    path = tmp_path / "a.pb"
    if content == "no such tensors":
        with tf.Graph().as_default() as graph:
            tf.constant(1.0, name="a")
            content = graph.as_graph_def().SerializeToString()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        open_network(tiny, path)
    problem = "cannot be read" if content is None else "is not a frozen graph"
    assert f"a.pb {problem}" in str(raised.value)
    assert "classify_image_graph_def.pb (also called inception-2015-12-05.pb)" in str(raised.value)


def write_file(features):
    """Return the features; each evaluation also writes a file."""
    with tf.control_dependencies([tf.io.write_file("written.txt", "from a graph")]):
        return tf.identity(features)


def py_func(features):
    """Return the features, passed through Python."""
    return tf.py_func(lambda values: values, [features], tf.float32)


@pytest.mark.parametrize("unsafe, operation", ((write_file, "WriteFile"), (py_func, "PyFunc")))
def test_an_unsafe_operation_is_refused_and_named(tiny, tmp_path, monkeypatch, unsafe, operation):
    """The graph is not imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tf, "import_graph_def", lambda *_, **__: pytest.fail("imported"))
    path = tmp_path / "a.pb"
    with tf.Graph().as_default() as graph:
        images = tf.placeholder(tf.float32, [1, 4, 4, 3], name="ExpandDims")
        tf.reshape(unsafe(images), [-1, 1, 1, 48], name="pool_3")
        path.write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(UserError, match=rf"is rejected: it contains the operation {operation}, which an image"):
        open_network(tiny, path)
    assert not (tmp_path / "written.txt").exists()


def test_a_function_may_not_hide_an_operation(tiny, tmp_path):
    definition = tf.GraphDef()
    with open(write_inception(tmp_path / "a.pb"), "rb") as file:
        definition.ParseFromString(file.read())
    definition.library.function.add().signature.name = "hidden"
    (tmp_path / "a.pb").write_bytes(definition.SerializeToString())
    with pytest.raises(UserError, match="it contains the operation function hidden"):
        open_network(tiny, tmp_path / "a.pb")


def test_operations_of_image_networks_are_allowed():
    """Convolutions, batch norm in its old and new forms, pooling, resizing and decoding."""
    operations = (
        "AvgPool BatchNormWithGlobalNormalization BiasAdd Cast CheckNumerics Concat Const Conv2D DecodeJpeg ExpandDims "
        "FusedBatchNormV3 Identity MatMul MaxPool Mul Placeholder Relu Reshape ResizeBilinear Softmax Squeeze Sub"
    )
    assert set(operations.split()) <= inception.ALLOWED
    assert not {"WriteFile", "ReadFile", "PyFunc", "EagerPyFunc", "Save", "If", "While"} & inception.ALLOWED
