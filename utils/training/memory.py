"""How much memory a training run needs, estimated before its first step, and which batch_size would fit.

The peak is a sum: the program with TensorFlow; the weights with all that is kept for each of them; the feature maps of
a step, or of the samples that are drawn, whichever are more; and what a measurement of quality needs. The factors
were measured, see benchmarks/memory.py and docs/performance.md. On a GPU the maps are in its own memory instead.
"""

import tensorflow.compat.v1 as tf

from utils.metrics import features
from utils.output.terminal import warn
from utils.runtime import devices
from utils.sampling.generator import bn_batch_size

_FLOAT = 4  # bytes
# The program with TensorFlow and the graph, in bytes; copies of each weight (gradient, Adam's two averages, averaged G,
# temporary ones); copies of each feature map (before and after normalization and activation, gradients).
_IS_OLD = tf.__version__.startswith("1.")
_PROGRAM, _COPIES, _MAPS = (4.4e8, 9.5, 1.5) if _IS_OLD else (7.2e8, 11.5, 1.75)
_PENALTY = {"none": 0, "r1": 4, "wgan-gp": 4}  # as many more passes of D
_MEASURING = {features.NONE: 1.0e8, features.PATCHES: 1.5e8, features.EFFICIENTNET: 2.7e8, features.INCEPTION: 6e8}
_SET = 6  # sets of as many images as are compared, in bytes of an image


def announce(settings, n):
    """Print how much memory the run needs; warn if there is less; n: the number of images. On a GPU, do nothing."""
    if devices.gpus():
        return
    needed, available = estimate(settings, n), devices.available_memory()
    print(f"The run needs about {_gigabytes(needed)} of memory.", flush=True)
    if available is not None and needed > available:
        problem = f"the run needs about {_gigabytes(needed)} of memory, but {_gigabytes(available)} are available"
        warn(f"{problem}; {advice(settings, n, available)}")


def advice(settings, n, available):
    """Return what to lower so that the run needs at most `available` bytes."""
    fits, too_large = 0, settings.run.batch_size
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        needed = estimate(settings._replace(run=settings.run._replace(batch_size=middle)), n)
        fits, too_large = (middle, too_large) if needed <= available else (fits, middle)
    if fits:
        return f"batch_size = {fits} would fit; set it in params.py"
    return "no batch_size would fit; lower image_size or filters in model/params.py"


def estimate(settings, n):
    """Return about how many bytes the run takes at its peak; n: the number of images."""
    run, network = settings.run, settings.network
    g_maps, d_maps = feature_maps(network)
    step = run.batch_size * (g_maps + (2 + _PENALTY[run.gradient_penalty]) * d_maps)  # of real and of fake images
    maps = _FLOAT * _MAPS * max(step, bn_batch_size(network.height, network.width) * g_maps)
    compared = min(run.metrics_samples, n) * network.channels * network.height * network.width
    measuring = _MEASURING[features.choose_network(run)] + _SET * compared if run.metrics_every else 0
    # TensorFlow 2 keeps the memory of the maps while a measurement takes its own; 1.15 gives it back.
    of_both = max(maps, measuring) if _IS_OLD else maps + measuring
    return _PROGRAM + _FLOAT * _COPIES * weights(network) + of_both


def feature_maps(network):
    """Return how many numbers there are in all feature maps of G, and of D, for an image."""
    pixels = network.height * network.width
    # Each resolution has a quarter of the pixels of the next one.
    of_g, of_d = (
        sum(count * pixels / 4 ** (len(channels) - i) for i, count in enumerate(channels))
        for channels in (_channels(network), _channels(network, network.d_width))
    )
    before_pooling = 4 if network.downsample == "average" else 1
    return of_g + (network.output_filters + network.channels) * pixels, before_pooling * of_d


def weights(network):
    """Return how many weights G and D have together, without the few outside of kernels."""
    of_g, of_d = _channels(network), _channels(network, network.d_width)
    g_edge = 3 if network.upsample == "smooth" else network.kernel
    d_edge = 3 if network.downsample == "average" else network.kernel
    base = network.height * network.width // 4 ** len(of_g)  # pixels of the lowest resolution
    g_weights = base * network.z_dim * of_g[0] + g_edge**2 * _kernels(of_g, network.output_filters or network.channels)
    g_weights += 9 * network.output_filters * network.channels
    return g_weights + d_edge**2 * _kernels(of_d, network.channels) + base * of_d[0]


def _kernels(channels, last):
    """Return how many kernels lead from each resolution to the next one, and from the highest to `last` maps."""
    return sum(a * b for a, b in zip(channels, [*channels[1:], last]))


def _channels(network, width=1.0):
    """Return the number of feature maps at each resolution up to half the size, as layers.feature_maps."""
    doublings = range(min(network.height, network.width).bit_length() - 4, -1, -1)
    return [max(1, round(width * min(network.filters << n, network.max_filters))) for n in doublings]


def _gigabytes(count):
    return f"{count / 1e9:.1f} GB"
