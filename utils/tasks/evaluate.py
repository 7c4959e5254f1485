"""Evaluate a checkpoint: measure its samples against the pictures, and show whether it has memorised them."""

import os

from utils import data
from utils.checkpoints.run_id import get_run_id, short_run_id
from utils.config.settings import Settings
from utils.metrics import features, inception, measure, nearest, registry
from utils.output import files
from utils.output.images import png

PRETRAINED = (features.EFFICIENTNET, features.INCEPTION)
_PICTURE_SETTINGS = (
    "crop",
    "load_size",
    "background",
    "white_level",
    "mirror",
)  # these settings come from the checkpoint


class Evaluator:
    """Compares samples with the pictures in pics_dir, prepared as the network was trained on them."""

    def __init__(self, run, manifest):
        """run: the present settings; manifest: the checkpoint's JSON. Raise UserError for bad pictures or folders."""
        trained_with = {name: manifest.run[name] for name in _PICTURE_SETTINGS if name in manifest.run}
        # The list of unusable files goes beside the samples: the one in checkpoints_dir belongs to the training run.
        # batch_size = 1: no advice about too few pictures for a batch.
        run = run._replace(checkpoints_dir=run.samples_dir, batch_size=1, **trained_with)
        self._settings = Settings(run, manifest.network)
        files.make_writable("cache_dir", run.cache_dir)
        self._pictures = data.load(self._settings).on(run.background)
        if manifest.saved.classes:
            data.require_classes(self._pictures, run, manifest.saved.classes)
        if manifest.saved.pictures not in ("", self._pictures.fingerprint):
            print("These are not the pictures that it was trained on.", flush=True)
        self._run_id = get_run_id(manifest)
        self._network = features.open_network(run)
        self._measurer = measure.Measurer(self._pictures, self._settings, run.evaluate_samples, self._network)

    def evaluate(self, session, sampler, step):
        """Measure, print the values with what to compare them with, and write the sheet of nearest pictures."""
        measured = self._measurer(session, sampler)
        print(self._measurer.protocol())
        for metric in registry.METRICS:
            if metric.name in measured.values:
                reference = metric.reference(measured) if metric.reference else ""
                note = "; ".join(part for part in (metric.better, reference) if part)
                line = f"  {metric.name:<16} {measured.values[metric.name]:10.4f}"
                print(line + (f"   ({note})" if note else ""), flush=True)
        if measured.shares:
            shares = (f"{name} {100 * of:.0f}% ({100 * real:.0f}%)" for name, (of, real) in measured.shares.items())
            print(f"  Samples that look like each class, and pictures of it: {', '.join(shares)}", flush=True)
        self._print_missing()
        self._write_nearest(measured.fakes.pictures[: nearest.SAMPLES], step)

    def _print_missing(self):
        """Say which metrics a pretrained network would add. With Inception's, those of the other are not missed."""
        cures = {features.EFFICIENTNET: f"{features.INSTALL} brings their network", features.INCEPTION: inception.WHERE}
        if self._measurer.kind in PRETRAINED:
            del cures[features.EFFICIENTNET]
        if self._measurer.kind == features.INCEPTION:
            return
        missing = [metric for metric in registry.METRICS if metric not in self._measurer.metrics]
        for network, cure in cures.items():
            names = ", ".join(metric.name for metric in missing if metric.needs[0] == network)
            print(f"Not measured: {names} ({cure}).", flush=True)

    def _write_nearest(self, samples, step):
        """Write the sheet of samples beside the training pictures nearest to them, and say how near those are."""
        records = self._pictures.records
        path = os.path.join(self._settings.run.samples_dir, f"nearest_{step:08d}_run{short_run_id(self._run_id)}.png")
        in_pixels, differences = nearest.nearest_in_pixels(samples, records)
        groups, how = [in_pixels], ""
        if self._measurer.kind in PRETRAINED:
            in_features, distances = nearest.nearest_in_features(samples, records, self._features_of)
            groups, how = [in_pixels, in_features], ", in pixels and then in features"
        files.write(path, png(nearest.sheet(samples, records, groups)))
        low, high = differences[:, 0].min(), differences[:, 0].max()
        print(f"{len(samples)} samples, each beside its nearest training pictures{how}: {path}")
        print(f"RMS pixel difference to the nearest one: {low:.0f} to {high:.0f} of 255; 0: memorised")
        if self._measurer.kind in PRETRAINED:
            low, high = distances[:, 0].min(), distances[:, 0].max()
            print(
                f"Distance in features to the nearest one: {low:.2f} to {high:.2f} of that between a picture and its "
                "nearest; far below 1: memorised"
            )

    def _features_of(self, samples, reals):
        return self._network(samples), features.cached(self._network, reals, self._settings.run.cache_dir)
