"""Evaluate a checkpoint: measure its samples against the images, and show whether it has memorized them."""

import os

from utils import data
from utils.checkpoints.run_id import short_run_id
from utils.config.settings import Settings
from utils.metrics import features, inception, measure, nearest, registry
from utils.output import files
from utils.output.images import png

PRETRAINED = (features.EFFICIENTNET, features.INCEPTION)
_IMAGE_SETTINGS = (
    "crop",
    "load_size",
    "background",
    "white_level",
    "mirror",
)  # these settings come from the checkpoint


def evaluate(generator, run):
    """Measure a CheckpointGenerator, by the settings `run`; yield the lines to print.

    The images are prepared as the network was trained on them. Raise UserError for bad images or folders.
    """
    evaluator = _Evaluator(generator.selected.manifest, run)
    return evaluator.evaluate(generator)


class _Evaluator:
    """Compares samples with the images in pics_dir."""

    def __init__(self, manifest, run):
        trained_with = {name: manifest.run[name] for name in _IMAGE_SETTINGS if name in manifest.run}
        # The list of unusable files goes beside the samples: the one in checkpoints_dir belongs to the training run.
        # batch_size = 1: no advice about too few images for a batch.
        run = run._replace(checkpoints_dir=run.samples_dir, batch_size=1, **trained_with)
        self._settings = Settings(run, manifest.network)
        files.make_writable("cache_dir", run.cache_dir)
        self._dataset = data.load(self._settings).composite_on(run.background)
        if manifest.saved.classes:
            data.require_classes(self._dataset, run, manifest.saved.classes)
        if manifest.saved.fingerprint not in ("", self._dataset.fingerprint):
            print("These are not the images that it was trained on.", flush=True)
        self._network = features.open_network(run)
        self._measurer = measure.Measurer(self._dataset, self._settings, run.evaluate_samples, self._network)

    def evaluate(self, generator):
        """Yield the values with what to compare them with; write the sheet of nearest images."""
        measured = self._measurer(generator)
        yield self._measurer.protocol()
        for metric in registry.METRICS:
            if metric.name in measured.values:
                reference = metric.reference(measured) if metric.reference else ""
                note = "; ".join(part for part in (metric.better, reference) if part)
                line = f"  {metric.name:<16} {measured.values[metric.name]:10.4f}"
                yield line + (f"   ({note})" if note else "")
        if measured.shares:
            shares = (f"{name} {100 * of:.0f}% ({100 * real:.0f}%)" for name, (of, real) in measured.shares.items())
            yield f"  Samples that look like each class, and images of it: {', '.join(shares)}"
        yield from self._missing()
        yield from self._nearest(measured.fakes.images[: nearest.SAMPLES], generator)

    def _missing(self):
        """Yield which metrics a pretrained network would add. With Inception's, those of the other are not missed."""
        cures = {features.EFFICIENTNET: f"{features.INSTALL} brings their network", features.INCEPTION: inception.WHERE}
        if self._measurer.kind in PRETRAINED:
            del cures[features.EFFICIENTNET]
        if self._measurer.kind == features.INCEPTION:
            return
        missing = [metric for metric in registry.METRICS if metric not in self._measurer.metrics]
        for network, cure in cures.items():
            names = ", ".join(metric.name for metric in missing if metric.needs[0] == network)
            yield f"Not measured: {names} ({cure})."

    def _nearest(self, samples, generator):
        """Write the sheet of samples beside the training images nearest to them; yield how near those are."""
        records = self._dataset.records
        path = os.path.join(
            self._settings.run.samples_dir, f"nearest_{generator.step:08d}_run{short_run_id(generator.run_id)}.png"
        )
        in_pixels, differences = nearest.nearest_in_pixels(samples, records)
        groups, how = [in_pixels], ""
        if self._measurer.kind in PRETRAINED:
            in_features, distances = nearest.nearest_in_features(samples, records, self._features_of)
            groups, how = [in_pixels, in_features], ", in pixels and then in features"
        files.write(path, png(nearest.sheet(samples, records, groups)))
        low, high = differences[:, 0].min(), differences[:, 0].max()
        yield (f"{len(samples)} samples, each beside its nearest training images{how}: {path}")
        yield (f"RMS pixel difference to the nearest one: {low:.0f} to {high:.0f} of 255; 0: memorized")
        if self._measurer.kind in PRETRAINED:
            low, high = distances[:, 0].min(), distances[:, 0].max()
            yield (
                f"Distance in features to the nearest one: {low:.2f} to {high:.2f} of that between an image and its "
                "nearest; far below 1: memorized"
            )

    def _features_of(self, samples, reals):
        return self._network(samples), features.cached(self._network, reals, self._settings.run.cache_dir)
