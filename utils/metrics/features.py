"""Features of images, by which most metrics compare them: which network they come from, and a cache of them.

The network is in a graph and a session of its own, so the training graph's seeds and its Saver do not notice it.
"""

import functools
import hashlib
import io
import os

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import UserError, reason_of
from utils.metrics import efficientnet, inception
from utils.metrics.patches import Patches
from utils.output import files

# The values of metrics_network, beside 'auto'.
INCEPTION, EFFICIENTNET, PATCHES, NONE = "inception", "efficientnet", Patches.kind, "none"
BATCH = 32
INSTALL = f"`pip install {efficientnet.PACKAGE}`"


def network_of(run):
    """Return which network the settings mean: INCEPTION, EFFICIENTNET, PATCHES or NONE. It is not yet read."""
    if run.metrics_network != "auto":
        return run.metrics_network
    if run.inception_graph:
        return INCEPTION
    return EFFICIENTNET if efficientnet.path() else PATCHES


def open_network(run):
    """Return the Network that the settings mean, or Patches, or None; raise UserError if it cannot be used."""
    kind = network_of(run)
    if kind == INCEPTION:
        return _inception(run.inception_graph)
    if kind == EFFICIENTNET:
        return _efficientnet()
    return Patches() if kind == PATCHES else None


def _inception(path):
    data = inception.read(path)
    digest, name = _short_hash(data), os.path.basename(path)
    description = f"features by {name} (sha256 {digest}), which resizes to 299x299"
    build = functools.partial(inception.features, data=data, path=path)
    return Network(INCEPTION, f"inception_graph = {name}", digest, lambda height, width: description, build)


def _efficientnet():
    weights, digest = efficientnet.read()
    size = efficientnet.SIZE

    def describe(height, width):
        height, width = efficientnet.resized_sides(height, width)
        return f"EfficientNet-Lite0 features (weights' sha256 {digest[:16]}) of images resized to {height}x{width}"

    build = functools.partial(efficientnet.features, weights=weights)
    return Network(EFFICIENTNET, efficientnet.PACKAGE, f"{digest[:16]} {size}", describe, build)


class Network:
    """A network whose features images are compared by."""

    def __init__(self, kind, name, identity, describe, build):
        """kind: INCEPTION or EFFICIENTNET; name: for errors; identity: a text, different for different features;

        describe: given the height and width of images, returns what the protocol says of their features; build: adds
        the network to the graph, [N, H, W, 3] float32 in 0..255 -> [N, D] float32.
        """
        self.kind, self.identity, self.describe, self._name = kind, identity, describe, name
        self.cache_key = identity
        with tf.Graph().as_default() as graph:
            self._images = tf.placeholder(tf.float32, [None, None, None, 3])
            self._features = build(self._images)
        self._session = tf.Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True)))

    def fit(self, images):
        """Do nothing: it has learned already."""

    def __call__(self, images):
        """Return the features of [N, H, W, C] uint8, C 1 or 3: [N, D] float32. Raise UserError if the graph fails."""
        features = []
        for i in range(0, len(images), BATCH):
            batch = images[i : i + BATCH]
            batch = np.repeat(batch, 3, axis=3) if batch.shape[3] == 1 else batch
            try:
                features.append(self._session.run(self._features, {self._images: batch}))
            except tf.errors.OpError as error:
                raise UserError(f"{self._name} cannot be run ({reason_of(error)})")
        return np.concatenate(features)


def _short_hash(data):
    return hashlib.sha256(data).hexdigest()[:16]


def cached(network, images, folder):
    """Return network(images), read from, or else written to, a file features-<hash>.npy in `folder`.

    The hash is of the images and of the network. A damaged file is replaced; a folder that cannot be written is not
    an error.
    """
    path = os.path.join(folder, f"features-{_short_hash(images.tobytes() + network.cache_key.encode())}.npy")
    try:
        features = np.load(path)
        if features.ndim == 2 and len(features) == len(images) and np.isfinite(features).all():
            return features
    except (OSError, ValueError, EOFError):
        pass  # missing or incomplete
    features, data = network(images), io.BytesIO()
    np.save(data, features)
    try:
        os.makedirs(folder, exist_ok=True)
        files.write(path, data.getvalue())
    except OSError:
        pass  # computed again next time
    return features
