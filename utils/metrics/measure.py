"""Measure a generator: compare its samples with as many real pictures, by every metric in the table METRICS.

To add a metric, write a function and a row of METRICS: history.csv, TensorBoard, `evaluate` and best_metric follow.
"""

import functools
from typing import Any, Callable, NamedTuple, Optional

import numpy as np

from utils.data.batches import Order
from utils.metrics import distances, inception, ms_ssim
from utils.metrics.picture_set import PictureSet
from utils.metrics.sliced_wasserstein import Descriptors
from utils.output.pictures import center_crop
from utils.sampling import latents
from utils.sampling.pictures import generate

LOWER, HIGHER = "lower is better", "higher is better"
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
    needs: str = ""  # the setting without which it is not measured
    reference: Optional[Callable] = None  # (Measured, real pictures) -> str: what to compare the value with


def swd(reals, fakes):
    """Sliced Wasserstein distance: how different small patches are, from fine detail to coarse."""
    return reals.descriptors.distance(fakes.descriptors)


def swd_reference(measured, reals):
    """Give the swd of real against real pictures, which needs two halves, and that of as many samples."""
    half = len(reals) // 2
    if not half:
        return ""
    first, second, fakes = (Descriptors(p) for p in (reals[:half], reals[half : 2 * half], measured.samples[:half]))
    return f"at N = {half} it is {first.distance(fakes):.4f}, and {first.distance(second):.4f} for real against real"


def ms_ssim_of_samples(reals, fakes):
    """MS-SSIM: how alike neighbouring samples are."""
    return fakes.ms_ssim


def ms_ssim_reference(measured, reals):
    """Give the MS-SSIM of real pictures."""
    return f"real pictures: {measured.real_ms_ssim:.4f}; 1 = all samples are the same"


def fid(reals, fakes):
    """Frechet distance of Inception features."""
    return distances.frechet_distance(reals.features, fakes.features)


def kid(reals, fakes):
    """Kernel distance of Inception features."""
    return distances.kernel_distance(reals.features, fakes.features)


def precision(reals, fakes):
    """Share of samples within the manifold of the real pictures, by Inception features: are samples realistic?"""
    return distances.share_within(fakes.features, reals.features)


def recall(reals, fakes):
    """Share of real pictures within the manifold of the samples, by Inception features: are samples varied?"""
    return distances.share_within(reals.features, fakes.features)


# Values of the same weights with different noise vary by about 5%. swd is coarser, since it sees only small patches: in
# an hour on pics/ it was lowest after 7 minutes and later up to 19% higher, while samples became far better by eye and
# by a pretrained network (docs/results.md). If only a quarter of them are distinct, it is a third higher or more.
METRICS = (
    Metric("swd", swd, LOWER, slack=0.25, coarse=True, reference=swd_reference),
    Metric("ms_ssim", ms_ssim_of_samples, reference=ms_ssim_reference),
    Metric("fid", fid, LOWER, slack=0.05, needs="inception_graph"),
    Metric("kid", kid, LOWER, slack=0.05, needs="inception_graph"),
    Metric("precision", precision, HIGHER, needs="inception_graph"),
    Metric("recall", recall, HIGHER, needs="inception_graph"),
)


def columns():
    """Return the names of the metrics, in order: the columns of history.csv that measuring fills."""
    return tuple(metric.name for metric in METRICS)


def metric_named(name):
    """Return the Metric of this name."""
    return next(metric for metric in METRICS if metric.name == name)


def available(run):
    """Return the metrics that can be measured with these settings."""
    return [metric for metric in METRICS if not metric.needs or getattr(run, metric.needs)]


class Measured(NamedTuple):
    """The result of measuring a generator."""

    values: dict  # {name of a metric: float}
    real_ms_ssim: float  # MS-SSIM among the real pictures
    samples: Any  # [N, H, W, C] uint8


class Measurer:
    """Measures samples of the same z each time against the same real pictures each time."""

    def __init__(self, pictures, settings, count):
        """pictures: data.Pictures. count: how many to compare, fewer if there are fewer pictures.

        Raise UserError if inception_graph is not the Inception network.
        """
        run, network = settings
        n = len(pictures.labels)
        self.count = min(count, n)
        self._indices = Order(n, run.seed).take(0, self.count)  # in random order: neighbours in a folder may be alike
        self._pictures, self._run, self._network, self._reals = pictures, run, network, None
        self.labels = pictures.labels[self._indices]
        self._z = latents.noise(run.seed, latents.MEASURING, self.count, network.z_dim)
        self._ms_ssim = ms_ssim.MsSsim((network.image_size, network.image_size, network.channels))
        self._inception = inception.Inception(run.inception_graph) if run.inception_graph else None
        recipe = (self.count, run.crop, run.load_size, run.background, self._inception and self._inception.hash)
        # What is compared: only values of the same comparison rank checkpoints. Checkpoints contain it.
        self.of = " ".join([pictures.fingerprint, *map(str, recipe)])

    def reals(self):
        """Return the real pictures, [N, H, W, C] uint8: the centres, if records are larger."""
        return self._real_set().pictures

    def _real_set(self):
        if self._reals is None:
            pictures = center_crop(self._pictures.records.take(self._indices), self._network.image_size)
            cached = functools.partial(inception.cached, self._inception, folder=self._run.cache_dir)
            self._reals = PictureSet(pictures, self._ms_ssim, cached)
        return self._reals

    def __call__(self, session, sampler):
        """Generate samples with the present weights, and return what is Measured of them."""
        labels = np.maximum(self.labels, 0)  # the classes of the real pictures; ignored by an unconditional network
        samples = np.concatenate(list(generate(session, sampler, self._z, labels)))
        reals, fakes = self._real_set(), PictureSet(samples, self._ms_ssim, self._inception)
        values = {metric.name: metric.compute(reals, fakes) for metric in available(self._run)}
        return Measured(values, reals.ms_ssim, samples)

    def protocol(self):
        """Return the line that says how the values were measured: without it they are not comparable."""
        size, run, scales = self._network.image_size, self._run, len(ms_ssim.scales(self._network.image_size))
        line = f"N = {self.count} samples against {self.count} pictures, {size}x{size}, crop = {run.crop}, "
        line += f"mirror = {run.mirror}; MS-SSIM over {scales} scale{'' if scales == 1 else 's'}"
        if self._inception:
            line += f"; features by {self._inception.name} (sha256 {self._inception.hash}), which resizes to 299x299"
            if self.count < ENOUGH_FOR_FID:
                line += f"; with N < {ENOUGH_FOR_FID} FID is biased high: compare it only at the same N"
        return line
