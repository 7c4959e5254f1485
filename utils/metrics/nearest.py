"""Which training pictures samples are nearest to: where they are the same, the generator has learnt them by heart."""

import numpy as np

from utils.metrics import distances as metrics
from utils.output import pictures as images

SAMPLES = 16
NEAREST = 4  # pictures beside each sample
_CHUNK = 2**26  # bytes of pictures compared at a time
_SIZE = 32  # pixels at which pictures are compared, so that a shift of one pixel does not count


def nearest(samples, records, size, find=NEAREST):
    """Return the indices of the pictures nearest to each sample, nearest first, and how far they are.

    samples: [N, size, size, C] uint8; records: records.Records. Both results are [N, find]; distances are the root mean
    square of the difference of pixels, 0 to 255, at 32x32.
    """
    wanted = _seen(samples)
    n, find = records.shape[0], min(find, records.shape[0])
    best, indices = np.full((len(samples), find), np.inf), np.zeros((len(samples), find), np.int64)
    chunk = max(1, _CHUNK // int(np.prod(records.shape[1:])))
    for start in range(0, n, chunk):
        rows = np.arange(start, min(start + chunk, n))
        seen = _seen(images.center_crop(records.take(rows), size))
        distances = metrics.squared_distances(wanted, seen) / wanted.shape[1]
        best = np.concatenate([best, distances], axis=1)
        indices = np.concatenate([indices, np.tile(rows, (len(samples), 1))], axis=1)
        order = np.argsort(best, axis=1, kind="stable")[:, :find]
        best, indices = np.take_along_axis(best, order, axis=1), np.take_along_axis(indices, order, axis=1)
    return indices, np.sqrt(best)


def _seen(pictures):
    """Return pictures, [N, S, S, C] uint8, as rows of numbers, averaged down to at most 32x32."""
    n, size, _, channels = pictures.shape
    factor = max(1, size // _SIZE)
    edge = size // factor
    rows = pictures.reshape(n, edge, factor, edge, factor, channels).mean(axis=(2, 4), dtype=np.float32)
    return rows.reshape(n, -1)


def sheet(samples, records, size, indices):
    """Return a sheet with a row for each sample: itself, a white gap, and its nearest pictures; [H, W, C] uint8."""
    n, find = indices.shape
    found = images.center_crop(records.take(indices.reshape(-1)), size).reshape(n, find, *samples.shape[1:])
    gap = np.full((n, size, size // 4, samples.shape[3]), 255, np.uint8)
    rows = [np.concatenate([samples[i], gap[i], *found[i]], axis=1) for i in range(n)]
    return images.grid(np.stack(rows), 2 if n > 1 else 1)
