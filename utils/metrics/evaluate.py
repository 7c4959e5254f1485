"""Evaluate a checkpoint: how far its samples are from the pictures, and whether it has learnt them by heart."""

import os

from utils import data
from utils.config.settings import Settings
from utils.metrics import distances as metrics
from utils.metrics import features as inception
from utils.metrics import measure, nearest
from utils.output import pictures as images
from utils.training import folders


class Evaluator:
    """Compares samples with the pictures in pics_dir, prepared as those that the network was trained on."""

    def __init__(self, run, record):
        """run: the settings of today; record: the record.Record of the checkpoint. Raise UserError for bad pictures."""
        as_then = {
            name: record.run[name] for name in ("crop", "load_size", "background", "mirror") if name in record.run
        }
        # The list of files that cannot be used goes beside the samples: that in checkpoints_dir is the run's own.
        self._run = run = run._replace(checkpoints_dir=run.samples_dir, **as_then)
        self._network = record.network
        folders.make_writable("cache_dir", run.cache_dir)
        self._pictures = data.load(Settings(run._replace(batch_size=1), record.network))
        if record.state.classes:
            data.require_classes(self._pictures, run, record.state.classes)
        if record.state.pictures not in ("", self._pictures.fingerprint):
            print("These are not the pictures that it was trained on.", flush=True)
        self._measurer = measure.Measurer(self._pictures, run, record.network, run.evaluate_samples)

    def evaluate(self, session, sampler, step):
        """Measure, print what comes out, and write the sheet of nearest pictures."""
        measured = self._measurer(session, sampler)
        print(self._measurer.protocol())
        for name in measure.COLUMNS:
            if name in measured.values:
                print("  %-10s %10.4f   (%s)" % (name, measured.values[name], self._beside(name, measured)), flush=True)
        if "fid" not in measured.values:
            print(inception.WHERE, flush=True)
        self._write_nearest(measured.samples[: nearest.SAMPLES], step)

    def _beside(self, name, measured):
        """Return what the figure is to be held against."""
        if name == "ms_ssim":
            return "real pictures: %.4f; 1: all are the same" % measured.real_ms_ssim
        if name in ("precision", "recall"):
            return "1: all"
        half = self._measurer.count // 2
        if name != "swd" or not half:
            return "less is better"
        reals = self._measurer.reals()
        parts = metrics.Descriptors(reals[:half]), metrics.Descriptors(reals[half : 2 * half])
        here = parts[0].distance(metrics.Descriptors(measured.samples[:half]))
        words = "less is better; with N = %d it is %.4f, and of real pictures against real ones %.4f"
        return words % (half, here, parts[0].distance(parts[1]))

    def _write_nearest(self, samples, step):
        size, records = self._network.image_size, self._pictures.records
        indices, distances = nearest.nearest(samples, records, size)
        path = os.path.join(self._run.samples_dir, "nearest_%08d.png" % step)
        images.write(path, images.png(nearest.sheet(samples, records, size, indices)))
        words = (
            "%d samples, each with the pictures nearest to it, in %s; they differ from those by %.0f to %.0f of 255."
        )
        print(words % (len(samples), path, distances[:, 0].min(), distances[:, 0].max()))
