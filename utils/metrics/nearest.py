"""The training images nearest to samples: if a sample equals its nearest image, the generator has memorized it."""

import numpy as np

from utils.data.batches import EpochShuffle
from utils.metrics.distances import squared_distances
from utils.metrics.diversity import median_nn_distance
from utils.output.images import averaged_down, center_crop, grid

SAMPLES = 16
NEAREST = 4  # images beside each sample
MAX_FEATURE_IMAGES = 4096  # maximum number of random images whose features are compared: each takes a few ms
MAX_COPY_IMAGES = 8192  # maximum number of random images with which CopyDetector compares samples
_CHUNK = 2**26  # bytes of images read at a time
# Shorter side of the compared thumbnails; see averaged_down. A shift by one pixel hardly changes distances at 32, and
# noise hardly changes them at 16.
_THUMBNAIL, _COPY_THUMBNAIL = 32, 16


def nearest_in_pixels(samples, records, count=NEAREST):
    """Return the indices of the `count` images nearest to each sample, nearest first, and their distances.

    samples: [N, H, W, C] uint8. records: data.records.Records, center-cropped to this height and width. Both results
    are [N, count], with fewer columns if there are fewer images. Distances are root mean square differences of pixels,
    0 to 255, at 32x32.
    """
    points = _shrink(samples, _THUMBNAIL)
    chunks = _thumbnails(records, np.arange(records.shape[0]), samples.shape[1:3], _THUMBNAIL)
    squares = np.concatenate([squared_distances(points, chunk) for chunk in chunks], axis=1)
    order, squares = _sort(squares / points.shape[1], count)
    return order, np.sqrt(squares)


def nearest_in_features(samples, records, sample_features, real_features, count=NEAREST):
    """Return the indices and distances of the `count` images nearest to each sample in feature space, nearest first.

    samples, records, results: as in nearest_in_pixels, but at most MAX_FEATURE_IMAGES are compared. sample_features,
    real_features: functions [N, H, W, C] uint8 -> [N, D]. Distances are multiples of the median distance between an
    image and its nearest neighbor.
    """
    rows = _choose(records, MAX_FEATURE_IMAGES)
    reals = real_features(center_crop(records.take(rows), *samples.shape[1:3]))
    order, distances = _sort(np.sqrt(squared_distances(sample_features(samples), reals)), count)
    return rows[order], distances / (median_nn_distance(reals) or 1.0)


def _sort(distances, count):
    """Return the columns of the `count` lowest distances in each row, lowest first, and these distances."""
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(distances, order, axis=1)


def _choose(records, most):
    """Return the indices of up to `most` records, chosen at random, in ascending order."""
    return np.sort(EpochShuffle(records.shape[0], 0).take(0, min(most, records.shape[0])))


def _thumbnails(records, rows, sides, size):
    """Yield thumbnails of the center-cropped records at the indices `rows`, in arrays [n, D] float32."""
    for chunk in np.array_split(rows, -(-len(rows) * int(np.prod(records.shape[1:])) // _CHUNK)):
        yield _shrink(center_crop(records.take(chunk), *sides), size)


def _shrink(images, size):
    """Return images, [N, H, W, C] uint8, averaged down to about this shorter side, as rows: [N, D] float32."""
    return averaged_down(images, size).reshape(len(images), -1)


def sheet(samples, records, groups):
    """Return a sheet, [H, W, C] uint8: each sample, followed by its nearest images from each group after a white gap.

    groups: arrays of image indices, [N, count] each.
    """
    n, height, width, channels = samples.shape
    gap = np.full((n, height, width // 4, channels), 255, np.uint8)
    parts = [samples]
    for indices in groups:
        images = center_crop(records.take(indices.reshape(-1)), height, width)
        parts += [gap, *images.reshape(*indices.shape, height, width, channels).swapaxes(0, 1)]
    return grid(np.concatenate(parts, axis=2), 2 if n > 1 else 1)


class CopyDetector:
    """Detects samples that copy a training image, possibly with noise."""

    def __init__(self, records, sides):
        """records: data.records.Records of all images. sides: height and width of samples, the size of the crops."""
        rows = _choose(records, MAX_COPY_IMAGES)
        self.searched = len(rows) / records.shape[0]  # the fraction of the images that samples are compared with
        self._thumbnails = np.concatenate([*_thumbnails(records, rows, sides, _COPY_THUMBNAIL)])
        self._max_distance = 0.5 * median_nn_distance(self._thumbnails)

    def fraction(self, samples):
        """Return the fraction of samples, [N, H, W, C] uint8, that nearly copy a training image.

        A sample is a copy if its distance from an image is less than half the median distance between an image and its
        nearest neighbor.
        """
        distances = squared_distances(_shrink(samples, _COPY_THUMBNAIL), self._thumbnails).min(axis=1)
        return float(np.mean(np.sqrt(distances) < self._max_distance))
