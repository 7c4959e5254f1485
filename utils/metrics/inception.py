"""Features of pictures by the Inception network of 2015, from a frozen TensorFlow graph that the user names.

Published FIDs use this network, Szegedy et al. 2015, arXiv 1512.00567, as inception-2015-12-05.pb. The features
are the output of its last pooling layer, pool_3. The graph itself resizes pictures to 299x299.
"""

import hashlib
import io
import os

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import UserError, reason_of
from utils.output import files

INPUT, OUTPUT = "ExpandDims:0", "pool_3:0"  # [N, H, W, 3] float32 in 0..255; [N, 1, 1, 2048]
BATCH = 32
WHERE = (
    "inception_graph must name the file of the Inception network, inception-2015-12-05.pb, which is in the archive "
    "inception-2015-12-05.tgz of TensorFlow's image models; nothing is downloaded"
)


class Inception:
    """The network, in a graph and a session of its own."""

    def __init__(self, path):
        """path: of the frozen graph. Raise UserError if it cannot be read, or is not such a graph."""
        data = _read(path)
        self.name, self.hash = os.path.basename(path), hashlib.sha256(data).hexdigest()[:16]
        with tf.Graph().as_default() as graph:
            self._images = tf.placeholder(tf.float32, [None, None, None, 3])
            try:
                definition = tf.GraphDef.FromString(data)
                # The input tensor is replaced, not fed: its own shape is that of a single picture.
                (features,) = tf.import_graph_def(definition, {INPUT: self._images}, [OUTPUT], name="")
            except Exception as error:  # DecodeError, ValueError or TypeError, depending on the file
                raise UserError(
                    f"inception_graph = {path} is not a frozen graph with the tensors {INPUT} and {OUTPUT} "
                    f"({reason_of(error)}); name the file inception-2015-12-05.pb, or set it to ''"
                )
            self._features = tf.reshape(features, [tf.shape(self._images)[0], -1])
        self._session = tf.Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True)))

    def __call__(self, pictures):
        """Return the features of [N, H, W, C] uint8, C 1 or 3: [N, D] float32. Raise UserError if the graph fails."""
        features = []
        for i in range(0, len(pictures), BATCH):
            batch = pictures[i : i + BATCH]
            batch = np.repeat(batch, 3, axis=3) if batch.shape[3] == 1 else batch
            try:
                features.append(self._session.run(self._features, {self._images: batch}))
            except tf.errors.OpError as error:
                raise UserError(f"inception_graph = {self.name} cannot be run ({reason_of(error)})")
        return np.concatenate(features)


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UserError(f"inception_graph = {path} cannot be read ({error.strerror}); {WHERE}")


def cached(inception, pictures, folder):
    """Return inception(pictures), read from, or else written to, a file features-<hash>.npy in `folder`.

    The hash is of the pictures and of the network. A damaged file is replaced; a folder that cannot be written is not
    an error.
    """
    key = hashlib.sha256(pictures.tobytes() + inception.hash.encode()).hexdigest()[:16]
    path = os.path.join(folder, f"features-{key}.npy")
    try:
        features = np.load(path)
        if features.ndim == 2 and len(features) == len(pictures) and np.isfinite(features).all():
            return features
    except (OSError, ValueError, EOFError):
        pass  # missing or incomplete
    features, data = inception(pictures), io.BytesIO()
    np.save(data, features)
    try:
        os.makedirs(folder, exist_ok=True)
        files.write(path, data.getvalue())
    except OSError:
        pass  # computed again next time
    return features
