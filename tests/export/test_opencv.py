"""OpenCV reads generator.onnx of every kind of generator, as docs/sampling.md says."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from model.sample_graph import build_exportable_sampler
from utils.export.frozen import OUTPUTS, Frozen
from utils.output.alpha import premultiply

cv2 = pytest.importorskip("cv2", minversion="5")
for name in ("tf2onnx", "onnxruntime"):
    pytest.importorskip(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    (
        {"filters": 16, "clusters": 4},
        {"conditional": 1, "image_size": 32, "activation": "elu", "clusters": 8, "cluster_levels": "all"},
        {"channels": 4, "image_size": "64x96"},
        {"upsample": "transposed", "kernel": 5, "filters": 16, "output_filters": 0, "activation": "relu"},
        {"upsample": "transposed", "conditional": 1, "channels": 1, "activation": "tanh"},
    ),
    ids=str,
)
def test_opencv_generates_the_images(graph, tiny, tmp_path, changes):
    from utils.export import onnx

    network, random = tiny.network._replace(**changes), np.random.RandomState(0)
    build_exportable_sampler(network, averaged=False, n_classes=3 * network.conditional)
    feed = {"z": random.uniform(-1, 1, (4, network.z_dim)).astype(np.float32)}
    if network.conditional:
        feed["labels"] = np.int32([0, 2, 99, -1])
    with tf.Session(graph=graph) as session:
        for variable in tf.global_variables():
            low = 0.1 if "variance" in variable.name else -0.3
            variable.load(random.uniform(low, 0.3, variable.shape.as_list()), session)
        expected = session.run([f"{name}:0" for name in OUTPUTS], {f"{name}:0": feed[name] for name in feed})
        graph_def = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), list(OUTPUTS))
    assert np.std(expected[1]) > 0.02
    inputs = {name: (None, *value.shape[1:]) for name, value in feed.items()}
    onnx.write(Frozen(graph_def, inputs, None, [], None), tmp_path)
    net = cv2.dnn.readNet(str(tmp_path / "generator.onnx"))
    for count in (4, 1):
        for name, value in feed.items():
            net.setInput(value[:count], name)
        images, floats = map(net.forward, OUTPUTS)
        assert images.dtype == np.uint8 and images.shape == (count, *expected[0].shape[1:])
        assert np.abs(premultiply(images).astype(int) - premultiply(expected[0][:count])).max() <= 1
        np.testing.assert_allclose(floats, expected[1][:count], atol=1e-4)
