"""Measure a generator: its samples against as many real pictures, by all that is at hand."""

import hashlib
import io
import os
from typing import Any, NamedTuple

import numpy as np

from utils.data.batches import Order
from utils.metrics import distances as metrics
from utils.metrics.features import Inception
from utils.output import files
from utils.output import pictures as images
from utils.sampling import pictures as sampling

# The columns of history.csv that measuring fills, in this order.
COLUMNS = ("swd", "ms_ssim", "fid", "kid", "precision", "recall")
ENOUGH = 2048  # pictures for an FID that can be compared with published ones
_PAIRS = 64  # of pictures, whose likeness is measured

# What is above the least ever measured by no more than this share is taken for no worse: measuring the same weights
# with other noise differs by about 5%. The swd is coarser, for it sees no more than small patches: in an hour on pics/
# it was least after 7 minutes, and then up to 19% above, while samples became far better to the eye and to a network
# that knows pictures (Results in README.md). Of a quarter of them, each four times, it is a third above or more.
SLACK = {"swd": 0.25, "fid": 0.05, "kid": 0.05}
COARSE = ("swd",)  # they tell when samples become worse, but hardly when good ones become better


class Measured(NamedTuple):
    """What was measured of samples, and of real pictures where that says something."""

    values: dict  # some of COLUMNS
    real_ms_ssim: float  # the likeness among real pictures
    samples: Any  # [N, H, W, C] uint8


class Measurer:
    """Measures samples against real pictures that are always the same, with noise that is always the same."""

    def __init__(self, pictures, run, network, count):
        """pictures: a prepare.Pictures; count: how many are compared, at most."""
        n = len(pictures.labels)
        self.count = min(count, n)
        self._indices = Order(n, run.seed).take(0, self.count)  # at random, for neighbours in a folder may be alike
        self._pictures, self._run, self._network = pictures, run, network
        self.labels = pictures.labels[self._indices]
        self._z = sampling.noise(run.seed, sampling.MEASURING, self.count, network.z_dim)
        self._real, self._real_features, self._real_ms_ssim = None, None, None
        self._inception = Inception(run.inception_graph) if run.inception_graph else None
        recipe = (self.count, run.crop, run.load_size, run.background, self._inception and self._inception.hash)
        self.of = "%s %s" % (pictures.fingerprint, " ".join(map(str, recipe)))  # what is compared
        self._ms_ssim = metrics.MsSsim((network.image_size, network.image_size, network.channels))

    def reals(self):
        """Return the real pictures, [N, H, W, C] uint8, nothing drawn: of larger records, the middle."""
        return images.center_crop(self._pictures.records.take(self._indices), self._network.image_size)

    def __call__(self, session, sampler):
        """Return what is Measured of the generator as it is now."""
        labels = np.maximum(self.labels, 0)  # of as many classes as the real ones; without classes nobody looks
        samples = np.concatenate(list(sampling.pictures(session, sampler, self._z, labels)))
        if self._real is None:
            reals = self.reals()
            self._real, self._real_ms_ssim = metrics.Descriptors(reals), self._ms_ssim(reals[:_PAIRS])
        values = {
            "swd": self._real.distance(metrics.Descriptors(samples)),
            "ms_ssim": self._ms_ssim(samples[:_PAIRS]),
        }
        if self._inception:
            values.update(self._by_features(samples))
        return Measured(values, self._real_ms_ssim, samples)

    def _by_features(self, samples):
        if self._real_features is None:
            self._real_features = self._features_of_reals()
        fakes, reals = self._inception(samples), self._real_features
        precision, recall = metrics.precision_and_recall(reals, fakes)
        return {
            "fid": metrics.frechet_distance(reals, fakes),
            "kid": metrics.kernel_distance(reals, fakes),
            "precision": precision,
            "recall": recall,
        }

    def _features_of_reals(self):
        """Return the features of the real pictures, kept from one start to the next beside the decoded pictures."""
        reals = self.reals()
        key = hashlib.sha256(reals.tobytes() + self._inception.hash.encode()).hexdigest()[:16]
        path = os.path.join(self._run.cache_dir, "features-%s.npy" % key)
        try:
            features = np.load(path)
            if features.ndim == 2 and len(features) == len(reals) and np.isfinite(features).all():
                return features
        except (OSError, ValueError, EOFError):
            pass  # not there yet, or not whole
        features = self._inception(reals)
        try:
            os.makedirs(self._run.cache_dir, exist_ok=True)
            files.write(path, _npy(features))
        except OSError:
            pass  # then it is measured anew the next time
        return features

    def protocol(self):
        """Return the line that says what the figures are of: without it, they cannot be compared with others."""
        size = self._network.image_size
        scales = len(metrics.ms_ssim_scales(size))
        words = "N = %d samples against %d pictures, %dx%d, crop = %s, mirror = %d; MS-SSIM over %d scale%s" % (
            self.count,
            self.count,
            size,
            size,
            self._run.crop,
            self._run.mirror,
            scales,
            "" if scales == 1 else "s",
        )
        if not self._inception:
            return words
        words += "; features by %s (sha256 %s), resized to 299x299 by that graph" % (
            self._inception.name,
            self._inception.hash,
        )
        if self.count < ENOUGH:
            words += "; an FID of fewer than %d is too high, compare it only with others of the same N" % ENOUGH
        return words


def _npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def metric_of(run):
    """Return the column that the best checkpoint is chosen by."""
    if run.best_metric != "auto":
        return run.best_metric
    return "fid" if run.inception_graph else "swd"


def better(metric, value, least):
    """Say whether a checkpoint of this value is to be the best where `least` was the least so far.

    One that is as good, as far as the metric can tell, is taken, for it has trained longer.
    """
    return np.isfinite(value) and value <= least + SLACK[metric] * abs(least)
