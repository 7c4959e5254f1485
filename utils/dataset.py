"""The pictures: a folder of image files -> records in memory -> an endless `tf.data` stream of batches.

The order is a function of (seed, epoch), and a batch a function of the count of pictures seen before it, so that a run
that goes on takes the very pictures it would have taken without the break.
"""

import os
import warnings
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image, ImageOps

from utils.errors import UserError

LAYOUT = "pictures belong in %s as <class>/<n>.jpg"
EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")


class Pictures(NamedTuple):
    """The decoded pictures of a folder."""

    records: np.ndarray  # [n, image_size, image_size, channels] uint8
    labels: np.ndarray  # [n] int32: index into classes
    classes: list  # names of the folders that hold pictures
    skipped: list  # (file, reason) of what could not be read


class Batches(NamedTuple):
    """The ends of the stream of batches."""

    images: Any  # [batch_size, image_size, image_size, channels] float32 in [-1, 1]; each evaluation takes the next
    start: Any  # int64 scalar placeholder, fed to the initializer: pictures seen before the first batch
    initializer: Any


def load(pics_dir, image_size, channels):
    """Decode every picture below `pics_dir` to a square of image_size pixels, in the order of their paths.

    Raise UserError where nothing can be trained on. Files that are broken are left out and listed in `skipped`.
    """
    paths = _find(pics_dir)
    records, folders, skipped = [], [], []
    for path in paths:
        name = os.path.relpath(path, pics_dir)
        try:
            records.append(decode(path, image_size, channels))
            folders.append(name.split(os.sep)[0] if os.sep in name else "")
        except MemoryError:
            raise
        except Exception as error:  # Pillow's plugins raise what they like on a broken file
            skipped.append((name, "%s: %s" % (type(error).__name__, error)))
    if not records:
        name, reason = skipped[0]
        raise UserError(
            "%s: none of its %d pictures can be read; the first is %s (%s)" % (pics_dir, len(skipped), name, reason)
        )
    classes = sorted(set(folders))
    labels = np.array([classes.index(folder) for folder in folders], np.int32)
    return Pictures(np.stack(records), labels, classes, skipped)


def describe(pictures, pics_dir, batch_size):
    """Return lines that say what was found, what was left out, and what that means for training."""
    n = len(pictures.records)
    counts = np.bincount(pictures.labels, minlength=len(pictures.classes))
    classes = ", ".join("%s %d" % (name or "(no class)", count) for name, count in zip(pictures.classes, counts))
    lines = ["%d pictures in %s: %s" % (n, pics_dir, classes)]
    if pictures.skipped:
        lines.append("Left out, because they cannot be read: %d" % len(pictures.skipped))
        lines += ["  %s: %s" % each for each in pictures.skipped[:5]]
        lines += ["  ..."] * (len(pictures.skipped) > 5)
    if n < batch_size:
        advice = "Fewer pictures than batch_size = %d: a batch holds some twice; add pictures or lower it."
        lines.append(advice % batch_size)
    return "\n".join(lines)


def _find(pics_dir):
    """Return the paths of the image files below `pics_dir`, sorted."""
    if not os.path.isdir(pics_dir):
        what = "is not a folder" if os.path.exists(pics_dir) else "does not exist"
        raise UserError("pics_dir = %s %s; %s" % (pics_dir, what, LAYOUT % "it"))
    paths, others = [], 0
    visited = set()
    for folder, subfolders, names in os.walk(pics_dir, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:  # a link that leads back
            subfolders[:] = []
            continue
        visited.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            if name.lower().endswith(EXTENSIONS) and not name.startswith("."):
                paths.append(os.path.join(folder, name))
            else:
                others += 1
    if not paths:
        raise UserError("%s holds no pictures (%d other files); %s" % (pics_dir, others, LAYOUT % "it"))
    return sorted(paths)


def decode(path, image_size, channels):
    """Return a picture's centre square, resized: [image_size, image_size, channels] uint8."""
    mode = "RGB" if channels == 3 else "L"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        with Image.open(path) as picture:
            picture = ImageOps.exif_transpose(picture)
            if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            if picture.mode.startswith("I"):  # 16 bits a pixel, which `convert` would cut off at 255
                picture = Image.fromarray(np.uint8(np.clip(np.asarray(picture) / 257.0 + 0.5, 0, 255)))
            picture = ImageOps.fit(picture.convert(mode), (image_size, image_size), Image.LANCZOS)
    return np.asarray(picture, np.uint8).reshape(image_size, image_size, channels)


class Order:
    """The endless order of n pictures: every epoch a permutation of all, which follows from (seed, epoch)."""

    def __init__(self, n, seed):
        self.n, self.seed = n, seed
        self._last = None, None  # an epoch and its permutation

    def _permutation(self, epoch):
        known, permutation = self._last
        if known != epoch:
            key = [self.seed, epoch % 2**32, epoch >> 32]
            permutation = np.random.RandomState(key).permutation(self.n)
            self._last = epoch, permutation  # one assignment, for an old iterator's thread may still be asking
        return permutation

    def take(self, start, count):
        """Return the indices, [count] int64, of the pictures that follow the first `start` ones."""
        epoch, offset = divmod(start, self.n)
        pieces = []
        while count > 0:
            pieces.append(self._permutation(epoch)[offset : offset + count])
            epoch, offset, count = epoch + 1, 0, count - len(pieces[-1])
        return np.concatenate(pieces)


def batches(records, batch_size, seed):
    """Return the endless Batches of `records`, [n, H, W, C] uint8; the end of an epoch is filled from the next one."""
    order = Order(len(records), seed)

    def take(start):
        return records[order.take(int(start), batch_size)]

    def to_images(start):
        images = tf.numpy_function(take, [start], tf.uint8)
        images.set_shape([batch_size, *records.shape[1:]])
        return tf.cast(images, tf.float32) / 127.5 - 1.0

    with tf.name_scope("batches"):  # lest an operation take the name of one of the counters, such as "step"
        start = tf.placeholder(tf.int64, [], name="pictures_seen_before")
        # One batch after the other: the order is fixed, and a lookup far quicker than a step. The next are kept ready.
        stream = tf.data.Dataset.range(start, tf.int64.max, batch_size).map(to_images).prefetch(2)
        iterator = tf.data.make_initializable_iterator(stream)
        return Batches(iterator.get_next(), start, iterator.initializer)
