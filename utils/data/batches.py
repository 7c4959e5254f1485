"""The stream of batches that the discriminator is trained on: an endless `tf.data` pipeline.

The order of the images is a function of (seed, epoch). A batch, including its random choices, is a function of the
number of images seen before it, so a resumed run gets the same batches as one that was never interrupted.
"""

import contextlib
import functools
import time
import zlib
from typing import Any, List, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

# Each use of random numbers mixes its own name with the seed, so that no two uses share a key.
WINDOW = "window of a picture"
LEFT = "left of the window of a picture that is not square"
MIRROR = "mirroring of a picture"


class Batches(NamedTuple):
    """The tensors of the stream. Each evaluation of images, labels or wait_seconds takes the next batch."""

    size: int  # images in a batch, including those of the other workers
    images: Any  # [N, height, width, channels] float32 in [-1, 1], the selected rows of each batch
    labels: Any  # [N] int32: class index; -1 for an image without a class
    wait_seconds: Any  # float64 scalar: seconds that the step waited for the batch
    start: Any  # int64 scalar placeholder, fed to the initializer: images seen before the first batch
    initializer: Any
    order: Any  # the EpochShuffle that orders the images
    errors: List[Exception]  # the error that stopped the stream; empty if none did


class EpochShuffle:
    """An endless order of n images: each epoch is a permutation of them, determined by (seed, epoch)."""

    def __init__(self, n, seed):
        self.n, self.seed = n, seed
        self._last_permutation = functools.lru_cache(maxsize=1)(self._permutation)

    def _permutation(self, epoch):
        random = np.random.RandomState([self.seed, epoch % 2**32, epoch >> 32])
        return random.permutation(np.arange(self.n, dtype=np.int32))

    def take(self, start, count):
        """Return the indices of the next `count` images after the first `start`: [count] int32."""
        epoch, offset = divmod(start, self.n)
        pieces = []
        while count > 0:
            pieces.append(self._last_permutation(epoch)[offset : offset + count])
            epoch, offset, count = epoch + 1, 0, count - len(pieces[-1])
        return np.concatenate(pieces)


def build_batches(dataset, settings, size, rows=slice(None)):
    """Add an endless stream of batches of `dataset`, a prepare.ImageDataset, to the graph; return its Batches.

    size: number of images in a batch; a batch at the end of an epoch continues with the next epoch. rows: the rows of
    each batch to read; with several workers, this worker's rows. settings: image_size, mirror and seed are used. A
    record larger than image_size is cropped to a random window; mirror = 1 mirrors half of the images at random.
    """
    reader = _Reader(dataset, settings, size, rows)
    with tf.name_scope("batches"):  # keeps its operations from taking names of counters, such as "step"
        start = tf.placeholder(tf.int64, [], name="pictures_seen_before")
        # Batches are read one by one: their order is fixed, and reading is much faster than a step. Two are prefetched.
        # AutoGraph has nothing to convert, and fails if the path of the source file is not valid UTF-8.
        build_batch = tf.autograph.experimental.do_not_convert(reader.build_batch)
        stream = tf.data.Dataset.range(start, tf.int64.max, size).map(build_batch).prefetch(2)
        iterator = tf.data.make_initializable_iterator(stream)
        asked = _now()
        with tf.control_dependencies([asked]):
            images, labels, ready = iterator.get_next()
        # Each batch includes the time when it was ready: an operation after get_next may have to wait for a thread.
        wait_seconds = tf.maximum(ready - asked, 0.0)
        return Batches(size, images, labels, wait_seconds, start, iterator.initializer, reader.order, reader.errors)


class _Reader:
    """Reads batches: `tf.data` maps `build_batch` over the numbers of images seen before each batch."""

    def __init__(self, dataset, settings, size, rows):
        """See build_batches."""
        self.order, self.errors = EpochShuffle(dataset.n, settings.run.seed), []
        self._dataset, self._network, self._run = dataset, settings.network, settings.run
        self._size, self._rows = size, rows

    def build_batch(self, start):
        """Add operations that read one batch; return (images, labels, time when ready).

        start: number of images seen before the batch, an int64 scalar.
        """
        uniform = tf.random.stateless_uniform([self._size], self._key(MIRROR, start))
        # NumPy crops and mirrors: TensorFlow's kernels for these took longer than the rest of the batch.
        inputs = [start, self._windows(start), uniform < 0.5 * self._run.mirror]
        images, labels = tf.numpy_function(self._read, inputs, [tf.uint8, tf.int32])
        labels.set_shape([len(range(self._size)[self._rows])])
        images.set_shape([*labels.shape, self._network.height, self._network.width, self._network.channels])
        images = tf.cast(images, tf.float32) / 127.5 - 1.0
        with tf.control_dependencies([images]):
            return images, labels, _now()

    def _windows(self, start):
        """Return the top and left coordinates of each window: [size, 2] int32."""
        _, height, width, _ = self._dataset.records.shape
        tops, lefts = height - self._network.height + 1, width - self._network.width + 1
        if tops == lefts:
            key = self._key(WINDOW, start)
            return tf.random.stateless_uniform([self._size, 2], key, maxval=tops, dtype=tf.int32)
        draws = [  # two draws, because all numbers of a draw have the same limit
            tf.random.stateless_uniform([self._size], self._key(use, start), maxval=limit, dtype=tf.int32)
            for use, limit in ((WINDOW, tops), (LEFT, lefts))
        ]
        return tf.stack(draws, axis=1)

    def _key(self, use, start):
        """Return the key for a stateless draw: [2] int64, different for each use and each batch."""
        return tf.stack([tf.constant(zlib.crc32(f"{self._run.seed} {use}".encode()), tf.int64), start])

    def _read(self, start, windows, mirrored):
        """Return the selected rows' images, [N, height, width, C] uint8, and labels, [N] int32."""
        indices = self.order.take(int(start), self._size)[self._rows]
        height, width, mirrored = self._network.height, self._network.width, mirrored[self._rows]
        try:
            images = self._dataset.records.take(indices)
        except Exception as error:  # TensorFlow would keep only the message
            self.errors.append(error)
            raise
        windows = zip(images, windows[self._rows])
        images = np.stack([image[top : top + height, left : left + width] for image, (top, left) in windows])
        images[mirrored] = images[mirrored, :, ::-1]
        return images, self._dataset.labels[indices]


def _now():
    """Return the time of a monotonic clock, a float64 scalar. tf.timestamp fails if TF_DETERMINISTIC_OPS is set."""
    now = tf.numpy_function(time.perf_counter, [], tf.float64)
    now.set_shape([])
    return now


@contextlib.contextmanager
def reraise_input_errors(batches):
    """Within this context, raise the error that stopped the stream, if one did, in place of TensorFlow's own error."""
    try:
        yield
    except tf.errors.OpError:
        if batches.errors:
            raise batches.errors[0]
        raise
