"""The features in which samples are compared with real images while G learns: d_features in model/params.py.

They come from EfficientNet-Lite0. Its weights are read from a package and are constants of the graph, in no checkpoint
and no export.
"""

import functools

import numpy as np
import tensorflow.compat.v1 as tf

from model.shapes import cluster_counts
from utils.config.startup import counted
from utils.data.batches import EpochShuffle
from utils.errors import UserError
from utils.metrics import efficientnet, features, registry
from utils.output.images import center_crop

NONE, EFFICIENTNET = "none", features.EFFICIENTNET  # values of d_features besides 'auto'
VERSION = 1  # raise it when the features change, so that old ones in the cache are not used
IMAGES = 4096  # maximum number of real images whose features are compared
SIZE = 64  # images with a smaller shorter side are enlarged to it
# Stages of the network (0: the image, 1: the first stage), and the rows and columns of the grid over which their maps
# are averaged, so that features depend on positions, but not on each pixel. Stage 0 adds colors: the network nearly
# ignores them.
GRIDS = {0: 8, 2: 2, 3: 2, 5: 2, 7: 1}
# Samples and images are shifted at random by up to this fraction of their sides. Otherwise, G would lower the critic's
# loss with patterns whose period is a stride of the network.
SHIFT = 1 / 16
_BLUR = np.outer((1, 2, 1), (1, 2, 1)) / 16.0
_GRAY = 128  # background of transparent images


def resolve(settings, recorded=None):
    """Return the settings with the d_features and cluster_levels of the run, and without clusters if none can be found.

    recorded: the network settings of a resumed run, which 'auto' keeps; None in a new run, where d_features = 'auto'
    depends on whether the package is installed. Raise UserError if the package is missing or damaged, if G would learn
    from the network that measures samples, if best_metric cannot be measured, or if the user has set clusters and there
    can be none.
    """
    network, is_installed = settings.network, bool(efficientnet.path())
    defaults = {
        "d_features": EFFICIENTNET if is_installed else NONE,
        "cluster_levels": "all" if network.conditional else "last",
    }
    for name, default in defaults.items():
        if getattr(network, name) == "auto":
            network = network._replace(**{name: getattr(recorded, name, default)})
    chosen, was_used = network.d_features, recorded is not None and recorded.d_features == EFFICIENTNET
    if chosen == EFFICIENTNET and not is_installed:
        cure = "" if was_used else ", or set d_features = 'none' in model/params.py"
        owner = "this run has " if was_used else ""
        raise UserError(
            f"{owner}d_features = 'efficientnet', but the package {efficientnet.LITE0.package} is not installed; "
            f"{features.install(EFFICIENTNET)}{cure}"
        )
    if chosen == EFFICIENTNET:
        efficientnet.read()  # now, because a new run that is refused creates no folders
    registry.resolve_metric(settings.run, features.choose_network(settings.run, chosen), chosen)
    if chosen == NONE and not was_used:  # otherwise, the run is refused, and not because of its clusters
        if network.clusters and "clusters" in settings.explicit:
            cure = "set clusters = 0 in model/params.py" + f", or {features.install(EFFICIENTNET)}" * (not is_installed)
            raise UserError(f"clusters = {network.clusters} needs d_features = 'efficientnet'; {cure}")
        network = network._replace(clusters=0)
    return settings._replace(network=network)


def suggest_package(settings):
    """Print how to install the package if a new run lacks it, unless the user has set d_features."""
    if "d_features" not in settings.explicit and not efficientnet.path():
        print(f"{features.install(EFFICIENTNET)} makes samples better: see d_features in model/params.py.", flush=True)


def open_features(settings, dataset, real_features):
    """Return the features of at most IMAGES images of an ImageDataset; None if d_features = 'none'.

    real_features: model.feature_critic.RealFeatures, the type of the result. Features are cached in cache_dir. Raise
    UserError if the network cannot be read.
    """
    run, network = settings.run, settings.network
    if network.d_features == NONE:
        return None
    weights, digest = efficientnet.read()
    build = functools.partial(_features, sides=(network.height, network.width), weights=weights)
    # In the precision of the run: otherwise, rounding to bfloat16 would shift the means of the samples.
    identity = f"{VERSION} {digest} {GRIDS} {SIZE} {run.precision}"
    opened = features.Network(EFFICIENTNET, efficientnet.LITE0.package, identity, "", build, run.precision)
    indices = np.sort(EpochShuffle(dataset.n, run.seed).take(0, min(dataset.n, IMAGES)))
    records, values = dataset.composite_on(f"rgb({_GRAY}, {_GRAY}, {_GRAY})").records, []
    for chunk in np.array_split(indices, -(-len(indices) // 512)):  # few images in memory at a time
        images = center_crop(records.take(chunk), network.height, network.width)
        if run.mirror:
            images[::2] = images[::2, :, ::-1]
        values.append(features.cached(opened, _shifted(images, int(chunk[0])), run.cache_dir))
    images = counted(len(indices), "image")
    n_classes = len(dataset.classes) if network.conditional else 1
    count = cluster_counts(network, n_classes)[-1] // n_classes
    groups = f", in {counted(count, 'cluster')}{' per class' * network.conditional}" if network.clusters else ""
    print(f"G also learns from {efficientnet.LITE0.name} features of {images}{groups}.", flush=True)
    return real_features(lambda images: build(_to_rgb(images)), np.concatenate(values), dataset.labels[indices], SHIFT)


def _shifted(images, seed):
    """Shift each image, [N, H, W, C] uint8, by up to SHIFT of its sides; the gap repeats its last row or column."""
    height, width = images.shape[1:3]
    down, right = int(SHIFT * height + 0.5), int(SHIFT * width + 0.5)
    padded = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)), "edge")
    draws = np.random.RandomState(seed).randint(0, (2 * down + 1, 2 * right + 1), (len(images), 2))
    return np.stack([image[top : top + height, left : left + width] for image, (top, left) in zip(padded, draws)])


def _to_rgb(images):
    """Convert images, [N, H, W, C] float32 in [-1, 1], to [N, H, W, 3] in 0..255, as in the records of the reals."""
    images = (images + 1.0) * 127.5
    if images.shape[3] == 4:
        return images[..., :3] + (255.0 - images[..., 3:]) * (_GRAY / 255.0)
    return tf.tile(images, [1, 1, 1, 3]) if images.shape[3] == 1 else images


def _features(images, sides, weights):
    """Return the means of stages over GRIDS, [N, 1216] float32; images: [N, *sides, 3] float32 in 0..255."""
    images.set_shape([None, *sides, 3])
    # Blurred, because G would otherwise lower the critic's loss with patterns that alternate from pixel to pixel.
    images = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
    blur = np.float32(np.repeat(_BLUR[:, :, None, None], 3, axis=2))
    images = tf.nn.depthwise_conv2d(images, blur, strides=[1, 1, 1, 1], padding="VALID")
    shorter = min(sides)
    if shorter < SIZE:
        images = tf.image.resize_bilinear(images, [side * SIZE // shorter for side in sides], half_pixel_centers=True)
    maps = [images, *efficientnet.stages(images, weights)]
    return tf.concat([_grid_means(maps[stage], n) for stage, n in GRIDS.items()], axis=1)


def _grid_means(maps, n):
    """Average feature maps, [N, H, W, C], over each cell of an n x n grid: [N, n * n * C].

    Cells overlap if a side is not a multiple of n.
    """
    sides, channels = maps.shape[1:3].as_list(), int(maps.shape[3])
    steps = [side // n for side in sides]
    cells = [side - (n - 1) * step for side, step in zip(sides, steps)]
    means = tf.nn.avg_pool(maps, ksize=[1, *cells, 1], strides=[1, *steps, 1], padding="VALID")
    return tf.reshape(means, [-1, n * n * channels])
