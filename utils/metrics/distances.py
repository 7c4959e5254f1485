"""How far samples are from real pictures, and from one another: distances on numpy arrays.

Sliced Wasserstein distance and MS-SSIM as measures of a GAN: Karras et al. 2018, arXiv 1710.10196, section 5; MS-SSIM:
Wang et al. 2003. Frechet distance: Heusel et al. 2017, arXiv 1706.08500. KID: Binkowski et al. 2018, arXiv 1801.01401.
Precision and recall: Kynkaanniemi et al. 2019, arXiv 1904.06991.
"""

import numpy as np

SMALLEST_LEVEL = 16  # of the pyramid, in pixels
PATCH = 7  # pixels a patch is wide and high
PATCHES = 64  # of a picture at each level
DIRECTIONS = 256
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of Wang et al., for five scales
MS_SSIM_WINDOW = 11  # pixels
MEMORY = 2**22  # numbers worked on at a time, at most


def laplacian_pyramid(pictures):
    """Split [N, S, S, C] float32 into bands of detail, from fine to coarse: sizes S, S / 2, ... down to 16.

    The last one is what is left, the coarse picture; all of them, each doubled in size as often as it takes, add up to
    the pictures.
    """
    bands = []
    while pictures.shape[1] >= 2 * SMALLEST_LEVEL:
        smaller = _halved(pictures)
        bands.append(pictures - _doubled(smaller))
        pictures = smaller
    return [*bands, pictures]


def _blurred(pictures, gain=1.0):
    """Convolve height and width with (1, 4, 6, 4, 1) / 16 times `gain`, the borders mirrored: Burt & Adelson 1983."""
    kernel = np.float32([1, 4, 6, 4, 1]) / 16 * np.float32(gain)
    for axis in (1, 2):
        n = pictures.shape[axis]
        padding = [(2, 2) if a == axis else (0, 0) for a in range(4)]
        padded = np.pad(pictures, padding, mode="reflect" if n > 2 else "edge")
        pictures = sum(weight * np.take(padded, range(i, i + n), axis) for i, weight in enumerate(kernel))
    return pictures


def _halved(pictures):
    return _blurred(pictures)[:, ::2, ::2]


def _doubled(pictures):
    n, height, width, channels = pictures.shape
    spread = np.zeros((n, 2 * height, 2 * width, channels), np.float32)
    spread[:, ::2, ::2] = pictures
    return _blurred(spread, 2.0)  # in each direction, for every other pixel is 0


def patches(band, tops, lefts):
    """Take the 7x7 patches of [N, S, S, C] at these places, [N, 64] each: [N * 64, 7 * 7 * C]."""
    n, size = band.shape[:2]
    within = np.arange(min(PATCH, size))
    rows, columns = tops[:, :, None, None] + within[:, None], lefts[:, :, None, None] + within
    return band[np.arange(n)[:, None, None, None], rows, columns].reshape(n * PATCHES, -1)


def normalised(found, channels):
    """Return patches, [M, 7 * 7 * C], with each channel at mean 0 and deviation 1 over all of them."""
    found = found.reshape(len(found), -1, channels)
    deviation = np.maximum(found.std(axis=(0, 1), dtype=np.float64), 1e-6)
    return np.float32((found - found.mean(axis=(0, 1), dtype=np.float64)) / deviation).reshape(len(found), -1)


class Descriptors:
    """What the sliced Wasserstein distance compares: patches of each level of a set of pictures, seen along directions.

    Places and directions are the same each time, so that two sets of samples differ by what is in them.
    """

    def __init__(self, pictures):
        """pictures: [N, S, S, C] uint8."""
        n, size, _, channels = pictures.shape
        sizes = [band.shape[1] for band in laplacian_pyramid(np.zeros((1, size, size, 1), np.float32))]
        random = np.random.RandomState(0)
        places = [random.randint(edge - min(PATCH, edge) + 1, size=(2, n, PATCHES)) for edge in sizes]
        found = [[] for _ in sizes]
        chunk = max(1, MEMORY // (size * size * channels))
        for start in range(0, n, chunk):
            some = slice(start, start + chunk)
            bands = laplacian_pyramid(pictures[some].astype(np.float32))
            for level, (band, (tops, lefts)) in enumerate(zip(bands, places)):
                found[level].append(patches(band, tops[some], lefts[some]))
        self.levels = []  # of each level, [directions, N * 64] float32: the projections on each direction, sorted
        for level in found:
            descriptors = normalised(np.concatenate(level), channels)
            directions = random.randn(descriptors.shape[1], DIRECTIONS).astype(np.float32)
            directions /= np.linalg.norm(directions, axis=0)
            self.levels.append(np.sort(directions.T @ descriptors.T, axis=1))

    def distance(self, other):
        """Return the sliced Wasserstein distance, times 1000 as is usual, averaged over the levels.

        Both must have as many pictures. It is 0 for equal sets.
        """
        pairs = zip(self.levels, other.levels)
        return float(np.mean([1000 * np.abs(a - b).mean(dtype=np.float64) for a, b in pairs]))


def ms_ssim_scales(size):
    """Return the weights of the scales at which pictures of this size can be compared; they add up to 1.

    At a scale the picture must be as large as the window, so small ones have fewer than the usual five scales.
    """
    scales = max(1, min(5, int(np.log2(max(size / MS_SSIM_WINDOW, 1))) + 1))
    weights = MS_SSIM_WEIGHTS[:scales]
    return tuple(weight / sum(weights) for weight in weights)


class MsSsim:
    """Measures how alike pictures of one shape, [S, S, C], are among themselves."""

    def __init__(self, shape):
        import tensorflow.compat.v1 as tf  # here, for all else does without: the benchmark of quality uses it

        with tf.Graph().as_default(), tf.device("/cpu:0"):
            self._pair = [tf.placeholder(tf.float32, [None, *shape]) for _ in range(2)]
            weights, window = ms_ssim_scales(shape[0]), min(MS_SSIM_WINDOW, shape[0])
            self._alike = tf.image.ssim_multiscale(*self._pair, 255.0, power_factors=weights, filter_size=window)
            self._session = tf.Session(config=tf.ConfigProto(device_count={"GPU": 0}))

    def __call__(self, pictures):
        """Return the mean MS-SSIM of each of [N, S, S, C] uint8 and the next one; 1 where all are the same picture."""
        others, found = np.roll(pictures, 1, axis=0), []
        chunk = max(1, MEMORY // pictures[0].size)
        for i in range(0, len(pictures), chunk):
            pair = dict(zip(self._pair, (pictures[i : i + chunk], others[i : i + chunk])))
            found.append(self._session.run(self._alike, pair))
        return float(np.mean(np.nan_to_num(np.concatenate(found))))


def frechet_distance(a, b):
    """Return the Frechet distance of two Gaussians fitted to features [N, D]: |m - n|^2 + tr(A + B - 2 (A B)^(1/2)).

    NaN for a single picture, or features that are no numbers.
    """
    if min(len(a), len(b)) < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("nan")
    a, b = a.astype(np.float64), b.astype(np.float64)
    covariance_a, covariance_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    # A B has the eigenvalues of A^(1/2) B A^(1/2), which is symmetric: real and not negative, whatever rounding does.
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    mixed = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariance_b @ root), 0.0)).sum()
    means = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return float(means + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * mixed)


def kernel_distance(a, b):
    """Return the KID of features [N, D]: the unbiased squared MMD under (x y / D + 1)^3. It may be just below 0."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    if min(len(a), len(b)) < 2:
        return float("nan")
    return float(_mean_of_pairs(a) + _mean_of_pairs(b) - 2.0 * _sum_of_kernel(a, b) / (len(a) * len(b)))


def _mean_of_pairs(x):
    """Return the mean of the kernel over all pairs of different rows."""
    own = ((np.square(x).sum(axis=1) / x.shape[1] + 1.0) ** 3).sum()
    return (_sum_of_kernel(x, x) - own) / (len(x) * (len(x) - 1))


def _sum_of_kernel(x, y):
    return sum(((rows @ y.T / x.shape[1] + 1.0) ** 3).sum() for rows in _in_blocks(x, len(y)))


def _in_blocks(rows, others):
    """Yield pieces of `rows`, such that a matrix of a piece's and the others' rows is not too large."""
    block = max(1, MEMORY // others)
    for start in range(0, len(rows), block):
        yield rows[start : start + block]


def precision_and_recall(reals, fakes, k=3):
    """Return (the share of fakes that lie among the reals, the share of reals that lie among the fakes), of features.

    A point lies among others when it is no farther from one of them than that one's k-th nearest of its own kind.
    """
    return _share_within(fakes, reals, k), _share_within(reals, fakes, k)


def _share_within(points, others, k):
    if len(others) <= k:
        return float("nan")
    # The nearest of its own kind is the point itself.
    radii = [np.partition(squared_distances(rows, others), k, axis=1)[:, k] for rows in _in_blocks(others, len(others))]
    # Equal points are at 0 but for rounding.
    radius = np.concatenate(radii) + 1e-6
    within = [(squared_distances(rows, others) <= radius).any(axis=1) for rows in _in_blocks(points, len(others))]
    return float(np.mean(np.concatenate(within)))


def squared_distances(x, y):
    """Return the squared distances of the rows of x, [N, D], from those of y, [M, D]: [N, M] float64."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    products = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1) - 2.0 * (x @ y.T)
    return np.maximum(products, 0.0)
