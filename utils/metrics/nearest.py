"""The training images nearest to samples: where they are the same, the generator has memorized them."""

import numpy as np

from utils.data.batches import EpochShuffle
from utils.metrics.distances import squared_distances
from utils.metrics.diversity import median_nn_distance
from utils.output.images import averaged_down, center_crop, grid

SAMPLES = 16
NEAREST = 4  # images beside each sample
_CHUNK = 2**26  # bytes of images compared at a time
FEATURES_OF = 4096  # images, of more at random, that are searched by features: each costs some milliseconds
COPIES_AMONG = 8192  # images, of more at random, among which copies are searched at each measurement
_THUMBNAIL = 16  # the shorter side of the images that they are compared as; see averaged_down
_SIZE = 32  # that for images beside samples, so that a shift by one pixel hardly counts


def nearest_in_pixels(samples, records, count=NEAREST):
    """Return the indices of the `count` images nearest to each sample, nearest first, and their distances.

    samples: [N, H, W, C] uint8; records: data.records.Records, center-cropped to this height and width. Both results
    are [N, count], with fewer columns if there are fewer images. Distances are root mean square differences of
    pixels, 0 to 255, at 32x32; see averaged_down.
    """
    wanted = _shrunk(samples)
    n, count = records.shape[0], min(count, records.shape[0])
    best, indices = np.full((len(samples), count), np.inf), np.zeros((len(samples), count), np.int64)
    for rows in _chunks(np.arange(n), records):
        distances = squared_distances(wanted, _shrunk(_cropped(records, rows, samples))) / wanted.shape[1]
        best = np.concatenate([best, distances], axis=1)
        indices = np.concatenate([indices, np.tile(rows, (len(samples), 1))], axis=1)
        order = np.argsort(best, axis=1, kind="stable")[:, :count]
        best, indices = np.take_along_axis(best, order, axis=1), np.take_along_axis(indices, order, axis=1)
    return indices, np.sqrt(best)


def nearest_in_features(samples, records, features_of, count=NEAREST):
    """Return the indices of the `count` images nearest to each sample in the features of a network, and distances.

    As nearest_in_pixels, but at most FEATURES_OF images are searched; features_of(samples=..., reals=...) returns the
    features of both, [N, D]. Distances are relative: 1 is the median distance of an image from the one nearest to it.
    """
    rows = np.sort(EpochShuffle(records.shape[0], 0).take(0, min(FEATURES_OF, records.shape[0])))
    of_samples, of_reals = features_of(samples, _cropped(records, rows, samples))
    distances = np.sqrt(squared_distances(of_samples, of_reals))
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return rows[order], np.take_along_axis(distances, order, axis=1) / (median_nn_distance(of_reals) or 1.0)


def _chunks(rows, records):
    """Split the indices of records into arrays of so many that their images fit in memory."""
    return np.array_split(rows, -(-len(rows) * int(np.prod(records.shape[1:])) // _CHUNK))


def _cropped(records, indices, like):
    """Return images, cropped to the height and width of `like`: [N, H, W, C] uint8."""
    return center_crop(records.take(indices), *like.shape[1:3])


def _shrunk(images, to=_SIZE):
    """Return images, [N, H, W, C] uint8, averaged down, as rows of float32; to: see averaged_down."""
    return averaged_down(images, to).reshape(len(images), -1)


def sheet(samples, records, groups):
    """Return a sheet, [H, W, C] uint8: in a row each sample and, after a white gap, its nearest images of each group.

    groups: arrays of the indices of images, [N, count] each.
    """
    n, height, width, channels = samples.shape
    gap = np.full((n, height, width // 4, channels), 255, np.uint8)
    parts = [samples]
    for indices in groups:
        images = _cropped(records, indices.reshape(-1), samples).reshape(*indices.shape, *samples.shape[1:])
        parts += [gap, *images.swapaxes(0, 1)]
    return grid(np.concatenate(parts, axis=2), 2 if n > 1 else 1)


class CopyDetector:
    """Finds samples that are training images, perhaps with noise: at 16x16 noise is averaged away."""

    def __init__(self, records):
        """records: data.records.Records of all images, which are center-cropped to the size of the samples."""
        self._records = records
        self._rows = np.sort(EpochShuffle(records.shape[0], 0).take(0, min(COPIES_AMONG, records.shape[0])))
        self.searched = len(self._rows) / records.shape[0]  # the share of the images
        self._thumbnails = self._close = None

    def share(self, samples):
        """Return the share of samples, [N, H, W, C] uint8, that are as good as copies of an image.

        Those are nearer to it than half the distance that images usually have from the nearest others.
        """
        if self._thumbnails is None:
            chunks = _chunks(self._rows, self._records)
            shrunk = [_shrunk(_cropped(self._records, rows, samples), _THUMBNAIL) for rows in chunks]
            self._thumbnails = np.concatenate(shrunk)
            self._close = 0.5 * median_nn_distance(self._thumbnails)
        distances = squared_distances(_shrunk(samples, _THUMBNAIL), self._thumbnails).min(axis=1)
        return float(np.mean(np.sqrt(distances) < self._close))
