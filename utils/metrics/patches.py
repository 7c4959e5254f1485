"""Features without a pretrained network: how well each of 256 typical small patches matches each quarter of an image.

Coates, Ng & Lee 2011, "An analysis of single-layer networks in unsupervised feature learning": patches are normalized,
whitened and compared with a dictionary, which consists of k-means centroids of patches from the real images.
"""

import hashlib

import numpy as np

from utils.metrics.distances import squared_distances
from utils.output.images import averaged_down

SIZE = 32  # shorter side of averaged-down images, up to 63; see averaged_down
PATCH, STRIDE = 6, 2  # height and width of a patch, and the distance between two patches, in pixels
CENTROIDS = 256
_FIT_PATCHES = 20000  # patches from which the dictionary is learned
_FIT_STEPS = 10  # k-means iterations
_CHUNK = 32  # images processed at a time


class Patches:
    """A patch dictionary that computes features, with the same call and attributes as features.Network."""

    kind, identity = "patches", "patches 1"
    description = f"features of {PATCH}x{PATCH} patches of images averaged down to a shorter side below {2 * SIZE}"

    def fit(self, images):
        """Learn the dictionary from images, [N, H, W, C] uint8. The same images always give the same dictionary."""
        self.cache_key = f"{self.identity} {hashlib.sha256(images.tobytes()).hexdigest()}"
        random = np.random.RandomState(0)
        patches = _cut(averaged_down(images, SIZE), 1)  # [N, h, w, PATCH * PATCH * C]
        rows = _normalize(patches[tuple(random.randint(n, size=_FIT_PATCHES) for n in patches.shape[:3])])
        self._mean = rows.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(rows - self._mean, rowvar=False))
        self._whiten = (vectors / np.sqrt(values + 0.1)) @ vectors.T
        self._centroids = _k_means((rows - self._mean) @ self._whiten, random)

    def __call__(self, images):
        """Return the features of [N, H, W, C] uint8: [N, 4 * CENTROIDS] float32, 0 or more. Call `fit` first."""
        return np.concatenate([self._features(images[i : i + _CHUNK]) for i in range(0, len(images), _CHUNK)])

    def _features(self, images):
        """Return how much nearer each centroid is than the average centroid (at least 0), averaged by quarter."""
        patches = _cut(averaged_down(images, SIZE), STRIDE)
        n, height, width, _ = patches.shape
        rows = (_normalize(patches.reshape(n * height * width, -1)) - self._mean) @ self._whiten
        distances = np.sqrt(squared_distances(rows, self._centroids))
        fits = np.maximum(0.0, distances.mean(axis=1, keepdims=True) - distances).reshape(n, height, width, CENTROIDS)
        halves = [(slice(None, side // 2), slice(side // 2, None)) for side in (height, width)]
        quarters = [fits[:, rows, columns].mean(axis=(1, 2)) for rows in halves[0] for columns in halves[1]]
        return np.concatenate(quarters, axis=1).astype(np.float32)


def _cut(images, stride):
    """Return the patches of [N, H, W, C]: [N, h, w, PATCH * PATCH * C]."""
    n, height, width, channels = images.shape
    tops, lefts = (range(0, side - PATCH + 1, stride) for side in (height, width))
    rows = np.stack([images[:, y : y + PATCH] for y in tops], axis=1)  # [N, h, PATCH, W, C]
    patches = np.stack([rows[:, :, :, x : x + PATCH] for x in lefts], axis=2)  # [N, h, w, PATCH, PATCH, C]
    return patches.reshape(n, len(tops), len(lefts), PATCH * PATCH * channels)


def _normalize(rows):
    """Remove the brightness and contrast of patches; adding 10 to the variance limits the noise of flat patches."""
    return (rows - rows.mean(axis=1, keepdims=True)) / np.sqrt(rows.var(axis=1, keepdims=True) + 10.0)


def _k_means(rows, random):
    """Return CENTROIDS k-means centroids of rows, [N, D]."""
    centroids = rows[random.choice(len(rows), CENTROIDS, replace=False)]
    for _ in range(_FIT_STEPS):
        nearest = squared_distances(rows, centroids).argmin(axis=1)
        members = [rows[nearest == i] for i in range(CENTROIDS)]
        centroids = np.stack([m.mean(axis=0) if len(m) else old for m, old in zip(members, centroids)])
    return centroids
