"""Measure a generator: compare its samples with as many real pictures, by every metric in the table METRICS.

To add a metric, write a function and a row of METRICS: history.csv, TensorBoard, `evaluate` and best_metric follow.
"""

import functools
from typing import Callable, NamedTuple, Optional, Tuple

import numpy as np

from utils.data.batches import Order
from utils.metrics import distances, features, ms_ssim, variety
from utils.metrics.features import EFFICIENTNET, INCEPTION, PATCHES
from utils.metrics.nearest import Copies
from utils.metrics.picture_set import PictureSet
from utils.metrics.sliced_wasserstein import Descriptors
from utils.output.pictures import center_crop
from utils.sampling import latents
from utils.sampling.pictures import generate

LOWER, HIGHER = "lower is better", "higher is better"
COPIES_OF = 64  # samples, that copies are searched of
ENOUGH_FOR_FID = 2048  # pictures, from which on an FID is comparable with published ones


class Metric(NamedTuple):
    """A row of the table of metrics."""

    name: str  # in history.csv, in TensorBoard as quality/<name>, in what `evaluate` prints, and for best_metric
    compute: Callable  # (reals, fakes), a PictureSet each -> float
    better: str = ""  # LOWER, HIGHER, or "" if it depends on the pictures
    # For choosing the best checkpoint: a value that is worse than the best one so far by no more than this share of it
    # counts as equally good, and the later checkpoint wins, since it has trained longer. None: not for choosing.
    slack: Optional[float] = None
    coarse: bool = False  # whether it detects that samples get worse, but hardly that good samples get better
    needs: Tuple[str, ...] = ()  # the networks with any of which it is measured; (): without a network
    reference: Optional[Callable] = None  # (Measured) -> str: what to compare the value with


def swd(reals, fakes):
    """Sliced Wasserstein distance: how different small patches are, from fine detail to coarse."""
    return reals.descriptors.distance(fakes.descriptors)


def swd_reference(measured):
    """Give the swd of real against real pictures, which needs two halves, and that of as many samples."""
    pictures = (measured.reals.pictures, measured.fakes.pictures)
    return _of_halves(*pictures, lambda a, b: Descriptors(a).distance(Descriptors(b)))


def _of_halves(reals, fakes, distance):
    """Say what a distance is between half of the real pictures and as many samples, and between two such halves."""
    half = len(reals) // 2
    if not half:
        return ""
    first, second, fakes = reals[:half], reals[half : 2 * half], fakes[:half]
    return f"at N = {half} it is {distance(first, fakes):.4f}, and {distance(first, second):.4f} for real against real"


def ms_ssim_of_samples(reals, fakes):
    """MS-SSIM: how alike neighbouring samples are."""
    return fakes.ms_ssim


def ms_ssim_reference(measured):
    """Give the MS-SSIM of real pictures."""
    return f"real pictures: {measured.reals.ms_ssim:.4f}; 1 = all samples are the same"


def frechet_distance(reals, fakes):
    """Frechet distance of features: how different pictures are in content and variety. Of Inception's it is FID."""
    return distances.frechet_distance(reals.features, fakes.features)


def frechet_distance_reference(measured):
    """Give the distance of real against real pictures, which needs two halves, and that of as many samples."""
    return _of_halves(measured.reals.features, measured.fakes.features, distances.frechet_distance)


def kernel_distance(reals, fakes):
    """Kernel distance of features: the same by another formula, without a bias of N. Of Inception's it is KID."""
    return distances.kernel_distance(reals.features, fakes.features)


def precision(reals, fakes):
    """Share of samples within the manifold of the real pictures, by features: are samples realistic?"""
    return distances.share_within(fakes.features, reals.features)


def recall(reals, fakes):
    """Share of real pictures within the manifold of the samples, by features: are samples varied?"""
    return distances.share_within(reals.features, fakes.features)


def distinct(reals, fakes):
    """Number of distinct samples, by features, over that of real pictures: is the variety as large?"""
    width = 0.5 * reals.spacing
    return fakes.distinct(width) / reals.distinct(width)


def copies(reals, fakes):
    """Share of samples that are training pictures, perhaps with noise: has the generator memorised them?"""
    return reals.copies.share(fakes.pictures[:COPIES_OF])


# Values of the same weights with different noise vary by about 5%. swd is coarser, since it sees only small patches: in
# an hour on pics/ it was lowest after 7 minutes and later up to 19% higher, while samples became far better by eye and
# by a pretrained network (docs/results.md). If only a quarter of them are distinct, it is a third higher or more.
METRICS = (
    Metric("swd", swd, LOWER, slack=0.25, coarse=True, reference=swd_reference),
    Metric("ms_ssim", ms_ssim_of_samples, reference=ms_ssim_reference),
    Metric("fid", frechet_distance, LOWER, 0.05, needs=(INCEPTION,), reference=frechet_distance_reference),
    Metric("kid", kernel_distance, LOWER, slack=0.05, needs=(INCEPTION,)),
    Metric("precision", precision, HIGHER, needs=(EFFICIENTNET, INCEPTION)),
    Metric("recall", recall, HIGHER, needs=(EFFICIENTNET, INCEPTION)),
    # Named apart from fid and kid: values by another network must not be taken for those.
    Metric(
        "frechet_distance",
        frechet_distance,
        LOWER,
        slack=0.05,
        needs=(EFFICIENTNET,),
        reference=frechet_distance_reference,
    ),
    Metric("kernel_distance", kernel_distance, LOWER, slack=0.05, needs=(EFFICIENTNET,)),
    Metric(
        "patch_distance",
        frechet_distance,
        LOWER,
        slack=0.05,
        needs=(PATCHES,),
        reference=frechet_distance_reference,
    ),
    Metric("distinct", distinct, HIGHER, needs=(EFFICIENTNET, INCEPTION, PATCHES)),
    Metric("copies", copies, LOWER),
)


def columns():
    """Return the names of the metrics, in order: the columns of history.csv that measuring fills."""
    return tuple(metric.name for metric in METRICS)


def metric_named(name):
    """Return the Metric of this name."""
    return next(metric for metric in METRICS if metric.name == name)


def available(network):
    """Return the metrics that can be measured with a network: features.INCEPTION, EFFICIENTNET, PATCHES or NONE."""
    return [metric for metric in METRICS if not metric.needs or network in metric.needs]


class Measured(NamedTuple):
    """The result of measuring a generator."""

    values: dict  # {name of a metric: float}
    reals: PictureSet
    fakes: PictureSet
    shares: dict  # {class: (share of the samples, share of the real pictures)}, of those classes that can be told apart


class Measurer:
    """Measures samples of the same z each time against the same real pictures each time."""

    def __init__(self, pictures, settings, count, network=None):
        """pictures: data.Pictures; count: how many to compare, fewer if there are fewer pictures;

        network: the features.Network that features come from, or None.
        """
        run, shape = settings
        n = len(pictures.labels)
        self.count = min(count, n)
        self._indices = Order(n, run.seed).take(0, self.count)  # in random order: neighbours in a folder may be alike
        self._pictures, self._run, self._size, self._reals = pictures, run, shape.image_size, None
        self.labels = pictures.labels[self._indices]
        self._z = latents.noise(run.seed, latents.MEASURING, self.count, shape.z_dim)
        self._ms_ssim = ms_ssim.MsSsim((shape.image_size, shape.image_size, shape.channels))
        self.network, self.kind = network, network.kind if network else features.NONE
        self.metrics = available(self.kind)
        recipe = (self.count, run.crop, run.load_size, run.background, network and network.identity)
        # What is compared: only values of the same comparison rank checkpoints. Checkpoints contain it.
        self.of = " ".join([pictures.fingerprint, *map(str, recipe)])

    def reals(self):
        """Return the real pictures, [N, H, W, C] uint8: the centres, if records are larger."""
        return self._real_set().pictures

    def _real_set(self):
        if self._reals is None:
            pictures = center_crop(self._pictures.records.take(self._indices), self._size)
            if self.network:
                self.network.learn(pictures)
            cached = functools.partial(features.cached, self.network, folder=self._run.cache_dir)
            self._reals = PictureSet(pictures, self._ms_ssim, cached, Copies(self._pictures.records, self._size))
        return self._reals

    def __call__(self, session, sampler):
        """Generate samples with the present weights, and return what is Measured of them."""
        labels = np.maximum(self.labels, 0)  # the classes of the real pictures; ignored by an unconditional network
        samples = np.concatenate(list(generate(session, sampler, self._z, labels)))
        reals, fakes = self._real_set(), PictureSet(samples, self._ms_ssim, self.network)
        values = {metric.name: metric.compute(reals, fakes) for metric in self.metrics}
        return Measured(values, reals, fakes, self._shares(reals, fakes))

    def _shares(self, reals, fakes):
        if not self.network:
            return {}
        shares = variety.shares_of_classes(reals.features, self.labels, fakes.features)
        return {self._pictures.classes[label]: share for label, share in shares.items()}

    def protocol(self):
        """Return the line that says how the values were measured: without it they are not comparable."""
        size, run, scales = self._size, self._run, len(ms_ssim.scales(self._size))
        line = f"N = {self.count} samples against {self.count} pictures, {size}x{size}, crop = {run.crop}, "
        line += f"mirror = {run.mirror}; MS-SSIM over {scales} scale{'' if scales == 1 else 's'}"
        if self.network:
            line += f"; {self.network.description}"
            if self.network.kind == INCEPTION and self.count < ENOUGH_FOR_FID:
                line += f"; with N < {ENOUGH_FOR_FID} FID is biased high: compare it only at the same N"
            if self.network.kind == EFFICIENTNET:
                line += "; their distances are not FID and KID: compare them only at the same N"
        return line
