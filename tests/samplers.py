"""Stand-ins for a trained generator: a sampler whose images show its input, and a checkpoint for it."""

import collections

import tensorflow.compat.v1 as tf

from utils.checkpoints import store
from utils.checkpoints.manifest import Manifest, SavedState
from utils.checkpoints.run_id import weights_digest
from utils.checkpoints.select import Selected
from utils.output.images import to_uint8

Sampler = collections.namedtuple("Sampler", "z labels classes images update_bn bn_momentum")


def flat_sampler(size=2, channels=3):
    """A sampler whose images, [size, size, channels], are flat: z[0] / 2 + label / 4."""
    z, labels = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.int32, [None])
    classes = tf.one_hot(labels, 3)
    values = z[:, 0] / 2 + tf.reduce_sum(classes * [0.0, 0.25, 0.5], axis=1)
    images = tf.ones([1, size, size, channels]) * tf.reshape(values, [-1, 1, 1, 1])
    return Sampler(z, labels, classes, images, None, None)


class Spy:
    """A session that records its feeds."""

    def __init__(self, session=None):
        self.session, self.feeds = session, []

    def run(self, fetches, feed):
        self.feeds.append(feed)
        return self.session.run(fetches, feed) if self.session else None


def selected(folder, classes=(), weights=b"weights", run_id="0123456789abcdef", background="white", network=None):
    """A selected checkpoint at step 12."""
    (folder / "dcgan-12.index").write_bytes(weights)
    saved, checkpoint = SavedState(classes=tuple(classes), run_id=run_id), store.checkpoint_at(str(folder), 12)
    return Selected(
        checkpoint,
        Manifest(12, {"background": background}, network, saved),
        "the latest",
        weights=weights_digest(checkpoint),
    )


def expected(z, labels):
    return to_uint8(z[:, 0] / 2 + labels / 4)
