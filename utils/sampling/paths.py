"""Paths through the noise, for films.

z is uniform, and straight lines leave its law: between two points it has less variance, and G, which never saw such z,
makes pale images of it. So a path goes through the Gaussian that the uniform is the distribution function of,
z = erf(g / sqrt 2), on the great circle between its points (White 2016, "Sampling generative networks", arXiv
1609.04468), which keeps mean and variance.
"""

import math

import numpy as np

_EDGE = 1 - 2.0**-24  # the largest |z| that is not infinite as a Gaussian
_erf = np.vectorize(math.erf, otypes=[np.float64])


def to_gaussian(z):
    """Return the Gaussian g with erf(g / sqrt 2) = z; z: uniform in [-1, 1], of any shape."""
    z = np.clip(np.asarray(z, np.float64), -_EDGE, _EDGE)
    low, high = np.full(z.shape, -6.0), np.full(z.shape, 6.0)
    for _ in range(50):  # bisection, to 1e-14
        middle = (low + high) / 2
        is_below = _erf(middle / math.sqrt(2)) < z
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return (low + high) / 2


def to_uniform(gaussian):
    """Return z in [-1, 1], float32, of Gaussian numbers of any shape."""
    return np.asarray(_erf(gaussian / math.sqrt(2)), np.float32)


def slerp(a, b, share):
    """Return the point at a share of the way, from 0 to 1, between a and b, [D] each."""
    cosine = float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-300))
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if math.sin(angle) < 1e-6:  # the same direction, or the opposite one
        return (1 - share) * a + share * b
    return (math.sin((1 - share) * angle) * a + math.sin(share * angle) * b) / math.sin(angle)


def closed_path(z, labels, n_classes, frames):
    """Return (z, classes) of a closed path through key points, `frames` from each of them to the next.

    z: [K, z_dim] float32; labels: [K] int. The result is [K * frames, z_dim] float32, in which every key point is
    exactly its z, and [K * frames, n_classes] float32, the share of each class, which changes evenly.
    """
    gaussian, shares = to_gaussian(z), np.eye(max(n_classes, 1), dtype=np.float32)[labels]
    path, classes = [], []
    for i in range(len(z)):
        j = (i + 1) % len(z)
        for share in np.arange(frames) / frames:
            path.append(z[i] if share == 0 else to_uniform(slerp(gaussian[i], gaussian[j], share)))
            classes.append((1 - share) * shares[i] + share * shares[j])
    return np.asarray(path, np.float32), np.asarray(classes, np.float32)
