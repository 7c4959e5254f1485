"""Paths through the noise, for films.

z is uniform. On a straight line between two points its variance is lower, and G, which has never seen such z, draws
pale images. A path therefore goes through Gaussian space, z = erf(g / sqrt 2), by spherical interpolation (White 2016,
"Sampling generative networks", arXiv 1609.04468), which keeps mean and variance.
"""

import math

import numpy as np

_EDGE = 1 - 2.0**-24  # the largest |z| with a finite Gaussian
_erf = np.vectorize(math.erf, otypes=[np.float64])


def to_gaussian(z):
    """Return g with erf(g / sqrt 2) = z: Gaussian if z, of any shape, is uniform in [-1, 1]."""
    z = np.clip(np.asarray(z, np.float64), -_EDGE, _EDGE)
    low, high = np.full(z.shape, -6.0), np.full(z.shape, 6.0)
    for _ in range(50):  # bisection, to 1e-14
        middle = (low + high) / 2
        is_below = _erf(middle / math.sqrt(2)) < z
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return (low + high) / 2


def to_uniform(gaussian):
    """Return z = erf(g / sqrt 2), float32 in [-1, 1], of any shape."""
    return np.asarray(_erf(gaussian / math.sqrt(2)), np.float32)


def slerp(a, b, t):
    """Interpolate spherically between a and b, [D] each; t: from 0 to 1."""
    cosine = float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-300))
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if math.sin(angle) < 1e-6:  # equal or opposite directions
        return (1 - t) * a + t * b
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)


def closed_path(z, labels, n_classes, frames):
    """Return (z, classes) of a closed path through key points, with `frames` frames from each to the next.

    z: [K, z_dim] float32; labels: [K] int. The result is [K * frames, z_dim] float32, which contains the key points
    unchanged, and [K * frames, n_classes] float32, the fraction of each class, which changes linearly.
    """
    gaussian, one_hot = to_gaussian(z), np.eye(max(n_classes, 1), dtype=np.float32)[labels]
    path, classes = [], []
    for i in range(len(z)):
        j = (i + 1) % len(z)
        for t in np.arange(frames) / frames:
            path.append(z[i] if t == 0 else to_uniform(slerp(gaussian[i], gaussian[j], t)))
            classes.append((1 - t) * one_hot[i] + t * one_hot[j])
    return np.asarray(path, np.float32), np.asarray(classes, np.float32)
