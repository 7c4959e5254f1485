"""Small stand-ins for the inputs of metrics: images, a generator, and the Inception network."""

from types import SimpleNamespace

import numpy as np
import tensorflow.compat.v1 as tf
from conftest import InMemory

from utils.data.prepare import ImageDataset
from utils.sampling.generator import Generator


def blocky(count=40, size=16):
    """Return images of 4x4 random blocks, [count, size, size, 3] uint8."""
    blocks = np.random.RandomState(0).randint(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    return np.repeat(np.repeat(blocks, size // 4, axis=1), size // 4, axis=2)


def image_dataset(array):
    """Return a data.ImageDataset with these records, all of class 0."""
    return ImageDataset(InMemory(array), np.zeros(len(array), np.int32), ["a"], "", None)


def write_inception(path):
    """Write a frozen graph with Inception's tensor names; its features are the means of an image's four quarters."""
    with tf.Graph().as_default() as graph:
        image = tf.placeholder(tf.float32, [1, None, None, 3], name="ExpandDims")  # one image, as in the real file
        resized = tf.image.resize_bilinear(image, [4, 4])
        tf.reshape(tf.nn.avg_pool(resized, 2, 2, "VALID"), [-1, 1, 1, 12], name="pool_3")
        path.write_bytes(graph.as_graph_def().SerializeToString())
    return str(path)


class FakeGenerator(Generator):
    """A generator whose samples cycle through these images in order."""

    def __init__(self, images):
        """images: [N, H, W, C] uint8."""
        with tf.Graph().as_default():
            ends = tf.placeholder(tf.float32, [None, 6]), tf.placeholder(tf.float32, [None, *images.shape[1:]])
        super().__init__(self, SimpleNamespace(z=ends[0], images=ends[1], labels="labels"))
        self._images, self._at = images, 0
        self.fed = []  # (z, labels) of each run

    def run(self, _, feed):
        self.fed.append((feed[self.sampler.z], feed["labels"]))
        rows = len(feed[self.sampler.z])
        images = np.zeros((rows, *self._images.shape[1:]), np.float32)
        part = self._images[self._at : self._at + rows]
        images[: len(part)] = part / 127.5 - 1
        self._at = (self._at + rows) % -(-len(self._images) // rows * rows)
        return images
