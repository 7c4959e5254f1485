"""The metrics: what is measured of samples, by which networks, and what counts as better.

To add a metric, write a function and a row of METRICS: history.csv, TensorBoard, `evaluate` and best_metric follow.
"""

from typing import Callable, NamedTuple, Optional, Tuple

from utils.metrics import distances
from utils.metrics.features import EFFICIENTNET, INCEPTION, PATCHES
from utils.metrics.sliced_wasserstein import Descriptors

LOWER, HIGHER = "lower is better", "higher is better"
COPIES_OF = 64  # samples, that copies are searched of


class Metric(NamedTuple):
    """A row of the table of metrics."""

    name: str  # in history.csv, in TensorBoard as quality/<name>, in what `evaluate` prints, and for best_metric
    compute: Callable  # (reals, fakes), a ImageSet each -> float
    better: str = ""  # LOWER, HIGHER, or "" if it depends on the images
    # For choosing the best checkpoint: a value that is worse than the best one so far by no more than this share of it
    # counts as equally good, and the later checkpoint wins, since it has trained longer. None: not for choosing.
    tolerance: Optional[float] = None
    coarse: bool = False  # whether it detects that samples get worse, but hardly that good samples get better
    needs: Tuple[str, ...] = ()  # the networks with any of which it is measured; (): without a network
    reference: Optional[Callable] = None  # (Measured) -> str: what to compare the value with


def swd(reals, fakes):
    """Sliced Wasserstein distance: how different small patches are, from fine detail to coarse."""
    return reals.descriptors.distance(fakes.descriptors)


def swd_reference(measured):
    """Give the swd of real against real images, which needs two halves, and that of as many samples."""
    images = (measured.reals.images, measured.fakes.images)
    return _of_halves(*images, lambda a, b: Descriptors(a).distance(Descriptors(b)))


def _of_halves(reals, fakes, distance):
    """Say what a distance is between half of the real images and as many samples, and between two such halves."""
    half = len(reals) // 2
    if not half:
        return ""
    first, second, fakes = reals[:half], reals[half : 2 * half], fakes[:half]
    return f"at N = {half} it is {distance(first, fakes):.4f}, and {distance(first, second):.4f} for real against real"


def ms_ssim_of_samples(reals, fakes):
    """MS-SSIM: how alike neighboring samples are."""
    return fakes.ms_ssim


def ms_ssim_reference(measured):
    """Give the MS-SSIM of real images."""
    return f"real images: {measured.reals.ms_ssim:.4f}; 1 = all samples are the same"


def frechet_distance(reals, fakes):
    """Frechet distance of features: how different images are in content and variety. Of Inception's it is FID."""
    return distances.frechet_distance(reals.features, fakes.features)


def frechet_distance_reference(measured):
    """Give the distance of real against real images, which needs two halves, and that of as many samples."""
    return _of_halves(measured.reals.features, measured.fakes.features, distances.frechet_distance)


def kernel_distance(reals, fakes):
    """Kernel distance of features: the same by another formula, without a bias of N. Of Inception's it is KID."""
    return distances.kernel_distance(reals.features, fakes.features)


def precision(reals, fakes):
    """Share of samples within the manifold of the real images, by features: are samples realistic?"""
    return distances.share_within(fakes.features, reals.features)


def recall(reals, fakes):
    """Share of real images within the manifold of the samples, by features: are samples varied?"""
    return distances.share_within(reals.features, fakes.features)


def distinct(reals, fakes):
    """Number of distinct samples, by features, over that of real images: is the variety as large?"""
    width = 0.5 * reals.median_nn_distance
    return fakes.vendi_score(width) / reals.vendi_score(width)


def copies(reals, fakes):
    """Share of samples that are training images, perhaps with noise: has the generator memorized them?"""
    return reals.copies.share(fakes.images[:COPIES_OF])


# The tolerances: with 2% the chosen checkpoints' samples were, by another network, at most 5% farther from the images
# than the best ones of the run, on three sets (docs/results.md). swd is coarser, since it sees only small patches: in
# an hour on pics/ it was lowest after 7 minutes and later up to 19% higher, while samples became far better. If only a
# quarter of them are distinct, it is a third higher or more.
METRICS = (
    Metric("swd", swd, LOWER, tolerance=0.25, coarse=True, reference=swd_reference),
    Metric("ms_ssim", ms_ssim_of_samples, reference=ms_ssim_reference),
    Metric("fid", frechet_distance, LOWER, 0.05, needs=(INCEPTION,), reference=frechet_distance_reference),
    Metric("kid", kernel_distance, LOWER, tolerance=0.05, needs=(INCEPTION,)),
    Metric("precision", precision, HIGHER, needs=(EFFICIENTNET, INCEPTION)),
    Metric("recall", recall, HIGHER, needs=(EFFICIENTNET, INCEPTION)),
    # Named apart from fid and kid: values by another network must not be taken for those.
    Metric(
        "frechet_distance",
        frechet_distance,
        LOWER,
        tolerance=0.02,
        needs=(EFFICIENTNET,),
        reference=frechet_distance_reference,
    ),
    Metric("kernel_distance", kernel_distance, LOWER, tolerance=0.05, needs=(EFFICIENTNET,)),
    Metric(
        "patch_distance",
        frechet_distance,
        LOWER,
        tolerance=0.02,
        needs=(PATCHES,),
        reference=frechet_distance_reference,
    ),
    Metric("distinct", distinct, HIGHER, needs=(EFFICIENTNET, INCEPTION, PATCHES)),
    Metric("copies", copies, LOWER),
)


def columns():
    """Return the names of the metrics, in order: the columns of history.csv that measuring fills."""
    return tuple(metric.name for metric in METRICS)


def get_metric(name):
    """Return the Metric of this name."""
    return next(metric for metric in METRICS if metric.name == name)


def available(network):
    """Return the metrics that can be measured with a network: features.INCEPTION, EFFICIENTNET, PATCHES or NONE."""
    return [metric for metric in METRICS if not metric.needs or network in metric.needs]
