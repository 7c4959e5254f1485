"""The pictures as the discriminator gets them: an endless `tf.data` stream of batches.

The order is a function of (seed, epoch), a batch a function of the count of pictures seen before it, and so is what is
drawn for it: a run that goes on takes the very pictures it would have taken without the break.
"""

import contextlib
import zlib
from typing import Any, List, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

# What a key is mixed from beside the seed: a name per use, never one for two.
WINDOW = "window of a picture"
MIRROR = "mirroring of a picture"


class Batches(NamedTuple):
    """The ends of the stream of batches. Each evaluation of images, labels or waited takes the next batch."""

    size: int  # pictures in a batch, among them those of other workers
    images: Any  # [N, image_size, image_size, channels] float32 in [-1, 1], the rows of it that were asked for
    labels: Any  # [N] int32: index of the class, -1 for none
    waited: Any  # float64 scalar: seconds from asking for the batch until it was ready
    start: Any  # int64 scalar placeholder, fed to the initializer: pictures seen before the first batch
    initializer: Any
    order: Any  # the Order of the pictures
    errors: List[Exception]  # why the stream has stopped, if it has


class Order:
    """The endless order of n pictures: every epoch a permutation of all, which follows from (seed, epoch)."""

    def __init__(self, n, seed):
        self.n, self.seed = n, seed
        self._last = None, None  # an epoch and its permutation

    def _permutation(self, epoch):
        known, permutation = self._last
        if known != epoch:
            key = [self.seed, epoch % 2**32, epoch >> 32]
            permutation = np.arange(self.n, dtype=np.int32)
            np.random.RandomState(key).shuffle(permutation)
            self._last = epoch, permutation  # one assignment, for an old iterator's thread may still be asking
        return permutation

    def take(self, start, count):
        """Return the indices, [count] int32, of the pictures that follow the first `start` ones."""
        epoch, offset = divmod(start, self.n)
        pieces = []
        while count > 0:
            pieces.append(self._permutation(epoch)[offset : offset + count])
            epoch, offset, count = epoch + 1, 0, count - len(pieces[-1])
        return np.concatenate(pieces)


def batches(pictures, batch_size, image_size, mirror, seed, rows=slice(None)):
    """Return the endless Batches of `pictures`, a prepare.Pictures; the end of an epoch is filled from the next one.

    Records larger than image_size give a window of that size, drawn anew each time. mirror: every other picture, drawn
    as well, is mirrored left to right. rows: which of each batch are wanted; the others are passed over.
    """
    records, labels = pictures.records, pictures.labels
    order, errors = Order(len(labels), seed), []
    count = len(range(batch_size)[rows])

    def take(start, places, mirrored):
        indices = order.take(int(start), batch_size)[rows]
        try:
            images = windows(records.take(indices), image_size, places[rows])
        except Exception as error:  # TensorFlow would pass on no more than its text
            errors.append(error)
            raise
        images[mirrored[rows]] = images[mirrored[rows], :, ::-1]
        return images, labels[indices]

    def to_batch(start):
        spare = records.shape[1] - image_size + 1
        places = tf.random.stateless_uniform([batch_size, 2], _key(seed, WINDOW, start), maxval=spare, dtype=tf.int32)
        mirrored = tf.random.stateless_uniform([batch_size], _key(seed, MIRROR, start)) < (0.5 if mirror else 0.0)
        # Both are done in numpy: TensorFlow's kernels for them took longer than all the rest of the batch.
        images, classes = tf.numpy_function(take, [start, places, mirrored], [tf.uint8, tf.int32])
        images.set_shape([count, image_size, image_size, records.shape[3]])
        classes.set_shape([count])
        images = tf.cast(images, tf.float32) / 127.5 - 1.0
        with tf.control_dependencies([images]):
            return images, classes, tf.timestamp()

    with tf.name_scope("batches"):  # lest an operation take the name of one of the counters, such as "step"
        start = tf.placeholder(tf.int64, [], name="pictures_seen_before")
        # One batch after the other: the order is fixed, and a lookup far quicker than a step. The next are kept ready.
        stream = tf.data.Dataset.range(start, tf.int64.max, batch_size).map(to_batch).prefetch(2)
        iterator = tf.data.make_initializable_iterator(stream)
        asked = tf.timestamp()
        with tf.control_dependencies([asked]):
            images, classes, ready = iterator.get_next()
        # Not until now, for an operation behind this one may have to wait for a thread, with the batch long there.
        waited = tf.maximum(ready - asked, 0.0)
        return Batches(batch_size, images, classes, waited, start, iterator.initializer, order, errors)


def _key(seed, use, start):
    """Return the key of a stateless draw, [2] int64: no two uses share one, and no two batches."""
    return tf.stack([tf.constant(zlib.crc32(("%d %s" % (seed, use)).encode()), tf.int64), start])


def windows(images, size, places):
    """Cut a window out of each picture: [N, H, W, C] to [N, size, size, C].

    places: [N, 2] int32, the top and the left of each.
    """
    n, height, width, channels = images.shape
    by_picture, by_row, by_column, by_channel = images.strides
    every = np.lib.stride_tricks.as_strided(  # a view: every window there is, by its top and left
        images,
        (n, height - size + 1, width - size + 1, size, size, channels),
        (by_picture, by_row, by_column, by_row, by_column, by_channel),
        writeable=False,
    )
    return every[np.arange(n), places[:, 0], places[:, 1]]


@contextlib.contextmanager
def errors_named(batches):
    """Inside this context, raise the error that has stopped the stream, if one has."""
    try:
        yield
    except tf.errors.OpError:
        if batches.errors:
            raise batches.errors[0]
        raise
