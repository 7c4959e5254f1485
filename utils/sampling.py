"""Run a Sampler: noise in, uint8 pictures out."""

import numpy as np

from utils import images

# Keys of the two uses of this noise, mixed with the seed.
TRAINING_GRID, SAMPLES = 0, 1


def noise(seed, use, count, z_dim):
    """Return [count, z_dim] float32, uniform in [-1, 1); a larger count only adds to what a smaller one gives."""
    return np.random.RandomState([seed, use]).uniform(-1.0, 1.0, (count, z_dim)).astype(np.float32)


def pictures(session, sampler, z):
    """Yield G's pictures of z, [N, z_dim] float32, as arrays [n, H, W, C] uint8 in order.

    Each run gets the same number of rows, the last one filled up: so bit for bit, a picture does not depend on N.
    """
    size = sampler.images.shape[1]
    chunk = max(1, min(64, 64 * 64 * 64 // (int(size) * int(size))))
    for start in range(0, len(z), chunk):
        rows = z[start : start + chunk]
        filled = np.zeros((chunk, z.shape[1]), np.float32)
        filled[: len(rows)] = rows
        yield images.to_uint8(session.run(sampler.images, {sampler.z: filled})[: len(rows)])
