"""A ready-to-use generator: z and classes in, uint8 images out.

`Generator` works with any session and Sampler; training uses one with its current weights. `open_generator` creates one
from a checkpoint, with its own graph and session.
"""

import contextlib
import itertools

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints import select
from utils.checkpoints.run_id import get_run_id
from utils.errors import UserError
from utils.output.images import to_uint8
from utils.output.progress import bar
from utils.runtime import devices
from utils.sampling import class_names, latents, picks

_BN_SAMPLES = 256  # number of samples for computing the batch-norm statistics of the averaged G
_MIN_BN_BATCH = 16  # even for large images, because the variance of one or two samples is useless


class Generator:
    """Generates samples.

    classes: the names of the classes, () if the network is unconditional. z_dim: the length of z. image_shape: height,
    width and channels. background: the color behind transparent samples.
    """

    def __init__(self, session, sampler, classes=(), background="white"):
        """session: a tf.Session in which the variables have values; sampler: a model.sample_graph.Sampler."""
        self.session, self.sampler = session, sampler
        self.classes, self.background = tuple(classes), background
        self.z_dim = int(sampler.z.shape[1])
        self.image_shape = tuple(int(size) for size in sampler.images.shape[1:])

    def noise(self, numbers, seed=0, truncation=1.0, classes=None):
        """Return z for samples with these numbers: [len(numbers), z_dim] float32 in [-1, 1) times truncation.

        A number always gives the same z, as in the setting `picks`. seed: as in the setting sample_seed. truncation:
        above 0, at most 1. classes: names of classes; the z of all numbers are repeated for each class, one class after
        the other: [len(classes) * len(numbers), z_dim]. Raise UserError for an invalid number, truncation or class.
        """
        numbers = list(numbers)
        if not numbers or not all(0 <= number < picks.MAX_NUMBER for number in numbers):
            raise UserError(f"numbers: give one or more integers from 0 to {picks.MAX_NUMBER - 1}")
        if not 0 < truncation <= 1:
            raise UserError(f"truncation = {truncation} is invalid; expected a number above 0, at most 1")
        z = latents.noise(seed, latents.SAMPLES, numbers, self.z_dim) * np.float32(truncation)
        return z if classes is None else np.tile(z, (len(self._indices(classes)), 1))

    def images(self, z, labels=None):
        """Return the samples for z, [N, z_dim] float32: [N, H, W, C] uint8. C = 4: colors premultiplied by alpha.

        labels: for a conditional network, the class of each row: [N] names or indices, or [N, n_classes] fractions of
        classes. A sample does not depend on the other rows. Raise UserError if z or labels have the wrong shape, or if
        a class does not exist.
        """
        z = np.asarray(z, np.float32)
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise UserError(f"z has the shape {list(z.shape)}; expected [N, {self.z_dim}]")
        labels = self._check_labels(labels, len(z))
        return np.concatenate([np.empty((0, *self.image_shape), np.uint8), *self.batches(z, labels)])

    def _check_labels(self, labels, count):
        """Return labels as integers [N] or fractions [N, n_classes]; None if the network is unconditional."""
        n_classes = len(self.classes)
        if not n_classes:
            if labels is not None:
                raise UserError("labels are for conditional networks; this network is unconditional: leave them out")
            return None
        labels = np.asarray([] if labels is None else labels)
        if labels.dtype.kind == "U":
            labels = np.int32(self._indices(labels.tolist()))
        if labels.shape == (count, n_classes):
            return np.float32(labels)
        is_index = labels.dtype.kind in "iu" and np.all((labels >= 0) & (labels < n_classes))
        if labels.shape != (count,) or (count and not is_index):
            raise UserError(
                f"labels are {labels.dtype} {list(labels.shape)}; expected [{count}] class names, [{count}] indices "
                f"from 0 to {n_classes - 1}, or [{count}, {n_classes}] fractions"
            )
        return np.int32(labels)

    def _indices(self, names):
        if not self.classes:
            raise UserError("classes are for conditional networks; this network is unconditional: leave them out")
        return [class_names.class_index(name, self.classes, "classes") for name in names]

    def batches(self, z, labels=None):
        """Yield the samples that `images` returns, in arrays [n, H, W, C] uint8, without checks.

        labels: integers, or fractions, without columns if the network is unconditional. Every session run has the same
        number of rows; the last batch is padded. Each sample is therefore bit-for-bit independent of N.
        """
        size = _batch_size(*self.image_shape[:2])
        labels = np.zeros(len(z), np.int32) if labels is None or not labels.size else labels
        classes = self.sampler.labels if labels.ndim == 1 else self.sampler.classes
        for start in range(0, len(z), size):
            rows, row_labels = z[start : start + size], labels[start : start + size]
            padded = np.zeros((size, z.shape[1]), np.float32)
            padded_labels = np.zeros((size, *labels.shape[1:]), labels.dtype)
            padded[: len(rows)], padded_labels[: len(rows)] = rows, row_labels
            images = self.session.run(self.sampler.images, {self.sampler.z: padded, classes: padded_labels})
            yield to_uint8(images[: len(rows)])

    def stream(self, z, labels=None):
        """Yield the samples of `batches` one at a time, [H, W, C] uint8, with a progress bar on a terminal."""
        drawn = itertools.chain.from_iterable(self.batches(z, labels))
        return bar(drawn, total=len(z), unit=" samples")

    def update_bn(self, labels):
        """Compute the batch-norm statistics of the averaged G for its current weights; without one, do nothing.

        labels: [n] int32, the classes of the training images. Every call uses the same z, so that the statistics
        depend only on the weights.
        """
        if self.sampler.update_bn is None:
            return
        size = bn_batch_size(*self.image_shape[:2])
        rounds = -(-_BN_SAMPLES // size)
        z = latents.noise(0, latents.STATISTICS, range(rounds * size), self.z_dim)
        # The classes are as frequent as in the training images, and spread evenly over the rounds.
        spread = np.sort(labels)[np.linspace(0, len(labels) - 1, rounds * size).astype(int)]
        for i in range(rounds):
            momentum = i / (i + 1.0)  # the averages end up as the plain means over the rounds
            feed = {self.sampler.z: z[i::rounds], self.sampler.labels: spread[i::rounds]}
            self.session.run(self.sampler.update_bn, {**feed, self.sampler.bn_momentum: momentum})


def bn_batch_size(height, width):
    """Return the batch size of `update_bn`."""
    return max(_batch_size(height, width), _MIN_BN_BATCH)


def _batch_size(height, width):
    """Return the batch size for generating samples: smaller for larger images."""
    return max(1, min(64, 64 * 64 * 64 // (height * width)))


class CheckpointGenerator(Generator):
    """The generator of a checkpoint, as `open_generator` yields it.

    selected: the select.Selected, with its manifest. step, run_id, weights: the checkpoint's step, run ID and weights
    digest, for file names.
    """

    def __init__(self, session, sampler, selected):
        manifest = selected.manifest
        super().__init__(session, sampler, manifest.saved.classes, manifest.run.get("background", "white"))
        self.selected, self.step, self.weights = selected, selected.checkpoint.step, selected.weights
        self.run_id = get_run_id(manifest)


@contextlib.contextmanager
def open_generator(build_sampler, checkpoints_dir, checkpoint="best", precision="float32"):
    """Open a checkpoint for use; yield its CheckpointGenerator.

    build_sampler(network, averaged, n_classes) adds G to the default graph and returns the Sampler. checkpoint: 'best',
    'latest' or a step, as text. Nothing in checkpoints_dir is changed: a training run may be writing to it. Raise
    UserError if the checkpoint does not exist or is damaged.
    """
    selected = select.select(checkpoints_dir, checkpoint)
    manifest, graph = selected.manifest, tf.Graph()
    with graph.as_default():
        tf.set_random_seed(0)  # with TF_DETERMINISTIC_OPS, TensorFlow requires a seed
        sampler = build_sampler(manifest.network, manifest.run["ema_decay"] > 0, len(manifest.saved.classes))
        saver = tf.train.Saver(sampler.variables)
    graph.finalize()
    # The session is not entered: sessions must be exited in reverse order, and the caller may have entered others.
    with contextlib.closing(tf.Session(graph=graph, config=devices.session_config(precision))) as session:
        selected = select.restore_selected(session, saver, sampler.variables, selected, checkpoint)
        yield CheckpointGenerator(session, sampler, selected)
