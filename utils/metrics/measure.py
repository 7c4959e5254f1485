"""Measure a generator: compare its samples with as many real images, by every metric in registry.METRICS."""

import functools
from typing import NamedTuple

import numpy as np

from utils.data.batches import EpochShuffle
from utils.metrics import diversity, features, ms_ssim, registry
from utils.metrics.image_set import ImageSet
from utils.metrics.nearest import CopyDetector
from utils.output.alpha import composite
from utils.output.images import center_crop
from utils.sampling import latents

ENOUGH_FOR_FID = 2048  # images, from which on an FID is comparable with published ones


class Measured(NamedTuple):
    """The result of measuring a generator."""

    values: dict  # {name of a metric: float}
    reals: ImageSet
    fakes: ImageSet
    shares: dict  # {class: (share of the samples, share of the real images)}, of those classes that can be told apart


class Measurer:
    """Measures samples of the same z each time against the same real images each time."""

    def __init__(self, dataset, settings, count, network=None):
        """dataset: data.ImageDataset; count: how many to compare, fewer if there are fewer images;

        network: the features.Network that features come from, or None.
        """
        run, shape = settings.run, settings.network
        dataset, n = dataset.composite_on(run.background), len(dataset.labels)
        self.count = min(count, n)
        # In random order: neighbors in a folder may be alike.
        self._indices = EpochShuffle(n, run.seed).take(0, self.count)
        self._dataset, self._run, self._reals = dataset, run, None
        self._size = shape.height, shape.width
        self.labels = dataset.labels[self._indices]
        self._z = latents.noise(run.seed, latents.MEASURING, self.count, shape.z_dim)
        self._ms_ssim = ms_ssim.MsSsim((*self._size, dataset.records.shape[3]))
        self.network, self.kind = network, network.kind if network else features.NONE
        self.metrics = registry.available(self.kind)
        recipe = (self.count, run.crop, run.load_size, run.background, network and network.identity)
        # What is compared: only values of the same comparison rank checkpoints. Checkpoints contain it.
        self.comparison = " ".join([dataset.fingerprint, *map(str, recipe)])

    def reals(self):
        """Return the real images, [N, H, W, C] uint8: the centers, if records are larger; C 1 or 3."""
        return self._real_set().images

    def _real_set(self):
        if self._reals is None:
            images = center_crop(self._dataset.records.take(self._indices), *self._size)
            if self.network:
                self.network.fit(images)
            cached = functools.partial(features.cached, self.network, folder=self._run.cache_dir)
            self._reals = ImageSet(images, self._ms_ssim, cached, CopyDetector(self._dataset.records))
        return self._reals

    def __call__(self, generator):
        """Measure samples of a Generator with its present weights; return the Measured."""
        labels = np.maximum(self.labels, 0)  # the classes of the real images; ignored by an unconditional network
        batches = generator.batches(self._z, labels)
        samples = np.concatenate([composite(batch, self._run.background) for batch in batches])
        reals, fakes = self._real_set(), ImageSet(samples, self._ms_ssim, self.network)
        values = {metric.name: metric.compute(reals, fakes) for metric in self.metrics}
        return Measured(values, reals, fakes, self._shares(reals, fakes))

    def _shares(self, reals, fakes):
        if not self.network:
            return {}
        shares = diversity.shares_of_classes(reals.features, self.labels, fakes.features)
        return {self._dataset.classes[label]: share for label, share in shares.items()}

    def protocol(self):
        """Return the line that says how the values were measured: without it they are not comparable."""
        (height, width), run, scales = self._size, self._run, len(ms_ssim.scales(min(self._size)))
        line = f"N = {self.count} samples against {self.count} images, {height}x{width}, crop = {run.crop}, "
        line += f"mirror = {run.mirror}; MS-SSIM over {scales} scale{'' if scales == 1 else 's'}"
        if self.network:
            line += f"; {self.network.describe(height, width)}"
            if self.network.kind == features.INCEPTION and self.count < ENOUGH_FOR_FID:
                line += f"; with N < {ENOUGH_FOR_FID} FID is biased high: compare it only at the same N"
            if self.network.kind == features.EFFICIENTNET:
                line += "; their distances are not FID and KID: compare them only at the same N"
        return line
