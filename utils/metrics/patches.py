"""Features without a pretrained network: which small patches an image consists of, and in which quarter they are.

Coates, Ng & Lee 2011, "An analysis of single-layer networks in unsupervised feature learning": patches are normalized,
whitened and compared with a dictionary of typical ones, found by k-means among the patches of the images themselves.
"""

import hashlib

import numpy as np

from utils.metrics.distances import squared_distances
from utils.output.images import averaged_down, averaging_factor

SIZE = 32  # the shorter side of images after they are averaged down; see averaged_down
PATCH, STRIDE = 6, 2  # height and width of a patch, and the distance between two of them, in pixels
WORDS = 256  # in the dictionary
_LEARNT_FROM = 20000  # patches
_ROUNDS = 10  # of k-means
_CHUNK = 32  # images at a time


class Patches:
    """The dictionary, and features by it. It has the attributes of features.Network."""

    kind, identity = "patches", "patches 1"

    def describe(self, height, width):
        """Return what the protocol says of features of images of such a height and width."""
        factor = averaging_factor(height, width, SIZE)
        size = f"{height // factor}x{width // factor}"
        return f"features of {PATCH}x{PATCH} patches of images of {size}, by a dictionary learned from them"

    def fit(self, images):
        """Learn the dictionary from images, [N, H, W, C] uint8; the same ones give the same dictionary."""
        self.cache_key = f"{self.identity} {hashlib.sha256(images.tobytes()).hexdigest()}"
        random = np.random.RandomState(0)
        patches = _patches_of(averaged_down(images, SIZE), 1)  # [N, h, w, PATCH * PATCH * C]
        rows = _normalized(patches[tuple(random.randint(n, size=_LEARNT_FROM) for n in patches.shape[:3])])
        self._mean = rows.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(rows - self._mean, rowvar=False))
        self._whiten = (vectors / np.sqrt(values + 0.1)) @ vectors.T
        self._words = _k_means((rows - self._mean) @ self._whiten, random)

    def __call__(self, images):
        """Return the features of [N, H, W, C] uint8: [N, 4 * WORDS] float32. `fit` comes first."""
        chunks = (images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK))
        return np.concatenate([self._features(chunk) for chunk in chunks])

    def _features(self, images):
        """Return how well each word fits in each quarter: better than the average word, or 0."""
        patches = _patches_of(averaged_down(images, SIZE), STRIDE)
        n, height, width, _ = patches.shape
        rows = (_normalized(patches.reshape(n * height * width, -1)) - self._mean) @ self._whiten
        distances = np.sqrt(squared_distances(rows, self._words))
        fits = np.maximum(0.0, distances.mean(axis=1, keepdims=True) - distances).reshape(n, height, width, WORDS)
        quarters = [fits[:, rows, columns].mean(axis=(1, 2)) for rows in _halves(height) for columns in _halves(width)]
        return np.concatenate(quarters, axis=1).astype(np.float32)


def _halves(places):
    return slice(None, places // 2), slice(places // 2, None)


def _patches_of(images, stride):
    """Return the patches of [N, H, W, C]: [N, h, w, PATCH * PATCH * C]."""
    n, height, width, channels = images.shape
    tops, lefts = (range(0, side - PATCH + 1, stride) for side in (height, width))
    rows = np.stack([images[:, y : y + PATCH] for y in tops], axis=1)  # [N, h, PATCH, W, C]
    patches = np.stack([rows[:, :, :, x : x + PATCH] for x in lefts], axis=2)  # [N, h, w, PATCH, PATCH, C]
    return patches.reshape(n, len(tops), len(lefts), PATCH * PATCH * channels)


def _normalized(rows):
    """Return patches without their brightness and contrast; the 10 keeps the noise of flat ones small."""
    return (rows - rows.mean(axis=1, keepdims=True)) / np.sqrt(rows.var(axis=1, keepdims=True) + 10.0)


def _k_means(rows, random):
    """Return WORDS centers of rows, [N, D]."""
    centers = rows[random.choice(len(rows), WORDS, replace=False)]
    for _ in range(_ROUNDS):
        nearest = squared_distances(rows, centers).argmin(axis=1)
        members = [rows[nearest == i] for i in range(WORDS)]
        centers = np.stack([m.mean(axis=0) if len(m) else center for m, center in zip(members, centers)])
    return centers
