"""Measure a generator: compare its samples with the same number of real images, by every metric in registry.METRICS."""

from typing import Any, NamedTuple

import numpy as np

from utils.data.batches import EpochShuffle
from utils.metrics import diversity, features, ms_ssim, registry
from utils.metrics.nearest import CopyDetector
from utils.output.alpha import composite
from utils.output.images import center_crop
from utils.sampling import latents

MS_SSIM_IMAGES = 64  # number of images from which the MS-SSIM of a set is computed


class ImageSet(NamedTuple):
    """Images to compare, and the values that metrics derive from them."""

    images: np.ndarray  # [N, H, W, C] uint8
    ms_ssim: float  # how similar neighboring images are
    features: Any = None  # [N, D] float32; None without a network
    copies: Any = None  # the nearest.CopyDetector of the real images; None for samples
    accuracy: diversity.ClassAccuracy = diversity.ClassAccuracy()  # NaN without a network


class Measured(NamedTuple):
    """The result of measuring a generator."""

    values: dict  # {name of a metric: float}
    reals: ImageSet
    fakes: ImageSet
    class_fractions: dict  # {class: (fraction of the samples, fraction of the real images)} of recognizable classes


class Measurer:
    """Compares samples from the same z with the same real images at every call."""

    def __init__(self, dataset, settings, count, network=None):
        """dataset: the data.ImageDataset. count: the number of images to compare; if there are fewer, all of them.

        network: the features.Network or Patches that computes features, or None.
        """
        run, shape = settings.run, settings.network
        self._dataset, self._run = dataset.composite_on(run.background), run
        self.count = min(count, len(dataset.labels))
        # Random order, because neighbors in a folder may be similar.
        self._indices = EpochShuffle(len(dataset.labels), run.seed).take(0, self.count)
        self._size = shape.height, shape.width
        self.labels = dataset.labels[self._indices]
        self._z = latents.noise(run.seed, latents.MEASURING, range(self.count), shape.z_dim)
        self._ms_ssim = ms_ssim.MsSsim((*self._size, self._dataset.records.shape[3]))
        self.network, self.kind = network, network.kind if network else features.NONE
        self.metrics = registry.available(self.kind, shape.conditional)
        self._reals = None
        recipe = (self.count, run.crop, run.load_size, run.background, network and network.identity)
        # Checkpoints store this text, and are ranked only by values from the same comparison.
        self.comparison = " ".join([dataset.fingerprint, *map(str, recipe)])

    def reals(self):
        """Return the ImageSet of the real images, center-cropped if records are larger; C is 1 or 3."""
        if self._reals is None:
            images = center_crop(self._dataset.records.take(self._indices), *self._size)
            if self.kind == features.PATCHES:
                self.network.fit(images)
            copies = CopyDetector(self._dataset.records, self._size)
            self._reals = self._image_set(images, self.cached_features)._replace(copies=copies)
        return self._reals

    def cached_features(self, images):
        """Return the features of real images, [N, H, W, C] uint8, from the cache if it has them: [N, D] float32."""
        return features.cached(self.network, images, self._run.cache_dir)

    def _image_set(self, images, compute_features):
        ms_ssim_value = self._ms_ssim(images[:MS_SSIM_IMAGES])
        return ImageSet(images, ms_ssim_value, compute_features(images) if self.network else None)

    def __call__(self, generator):
        """Measure samples of a Generator with its current weights; return a Measured."""
        labels = np.maximum(self.labels, 0)  # classes of the real images; an unconditional network ignores them
        batches = generator.batches(self._z, labels)
        samples = np.concatenate([composite(batch, self._run.background) for batch in batches])
        reals, fakes, fractions = self.reals(), self._image_set(samples, self.network), {}
        if self.network:
            predicted = diversity.classify(reals.features, self.labels, fakes.features)
            fractions = diversity.class_fractions(self.labels, *predicted)
            accuracies = (diversity.class_accuracy(self.labels, classes) for classes in predicted)
            reals, fakes = (s._replace(accuracy=accuracy) for s, accuracy in zip((reals, fakes), accuracies))
        values = {metric.name: metric.compute(reals, fakes) for metric in self.metrics}
        names = self._dataset.classes
        return Measured(values, reals, fakes, {names[label]: fraction for label, fraction in fractions.items()})

    def protocol(self):
        """Return a line about how the values were measured: values are comparable only if this line is the same."""
        (height, width), run, scales = self._size, self._run, len(ms_ssim.scales(min(self._size)))
        line = f"N = {self.count} samples against {self.count} images, {height}x{width}, crop = {run.crop}, "
        line += f"mirror = {run.mirror}; MS-SSIM over {scales} scale{'' if scales == 1 else 's'}"
        return line + (f"; {self.network.description}" if self.network else "")
