"""The table of metrics: how each is computed, which networks it can use, and whether it ranks checkpoints.

To add a metric, write a function and add a row to METRICS. history.csv, TensorBoard, `evaluate` and best_metric read
the metrics from this table.
"""

import math
from typing import Callable, NamedTuple, Optional, Tuple

from utils.errors import UserError
from utils.metrics import distances
from utils.metrics.diversity import median_nn_distance, vendi_score
from utils.metrics.features import EFFICIENTNET, INCEPTION, LITE2, PATCHES, choose_efficientnet, install

LOWER, HIGHER = "lower is better", "higher is better"
COPY_SAMPLES = 64  # samples that are compared with training images


class Metric(NamedTuple):
    """A row of the table of metrics."""

    name: str  # in history.csv, in TensorBoard as quality/<name>, in the output of `evaluate`, and for best_metric
    compute: Callable  # (reals, fakes) -> float; each is a measure.ImageSet, with the same number of images
    better: str = ""  # LOWER, HIGHER, or "" if it depends on the images
    # A checkpoint counts as equally good if its value is worse than the best value so far by at most this fraction; it
    # then becomes the best checkpoint, since it has trained longer. None: the metric does not rank checkpoints.
    tolerance: Optional[float] = None
    needs: Tuple[str, ...] = ()  # kinds of network that it can use; (): it needs none
    reference: Optional[Callable] = None  # (measure.Measured) -> str: values to compare the value with
    conditional: bool = False  # whether only conditional networks are measured by it

    def improves(self, value, best):
        """Return whether a value is better than `best`."""
        return math.isfinite(value) and sign(self.better) * value < sign(self.better) * best

    def is_as_good(self, value, best):
        """Return whether a value is better than `best`, or equal to it within the tolerance."""
        limit = sign(self.better) * best + self.tolerance * abs(best)
        return math.isfinite(value) and sign(self.better) * value <= limit


def sign(better):
    """Return 1 for LOWER and -1 for HIGHER: a factor that makes lower values better."""
    return -1 if better == HIGHER else 1


def ms_ssim(reals, fakes):
    """MS-SSIM: how similar neighboring samples are."""
    return fakes.ms_ssim


def ms_ssim_reference(measured):
    """Return the MS-SSIM of the real images, as text."""
    return f"real images: {measured.reals.ms_ssim:.4f}; 1 = all samples are the same"


def frechet_distance(reals, fakes):
    """Frechet distance of features: how samples and images differ in content and diversity. FID with Inception."""
    return distances.frechet_distance(reals.features, fakes.features)


def frechet_distance_reference(measured):
    """Return the distances from half of the real images to equally many samples and to the other half, as text."""
    reals, half = measured.reals.features, len(measured.reals.features) // 2
    others = measured.fakes.features[:half], reals[half : 2 * half]
    fake_distance, real_distance = (distances.frechet_distance(reals[:half], other) for other in others)
    return f"at N = {half} it is {fake_distance:.4f}; real vs. real: {real_distance:.4f}"


def kernel_distance(reals, fakes):
    """Kernel distance of features: like the Frechet distance, but unbiased at small N. KID with Inception."""
    return distances.kernel_distance(reals.features, fakes.features)


def precision(reals, fakes):
    """Fraction of samples within the manifold of the real images, by features: are samples realistic?"""
    return distances.fraction_within(fakes.features, reals.features)


def recall(reals, fakes):
    """Fraction of real images within the manifold of the samples, by features: are samples diverse?"""
    return distances.fraction_within(reals.features, fakes.features)


def distinct(reals, fakes):
    """Number of distinct samples divided by the number of distinct real images, by features: 1 if equally diverse."""
    width = 0.5 * median_nn_distance(reals.features)
    return vendi_score(fakes.features, width) / vendi_score(reals.features, width)


def copies(reals, fakes):
    """Fraction of samples that copy training images, possibly with noise: has the generator memorized them?"""
    return reals.copies.fraction(fakes.images[:COPY_SAMPLES])


def class_accuracy(reals, fakes):
    """Fraction of samples recognized as their class, by features. Compare it with chance, see `evaluate = 1`."""
    return fakes.accuracy.value


def class_accuracy_reference(measured):
    """Return the accuracy of samples that ignore their class, and of real images, as text."""
    return f"chance: {measured.fakes.accuracy.chance:.4f}; real images: {measured.reals.accuracy.value:.4f}"


# With a tolerance of 2%, samples of the selected checkpoints were at most 5% farther from the images than the best
# samples of the run, according to a different network and on three data sets (see docs/results.md).
# best_metric = 'auto' selects the first measured row with both `needs` and a tolerance.
METRICS = (
    Metric("ms_ssim", ms_ssim, reference=ms_ssim_reference),
    Metric("fid", frechet_distance, LOWER, 0.05, (INCEPTION,), frechet_distance_reference),
    Metric("kid", kernel_distance, LOWER, 0.05, (INCEPTION,)),
    Metric("precision", precision, HIGHER, needs=(EFFICIENTNET, LITE2, INCEPTION)),
    Metric("recall", recall, HIGHER, needs=(EFFICIENTNET, LITE2, INCEPTION)),
    # Not named fid and kid, because values from different networks are not comparable.
    Metric("frechet_distance", frechet_distance, LOWER, 0.02, (EFFICIENTNET, LITE2), frechet_distance_reference),
    Metric("kernel_distance", kernel_distance, LOWER, 0.05, (EFFICIENTNET, LITE2)),
    Metric("patch_distance", frechet_distance, LOWER, 0.02, (PATCHES,), frechet_distance_reference),
    Metric("distinct", distinct, HIGHER, needs=(EFFICIENTNET, LITE2, INCEPTION, PATCHES)),
    Metric("copies", copies, LOWER),
    Metric(
        "class_accuracy",
        class_accuracy,
        HIGHER,
        needs=(EFFICIENTNET, LITE2, INCEPTION, PATCHES),
        reference=class_accuracy_reference,
        conditional=True,
    ),
)


def available(network, conditional=False):
    """Return the metrics that can be measured with a kind of network, as features.choose_network returns it.

    conditional: whether the measured generator is conditional.
    """
    metrics = [metric for metric in METRICS if conditional or not metric.conditional]
    return [metric for metric in metrics if not metric.needs or network in metric.needs]


def resolve_metric(run, network, d_features):
    """Return the Metric that best_metric selects; None if it is 'auto' and no network is used.

    network: the kind of network that is used. d_features: as for features.choose_network. Raise UserError if
    best_metric does not rank checkpoints or cannot be measured with this network, or if stop_when_stale is set and no
    metric ranks checkpoints.
    """
    ranking = {metric.name: metric for metric in METRICS if metric.tolerance is not None}
    measured = [metric for metric in available(network) if metric.name in ranking]
    automatic = next((metric for metric in measured if metric.needs), None)
    name, cure = run.best_metric, "or best_metric = 'auto', in params.py"
    if name == "auto" and run.stop_when_stale and not automatic:
        raise UserError(
            f"stop_when_stale = {run.stop_when_stale} has no effect with metrics_network = {network!r}, which ranks "
            "no checkpoints; set stop_when_stale = 0, or metrics_network = 'auto', in params.py"
        )
    if name == "auto":
        return automatic
    if name == "swd":
        raise UserError(
            "best_metric = 'swd' was removed in version 0.12, because it does not track sample quality; set "
            f"best_metric = 'patch_distance' and metrics_network = 'patches', {cure}"
        )
    if name not in ranking:
        raise UserError(f"best_metric = {name!r} is invalid; expected one of auto, {', '.join(ranking)}")
    if ranking[name] not in measured:
        allowed = choose_efficientnet(d_features)
        needed = allowed if allowed in ranking[name].needs else ranking[name].needs[0]
        hint = {INCEPTION: " and inception_graph", allowed: f" after {install(allowed)}"}.get(needed, "")
        raise UserError(
            f"best_metric = {name!r} needs metrics_network = {needed!r}, but {network!r} is used; set metrics_network "
            f"= {needed!r}{hint}, {cure}"
        )
    return ranking[name]
