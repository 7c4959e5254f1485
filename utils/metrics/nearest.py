"""The training pictures nearest to samples: where they are the same, the generator has memorised them."""

import numpy as np

from utils.metrics.distances import squared_distances
from utils.output.pictures import center_crop, grid

SAMPLES = 16
NEAREST = 4  # pictures beside each sample
_CHUNK = 2**26  # bytes of pictures compared at a time
_SIZE = 32  # height and width at which pictures are compared, so that a shift by one pixel hardly counts


def nearest(samples, records, size, count=NEAREST):
    """Return the indices of the `count` pictures nearest to each sample, nearest first, and their distances.

    samples: [N, size, size, C] uint8; records: data.records.Records, centre-cropped to `size`. Both results are
    [N, count], with fewer columns if there are fewer pictures. Distances are root mean square differences of pixels,
    0 to 255, at 32x32.
    """
    wanted = _shrunk(samples)
    n, count = records.shape[0], min(count, records.shape[0])
    best, indices = np.full((len(samples), count), np.inf), np.zeros((len(samples), count), np.int64)
    chunk = max(1, _CHUNK // int(np.prod(records.shape[1:])))
    for start in range(0, n, chunk):
        rows = np.arange(start, min(start + chunk, n))
        distances = squared_distances(wanted, _shrunk(center_crop(records.take(rows), size))) / wanted.shape[1]
        best = np.concatenate([best, distances], axis=1)
        indices = np.concatenate([indices, np.tile(rows, (len(samples), 1))], axis=1)
        order = np.argsort(best, axis=1, kind="stable")[:, :count]
        best, indices = np.take_along_axis(best, order, axis=1), np.take_along_axis(indices, order, axis=1)
    return indices, np.sqrt(best)


def _shrunk(pictures):
    """Return pictures, [N, S, S, C] uint8, as rows of float32, averaged down to at most 32x32."""
    n, size, _, channels = pictures.shape
    factor = max(1, size // _SIZE)
    edge = size // factor
    rows = pictures.reshape(n, edge, factor, edge, factor, channels).mean(axis=(2, 4), dtype=np.float32)
    return rows.reshape(n, -1)


def sheet(samples, records, size, indices):
    """Return a sheet, [H, W, C] uint8, with each sample, a white gap, and its nearest pictures in a row."""
    n, count = indices.shape
    pictures = center_crop(records.take(indices.reshape(-1)), size).reshape(n, count, *samples.shape[1:])
    gap = np.full((n, size, size // 4, samples.shape[3]), 255, np.uint8)
    rows = [np.concatenate([samples[i], gap[i], *pictures[i]], axis=1) for i in range(n)]
    return grid(np.stack(rows), 2 if n > 1 else 1)
