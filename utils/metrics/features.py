"""Features of pictures by the Inception network of 2015, from a frozen TensorFlow graph that the user names.

Published FIDs are by this network, Szegedy et al. 2015, arXiv 1512.00567, in the file inception-2015-12-05.pb: the
features are what its last pooling, pool_3, puts out. It resizes pictures to 299x299 by itself.
"""

import hashlib
import os

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import UserError, reason_of

INPUT, OUTPUT = "ExpandDims:0", "pool_3:0"  # [N, H, W, 3] float32 in 0..255; [N, 1, 1, 2048]
BATCH = 32
WHERE = (
    "FID, KID, precision and recall need the Inception network: inception_graph names its file, "
    "inception-2015-12-05.pb, which comes in the archive inception-2015-12-05.tgz of TensorFlow's image models; "
    "nothing is downloaded here"
)


class Inception:
    """The network, in a graph and a session of its own."""

    def __init__(self, path):
        """path: of the frozen graph. Raise UserError where it is none."""
        data = _read(path)
        self.name, self.hash = os.path.basename(path), hashlib.sha256(data).hexdigest()[:16]
        with tf.Graph().as_default() as graph:
            self._images = tf.placeholder(tf.float32, [None, None, None, 3])
            try:
                definition = tf.GraphDef.FromString(data)
                # The input is put in its place, not fed, for its own shape is that of a single picture.
                (features,) = tf.import_graph_def(definition, {INPUT: self._images}, [OUTPUT], name="")
            except Exception as error:  # DecodeError, ValueError, TypeError: that depends on what the file is
                raise UserError(
                    "inception_graph = %s is not a frozen graph with the tensors %s and %s (%s); name the file "
                    "inception-2015-12-05.pb, or set it to ''" % (path, INPUT, OUTPUT, reason_of(error))
                )
            self._features = tf.reshape(features, [tf.shape(self._images)[0], -1])
        self._session = tf.Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True)))

    def __call__(self, pictures):
        """Return the features of [N, H, W, C] uint8, C 1 or 3: [N, D] float32."""
        found = []
        for i in range(0, len(pictures), BATCH):
            batch = pictures[i : i + BATCH]
            batch = np.repeat(batch, 3, axis=3) if batch.shape[3] == 1 else batch
            try:
                found.append(self._session.run(self._features, {self._images: batch}))
            except tf.errors.OpError as error:
                raise UserError("inception_graph = %s cannot be run (%s)" % (self.name, reason_of(error)))
        return np.concatenate(found)


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UserError("inception_graph = %s cannot be read (%s); %s" % (path, error.strerror, WHERE))
