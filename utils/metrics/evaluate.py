"""Evaluate a checkpoint: compare its samples with the real images, and show whether it has memorized them."""

import os

from utils import data
from utils.checkpoints import fingerprints
from utils.checkpoints.run_id import short_run_id
from utils.config.settings import Settings
from utils.errors import warn
from utils.metrics import features, inception, nearest, registry
from utils.metrics.measure import Measurer
from utils.output import files
from utils.output.images import png

PRETRAINED = (*features.VARIANTS, features.INCEPTION)
# These settings come from the checkpoint, so that the images are prepared as for training.
_IMAGE_SETTINGS = ("crop", "load_size", "background", "white_level", "mirror", "max_megapixels")

_DISTANCES = (
    "RMS pixel difference from the nearest image: {:.0f} to {:.0f} of 255; 0 means memorized",
    "Feature distance from the nearest image: {:.2f} to {:.2f} times the median distance between an image and its "
    "nearest neighbor; far below 1 means memorized",
)


def evaluate(generator, run):
    """Measure a CheckpointGenerator, and write the sheet of nearest images; yield the lines to print.

    run: the run settings. Raise UserError if the images or a folder cannot be used.
    """
    manifest = generator.selected.manifest
    # The list of unusable files is written next to the samples: the one in checkpoints_dir belongs to the training run.
    # batch_size = 1 avoids advice about too few images for a batch.
    settings = training_settings(generator, run._replace(checkpoints_dir=run.samples_dir, batch_size=1))
    run, d_features = settings.run, settings.network.d_features
    files.make_writable("cache_dir", run.cache_dir)
    network = features.open_network(run, d_features)
    line = features.explain_choice(run, features.choose_network(run, d_features), d_features)
    if line and d_features == features.EFFICIENTNET:  # otherwise, the lines on missing metrics suffice
        yield line
    dataset = data.load(settings, manifest.saved.classes).composite_on(run.background)
    if manifest.saved.classes:
        dataset = data.require_classes(dataset, run, manifest.saved.classes)
    if manifest.saved.fingerprint not in ("", dataset.fingerprint):
        yield f"The checkpoint was trained on different images{dataset.why_changed(manifest.saved.data_version)}."
        recorded = fingerprints.read(generator.selected.checkpoint.folder, generator.run_id)
        difference = recorded and recorded.describe_difference(dataset, run)
        if difference:
            warn(f"{difference}; the metrics compare samples with pics_dir")
    measurer = Measurer(dataset, settings, run.evaluate_samples, network)
    measured = measurer(generator)
    yield measurer.protocol()
    yield from _values(measured)
    yield from _missing_metrics(measurer.kind, settings.network)
    path = os.path.join(run.samples_dir, f"nearest_{generator.step:08d}_run{short_run_id(generator.run_id)}.png")
    yield from _nearest(measured.fakes.images[: nearest.SAMPLES], dataset.records, measurer, path)


def training_settings(generator, run):
    """Return Settings with which images are prepared as for the training of a CheckpointGenerator."""
    manifest = generator.selected.manifest
    trained_with = {name: manifest.run[name] for name in _IMAGE_SETTINGS if name in manifest.run}
    return Settings(run._replace(**trained_with), manifest.network)


def _values(measured):
    """Yield a line for each metric, with its value and reference values, then a line of class fractions, if any."""
    for metric in registry.METRICS:
        if metric.name in measured.values:
            note = "; ".join(filter(None, (metric.better, metric.reference and metric.reference(measured))))
            yield f"  {metric.name:<16} {measured.values[metric.name]:10.4f}" + (f"   ({note})" if note else "")
    if measured.class_fractions:
        fractions = measured.class_fractions.items()
        listed = ", ".join(f"{name} {100 * fake:.0f}% ({100 * real:.0f}%)" for name, (fake, real) in fractions)
        yield f"  Samples that look like each class, and images in it: {listed}"


def _missing_metrics(kind, network):
    """Yield lines that name the metrics a pretrained network would add; Inception's metrics replace EfficientNet's.

    kind: the kind of network that is used; network: the network settings.
    """
    if kind == features.INCEPTION:
        return
    install = features.install(features.choose_efficientnet(network.d_features))
    cures = {features.EFFICIENTNET: f"{install} adds their network", features.INCEPTION: inception.WHERE}
    measured = registry.available(kind, network.conditional)
    for other, cure in cures.items():
        added = [m for m in registry.available(other, network.conditional) if m not in measured]
        names = [m.name for m in added if m.needs[:1] == (other,)]
        if names:
            yield f"Not measured: {', '.join(names)} ({cure})."


def _nearest(samples, records, measurer, path):
    """Write a sheet of samples beside their nearest training images; yield lines about the distances."""
    results, spaces = [nearest.nearest_in_pixels(samples, records)], ""
    if measurer.kind in PRETRAINED:
        results.append(nearest.nearest_in_features(samples, records, measurer.network, measurer.cached_features))
        spaces = ", in pixels and then in features"
    files.write(path, png(nearest.sheet(samples, records, [indices for indices, _ in results])))
    yield f"{len(samples)} samples, each beside its nearest training images{spaces}: {path}"
    for line, (_, distances) in zip(_DISTANCES, results):
        yield line.format(distances[:, 0].min(), distances[:, 0].max())
