"""Memory that a training run needs, estimated before its first step, and the batch_size that would fit.

The peak is the sum of five parts: the program with TensorFlow; the weights and everything stored for each of them; the
feature maps of a training step or of sample generation, whichever are larger; the images and networks that an
evaluation needs; and the network of d_features. The factors were measured; see benchmarks/memory.py and
docs/performance.md. A GPU keeps the feature maps in its own memory.
"""

import tensorflow.compat.v1 as tf

from model import shapes
from utils.errors import UserError, warn
from utils.metrics import features
from utils.runtime import devices, limits
from utils.sampling.generator import bn_batch_size
from utils.training import d_features

_FLOAT = 4  # bytes
# Bytes for the program with TensorFlow and the graph; copies of each weight (gradient, Adam's two averages, EMA,
# temporary copies); copies of each feature map (before and after normalization and activation, gradients).
_IS_OLD = tf.__version__.startswith("1.")
_PROGRAM, _COPIES, _MAPS = (4.4e8, 9.5, 1.5) if _IS_OLD else (7.2e8, 11.5, 1.75)
_PENALTY_PASSES = {"none": 0, "r1": 4, "wgan-gp": 4}  # additional passes through D
_EVALUATION = {features.NONE: 1.0e8, features.PATCHES: 1.5e8, features.EFFICIENTNET: 2.7e8, features.INCEPTION: 6e8}
_EVALUATION[features.LITE2] = 3.5e8
# With d_features: the network and the moments, and its feature maps per image of a batch and per pixel of its input.
_CRITIC, _CRITIC_MAPS = 3.0e8, 750
_COMPARED_SETS = 6  # copies of the compared images, one byte per value


def announce(settings, n):
    """Print how much memory the run needs; warn if less is available. On a GPU, do nothing. n: the number of images.

    Raise UserError if the address space is limited (`ulimit -v`) to less, because the process would abort.
    """
    if devices.gpus():
        return
    needed, available = estimate(settings, n), devices.available_memory()
    print(f"The run needs about {needed / 1e9:.1f} GB of memory.", flush=True)
    addressable = _PROGRAM + limits.check_address_space()
    if needed > addressable:
        problem = (
            f"the run needs about {needed / 1e9:.2f} GB of memory, but `ulimit -v` leaves {addressable / 1e9:.2f} GB"
        )
        raise UserError(f"{problem}; run `ulimit -v unlimited`; {advice(settings, n, addressable)}")
    if available is not None and needed > available:
        problem = f"the run needs about {needed / 1e9:.1f} GB of memory, but only {available / 1e9:.1f} GB is available"
        warn(f"{problem}; {advice(settings, n, available)}")


def advice(settings, n, available):
    """Return advice, as text, on which setting to lower so that the run needs at most `available` bytes."""
    fits, too_large = 0, settings.run.batch_size
    while too_large - fits > 1:
        size = (fits + too_large) // 2
        needed = estimate(settings._replace(run=settings.run._replace(batch_size=size)), n)
        fits, too_large = (size, too_large) if needed <= available else (fits, size)
    if fits:
        return f"batch_size = {fits} would fit; set it in params.py"
    return "no batch_size would fit; lower image_size or filters in model/params.py"


def estimate(settings, n):
    """Return the approximate peak memory of the run in bytes; n: the number of images."""
    run, network = settings.run, settings.network
    g_maps, d_maps = shapes.count_activations(network)
    step = run.batch_size * (g_maps + (2 + _PENALTY_PASSES[run.gradient_penalty]) * d_maps)  # D: real and fake images
    maps = _FLOAT * _MAPS * max(step, bn_batch_size(network.height, network.width) * g_maps)
    compared = min(run.metrics_samples, n) * network.channels * network.height * network.width
    kind = features.choose_network(run, network.d_features)
    evaluation = _EVALUATION[kind] + _COMPARED_SETS * compared if run.metrics_every else 0
    # TensorFlow 2 keeps the memory of the feature maps during an evaluation; 1.15 releases it.
    peak = max(maps, evaluation) if _IS_OLD else maps + evaluation
    if network.d_features == d_features.EFFICIENTNET:
        pixels = max(network.height * network.width, d_features.SIZE**2)
        peak += _CRITIC + run.batch_size * pixels * _CRITIC_MAPS
    return _PROGRAM + _FLOAT * _COPIES * shapes.count_weights(network) + peak
