"""Random streams for an update: noise, classes and augmentation, each keyed by seed, use and draw index.

A draw is one update of D or of G. A step therefore depends only on the checkpoint, not on earlier evaluations.
"""

import zlib

from model import augment, replicas
from model.graph_mode import tf


def stateless_seed(seed, use, draw, rollbacks=0):
    """Return the seed for a stateless random operation, [2] int64, different for each use and each draw.

    use: names the purpose. draw: int64 scalar, the draw index. rollbacks: the number of rollbacks
    so far, each of which changes all noise.
    """
    mixed = tf.constant(zlib.crc32(f"{seed} {use}".encode()), tf.int64)
    salt = tf.cast(rollbacks, tf.int64) * 2**32  # above the 32 bits of the checksum
    return tf.stack([mixed + salt, draw])


class RandomStreams:
    """The random numbers of one update. All replicas draw the whole batch; each uses its own rows."""

    def __init__(self, run, reals, counters, ada=None):
        """run: the run settings; reals: the Reals; counters: the Counters, read at this point of the graph.

        ada: the adaptive_augment.AdaptiveAugment if augment = 'adaptive', also read at this point.
        """
        self._run, self._reals = run, reals
        self._index, self._rollbacks = counters.draw_index.read_value(), counters.rollbacks
        self._kinds = augment.select_kinds(run.augment, reals.n)
        self.augment_p = self._augment_p(counters, ada)  # probability of augmenting an image, a float32 scalar

    def uniform(self, shape, use, minval=0.0):
        """Return float32 [batch_size, ...], uniform in [minval, 1); `use` must be unique within an update."""
        batch_size = self._run.batch_size
        shape = [batch_size * replicas.num_replicas(), *shape[1:]]
        seed = stateless_seed(self._run.seed, use, self._index, self._rollbacks)
        return replicas.local_rows(tf.random.stateless_uniform(shape, seed=seed, minval=minval), batch_size)

    def z(self, z_dim, use):
        """Return G's input, [batch_size, z_dim] float32, uniform in [-1, 1)."""
        return self.uniform([self._run.batch_size, z_dim], f"z of {use}", -1.0)

    def classes(self, use):
        """Draw classes in proportion to their image counts: [batch_size, K] float32, one-hot."""
        counts = self._reals.class_counts
        ends = tf.constant([sum(counts[: i + 1]) / sum(counts) for i in range(len(counts) - 1)])
        labels = tf.searchsorted(ends, self.uniform([self._run.batch_size], f"classes of {use}"), side="right")
        return tf.one_hot(labels, len(counts))

    def augmented(self, images, use):
        """Augment each of `images`, [batch_size, H, W, C] float32, with probability augment_p, before D sees it."""
        changed = augment.augment(images, self._kinds, lambda shape, name: self.uniform(shape, f"{name} of {use}"))
        if not self._kinds or self._run.augment not in ("auto", "adaptive"):
            return changed
        drawn = self.uniform([self._run.batch_size, 1, 1, 1], f"augmentation of {use}")
        return images + tf.cast(drawn < self.augment_p, tf.float32) * (changed - images)

    def shifted(self, images, ratio):
        """Shift each of `images` by up to `ratio` of its sides, for the feature critic; repeat rows and columns."""
        return augment.translation(
            images, lambda shape, name: self.uniform(shape, f"{name} of the critic"), ratio, repeats_edges=True
        )

    def _augment_p(self, counters, ada):
        if self._run.augment == "adaptive":
            return ada.p.read_value()
        if self._kinds and self._run.augment == "auto":
            return augment.auto_p(counters.pictures_seen.read_value(), self._reals.n)
        return tf.constant(1.0 if self._kinds else 0.0)
