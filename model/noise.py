"""What a step draws: noise, classes and augmentation, each keyed by (seed and use, index of the draw).

So a step follows from the checkpoint alone, whatever was evaluated before it.
"""

import zlib

import tensorflow.compat.v1 as tf

from model import augment, replicas

# augment = 'auto' augments where there are fewer pictures than this; at first none, then more and more of them as D has
# seen them more often, up to this share after so many epochs. What is done to some only, G cannot take for the real
# thing (Karras et al. 2020, arXiv 2006.06676, which lets the share follow D; there the bound is 0.8, too).
FEW_PICTURES, MOST_AUGMENTED, EPOCHS_TO_MOST = 20000, 0.8, 50


def uniform(shape, seed, use, draw, rollbacks=0, minval=0.0):
    """Return float32 of this shape, uniform from minval to 1.

    A function of seed, use, the int64 scalar `draw`, and how many rollbacks there were. No two uses share a name.
    """
    key = tf.constant(zlib.crc32(("%d %s" % (seed, use)).encode()), tf.int64)
    salt = tf.cast(rollbacks, tf.int64) * 2**32  # beside the key's 32 bits
    return tf.random.stateless_uniform(shape, seed=tf.stack([key + salt, draw]), minval=minval)


def augmentations(run, n):
    """Return the kinds of augmentation, of augment.KINDS, that `run` asks for with n pictures."""
    if run.augment == "auto":
        return augment.KINDS if n < FEW_PICTURES else ()
    return () if run.augment == "none" else tuple(run.augment.replace(" ", "").split(","))


class Draws:
    """The draws of one update, for this replica's rows of the batch that all replicas draw together."""

    def __init__(self, run, n, class_counts, index, rollbacks, pictures_seen):
        """n: how many pictures there are; class_counts: in each class; the rest: int64 variables or scalars."""
        self._run, self._n, self._class_counts = run, n, class_counts
        self._index, self._rollbacks, self._pictures_seen = index, rollbacks, pictures_seen

    def uniform(self, shape, use, minval=0.0):
        """Return `uniform` of this shape, [batch_size, ...]."""
        batch_size = self._run.batch_size
        shape = [batch_size * replicas.count(), *shape[1:]]
        drawn = uniform(shape, self._run.seed, use, self._index, self._rollbacks, minval)
        return replicas.rows(drawn, batch_size, of_all=True)

    def classes(self, use):
        """Draw classes, as often as there are pictures of them: [batch_size, K] float32, rows of the unit matrix."""
        counts = self._class_counts
        ends = tf.constant([sum(counts[: i + 1]) / sum(counts) for i in range(len(counts) - 1)])
        labels = tf.searchsorted(ends, self.uniform([self._run.batch_size], "classes of " + use), side="right")
        return tf.one_hot(labels, len(counts))

    def augmented(self, images, use):
        """Return `images`, [batch_size, H, W, C], as D is to see them."""
        kinds = augmentations(self._run, self._n)
        changed = augment.augment(images, kinds, lambda shape, name: self.uniform(shape, "%s of %s" % (name, use)))
        if not kinds or self._run.augment != "auto":
            return changed
        epochs = tf.cast(self._pictures_seen, tf.float32) / self._n
        share = MOST_AUGMENTED * tf.minimum(1.0, epochs / EPOCHS_TO_MOST)
        drawn = self.uniform([self._run.batch_size, 1, 1, 1], "augmentation of " + use)
        return images + tf.cast(drawn < share, tf.float32) * (changed - images)
