"""The sliced Wasserstein distance of two sets of images: Karras et al. 2018, arXiv 1710.10196, section 5."""

import numpy as np

MIN_LEVEL = 16  # of the pyramid, in pixels
PATCH = 7  # height and width of a patch, in pixels
PATCHES = 64  # per image and level
DIRECTIONS = 256
CHUNK = 2**22  # pixel values processed at a time


def laplacian_pyramid(images):
    """Split [N, H, W, C] float32 into bands of detail, from fine to coarse, each half as large as the one before.

    The last band is the remaining coarse image, whose shorter side is 16 or a little more. All bands, each upsampled
    to the size of the images, add up to them.
    """
    bands = []
    while min(images.shape[1:3]) >= 2 * MIN_LEVEL:
        smaller = downsampled(images)
        bands.append(images - upsampled(smaller))
        images = smaller
    return [*bands, images]


def _blurred(images, gain=1.0):
    """Convolve height and width with (1, 4, 6, 4, 1) / 16 times `gain`, borders mirrored: Burt & Adelson 1983."""
    kernel = np.float32([1, 4, 6, 4, 1]) / 16 * np.float32(gain)
    for axis in (1, 2):
        n = images.shape[axis]
        padding = [(2, 2) if a == axis else (0, 0) for a in range(4)]
        padded = np.pad(images, padding, mode="reflect" if n > 2 else "edge")
        images = sum(weight * np.take(padded, range(i, i + n), axis) for i, weight in enumerate(kernel))
    return images


def downsampled(images):
    """Return [N, H, W, C] float32 at half its size."""
    return _blurred(images)[:, ::2, ::2]


def upsampled(images):
    """Return [N, H, W, C] float32 at twice its size."""
    n, height, width, channels = images.shape
    spread = np.zeros((n, 2 * height, 2 * width, channels), np.float32)
    spread[:, ::2, ::2] = images
    return _blurred(spread, 2.0)  # 2 per direction, since every second pixel is 0


def patches(band, tops, lefts):
    """Cut the 7x7 patches at (tops, lefts), [N, 64] each, out of [N, H, W, C]: [N * 64, 7 * 7 * C]."""
    n, offsets = len(band), np.arange(min(PATCH, *band.shape[1:3]))
    rows, columns = tops[:, :, None, None] + offsets[:, None], lefts[:, :, None, None] + offsets
    return band[np.arange(n)[:, None, None, None], rows, columns].reshape(n * PATCHES, -1)


def normalized(vectors, channels):
    """Return patches, [M, 7 * 7 * C] float32, with mean 0 and standard deviation 1 per channel, over all patches."""
    vectors = vectors.reshape(len(vectors), -1, channels)
    deviation = np.maximum(vectors.std(axis=(0, 1), dtype=np.float64), 1e-6)
    scaled = (vectors - vectors.mean(axis=(0, 1), dtype=np.float64)) / deviation
    return np.float32(scaled).reshape(len(vectors), -1)


class Descriptors:
    """Patches of each level of a set of images, projected on random directions.

    The places of the patches and the directions are the same for all sets, so two sets differ by content alone.
    """

    def __init__(self, images):
        """images: [N, H, W, C] uint8."""
        random = np.random.RandomState(0)
        channels = images.shape[3]
        self.levels = []  # per level, [directions, N * 64] float32: the projections on each direction, sorted
        for pieces in _patches_of_levels(images, random):
            descriptors = normalized(np.concatenate(pieces), channels)
            directions = random.randn(descriptors.shape[1], DIRECTIONS).astype(np.float32)
            directions /= np.linalg.norm(directions, axis=0)
            self.levels.append(np.sort(directions.T @ descriptors.T, axis=1))

    def distance(self, other):
        """Return the sliced Wasserstein distance times 1000, as is usual, averaged over the levels: 0 for equal sets.

        Both must be of as many images.
        """
        pairs = zip(self.levels, other.levels)
        return float(np.mean([1000 * np.abs(a - b).mean(dtype=np.float64) for a, b in pairs]))


def _patches_of_levels(images, random):
    """Return, per level of the pyramid, a list of arrays that together are its patches, [N * 64, 7 * 7 * C] float32."""
    n, height, width, channels = images.shape
    sizes = [band.shape[1:3] for band in laplacian_pyramid(np.zeros((1, height, width, 1), np.float32))]
    places = [
        [random.randint(side - min(PATCH, *sides) + 1, size=(n, PATCHES)) for side in sides]  # tops, then lefts
        for sides in sizes
    ]
    levels = [[] for _ in sizes]
    chunk = max(1, CHUNK // (height * width * channels))
    for start in range(0, n, chunk):
        part = slice(start, start + chunk)
        bands = laplacian_pyramid(images[part].astype(np.float32))
        for level, band, (tops, lefts) in zip(levels, bands, places):
            level.append(patches(band, tops[part], lefts[part]))
    return levels
