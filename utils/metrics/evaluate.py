"""Evaluate a checkpoint: measure its samples against the pictures, and show whether it has memorised them."""

import os

from utils import data
from utils.config.settings import Settings
from utils.metrics import inception, measure, nearest
from utils.output import files
from utils.output.pictures import png

_TRAINING_CROP = ("crop", "load_size", "background", "mirror")  # these settings come from the checkpoint


class Evaluator:
    """Compares samples with the pictures in pics_dir, prepared as the network was trained on them."""

    def __init__(self, run, manifest):
        """run: the present settings; manifest: the checkpoint's JSON. Raise UserError for bad pictures or folders."""
        trained_with = {name: manifest.run[name] for name in _TRAINING_CROP if name in manifest.run}
        # The list of unusable files goes beside the samples: the one in checkpoints_dir belongs to the training run.
        # batch_size = 1: no advice about too few pictures for a batch.
        run = run._replace(checkpoints_dir=run.samples_dir, batch_size=1, **trained_with)
        self._settings = Settings(run, manifest.network)
        files.make_writable("cache_dir", run.cache_dir)
        self._pictures = data.load(self._settings)
        if manifest.saved.classes:
            data.require_classes(self._pictures, run, manifest.saved.classes)
        if manifest.saved.pictures not in ("", self._pictures.fingerprint):
            print("These are not the pictures that it was trained on.", flush=True)
        self._measurer = measure.Measurer(self._pictures, self._settings, run.evaluate_samples)

    def evaluate(self, session, sampler, step):
        """Measure, print the values with what to compare them with, and write the sheet of nearest pictures."""
        measured = self._measurer(session, sampler)
        print(self._measurer.protocol())
        for metric in measure.METRICS:
            if metric.name in measured.values:
                reference = metric.reference(measured, self._measurer.reals()) if metric.reference else ""
                note = "; ".join(part for part in (metric.better, reference) if part)
                line = f"  {metric.name:<10} {measured.values[metric.name]:10.4f}"
                print(line + (f"   ({note})" if note else ""), flush=True)
        self._print_missing([metric for metric in measure.METRICS if metric.name not in measured.values])
        self._write_nearest(measured.samples[: nearest.SAMPLES], step)

    def _print_missing(self, metrics):
        needs = {metric.needs for metric in metrics}
        if needs:
            names = ", ".join(metric.name for metric in metrics)
            print(f"Not measured, without {' and '.join(sorted(needs))}: {names}.", flush=True)
        if "inception_graph" in needs:
            print(inception.WHERE, flush=True)

    def _write_nearest(self, samples, step):
        size, records = self._settings.network.image_size, self._pictures.records
        indices, distances = nearest.nearest(samples, records, size)
        path = os.path.join(self._settings.run.samples_dir, f"nearest_{step:08d}.png")
        files.write(path, png(nearest.sheet(samples, records, size, indices)))
        low, high = distances[:, 0].min(), distances[:, 0].max()
        print(f"{len(samples)} samples, each beside its nearest training pictures: {path}")
        print(f"RMS pixel difference to the nearest one: {low:.0f} to {high:.0f} of 255; 0: memorised")
