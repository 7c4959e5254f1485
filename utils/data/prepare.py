"""Prepare the images of a run: scan pics_dir, and decode the files that are not in the cache yet."""

import collections
import contextlib
import errno
import functools
import hashlib
import os
import time
import zlib
from typing import Any, List, NamedTuple

import numpy as np
from PIL import ImageColor

from model import shapes
from utils.config.checks import outputs
from utils.config.startup import counted
from utils.data import decode, decoder, depths, formats, pool, report
from utils.data.cache import use_cache
from utils.data.classes import label_images
from utils.data.index import VERSION, find_paths
from utils.data.records import CompositedRecords, Records
from utils.data.scan import Scan
from utils.errors import UserError, recorded_warnings, warn
from utils.output import terminal
from utils.output.progress import bar


class ImageDataset(NamedTuple):
    """The images of a run, in the order of their paths."""

    records: Any  # Records, or CompositedRecords
    labels: Any  # [n] int32: index into classes; -1 for an image that is not in a class folder
    classes: List[str]  # sorted names of the first-level folders of pics_dir that contain images
    fingerprint: str  # the same if records, labels and their order are the same
    find_paths: Any  # a function of an image's index that returns its paths relative to pics_dir
    changes: str = ""  # why version 0.12 prepared different images; "" if it did not
    # [n, 2] uint32: for each image, the checksum of its record, and CRC-32 of its file's path, size and mtime
    fingerprints: Any = None

    @property
    def n(self):
        """Number of images."""
        return len(self.labels)

    def class_counts(self):
        """Return the number of images of each class, in the order of `classes`; every image must have a class."""
        return tuple(np.bincount(self.labels, minlength=len(self.classes)).tolist())

    def why_changed(self, version):
        """Return why images prepared with another index.VERSION may differ, as the end of a sentence; "" if unknown."""
        return f"; new in this version: {self.changes}" if self.changes and version != VERSION else ""

    def composite_on(self, background):
        """Return the data set, composited on this color if it has an alpha channel."""
        has_alpha = self.records.shape[3] == 4
        return self._replace(records=CompositedRecords(self.records, background)) if has_alpha else self


def decode_options(settings):
    """Return the DecodeOptions for the records that these settings need."""
    run, network = settings.run, settings.network
    size, crop = network.image_size, run.crop
    if crop == "random":  # windows are cut from the records, which are center crops of the images
        sides, crop = (network.height, network.width), "center"
        scale = run.load_size / min(sides)  # load_size: shorter side of the records; 0: 9/8 of both sides
        size = shapes.format_size(*(round(scale * side) if scale else side + side // 8 for side in sides))
    # Images with alpha get a background only when they are shown.
    background = () if network.channels == 4 else ImageColor.getrgb(run.background)
    return decode.DecodeOptions(size, network.channels, crop, background, run.max_megapixels * 10**6)


def load(settings, classes=(), listing=True):
    """Return the images in pics_dir as an ImageDataset, decoding those not in the cache; print a summary.

    classes: names of the classes that a network has learned; their folders are read even if they would be ignored in a
    new run. listing: whether to list the unusable files in skipped.csv. Raise UserError if no images are usable, if
    more than the fraction max_bad of the images is unusable, if a link in pics_dir leads to an output folder, or if the
    cache cannot be written.
    """
    dataset, summary = prepare_images(settings.run, decode_options(settings), classes, listing)
    print(report.describe(dataset, summary, settings.run), flush=True)
    return dataset


def prepare_images(run, options, classes=(), listing=True):
    """Return the ImageDataset of run.pics_dir, decoded with `options`, and a report.Summary.

    classes, listing: see `load`, which raises the same errors.
    """

    def prepare(cache):
        scan, started = Scan(run.pics_dir, outputs(run), classes), time.monotonic()
        new, files = cache.compare(scan)
        job = decoder.Job(run.pics_dir, cache.records_path, options, levels={})
        _decode(cache, job, files, new)
        # Decode images with more than 8 bits per channel again if their levels are new or have changed.
        notes = cache.notes()
        value_ranges = [value_range for _, value_range, _ in notes]
        job = job._replace(levels=depths.estimate_levels(value_ranges, run.white_level))
        outdated = [
            (*file, depths.to_note(value_range, job.levels[value_range.group]))
            for file, value_range, level in notes
            if level != job.levels[value_range.group]
        ]
        _decode(cache, job, outdated, len(outdated))
        unusable = [*sorted(scan.unreadable), *cache.select("path, reason", "bad", "unread")]
        extensions = (formats.extension(path) for (path,) in cache.select("path", "other"))
        summary = report.Summary(
            unusable=[(path.decode("utf-8", "surrogateescape"), reason) for path, reason in unusable],
            ignored=collections.Counter(extension or "no extension" for extension in extensions),
            hidden=scan.hidden,
            folders=scan.folders,
            decoded=max(new, len(outdated)),
            seconds=time.monotonic() - started,
            high_bit_depth=collections.Counter((each.kind, job.levels[each.group]) for each in value_ranges),
            profiles=cache.profiles(),
        )
        if listing:
            report.write_skipped(summary, run.checkpoints_dir)
        dataset = _dataset(cache, job)._replace(changes=report.changes(summary))
        report.check_usable_count(dataset.n, summary, run)
        return dataset, summary

    return use_cache(run.cache_dir, run.pics_dir, options, prepare)


def _decode(cache, job, files, count):
    """Decode `count` files, given as (path, size, mtime_ns, note), and add them to the cache.

    Commit every second, so that a killed run loses at most one second of work.
    """
    if not count:
        return
    tasks, processes = pool.plan(cache.tasks(files))
    if not terminal.can_show_bar():
        print(f"Preparing {counted(count, 'file')} on {counted(processes, 'core')}.", flush=True)
    results, committed = pool.decode_all(tasks, job, processes), time.monotonic()
    line = "Preparing {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}, {rate_fmt}"
    shown = bar(total=count, bar_format=line, unit=" files", leave=False)
    with shown, contextlib.closing(results):
        for task, outcome in results:
            if outcome.kind == "disk":
                raise OSError(errno.EIO, outcome.reason)
            cache.add(task, outcome)
            shown.update()
            if time.monotonic() - committed > 1:
                cache.commit()
                committed = time.monotonic()


def _dataset(cache, job):
    """Return the ImageDataset in the cache; job: the decoder.Job for rebuilding damaged records."""
    labels, classes = label_images(path for (path,) in cache.select("path", "picture"))
    columns = [("slot", np.int32), ("checksum", np.uint32), ("file", np.uint32)]
    rows = cache.select("slot, checksum, path, size, mtime_ns", "picture")
    rows = ((slot, checksum, zlib.crc32(repr(file).encode())) for slot, checksum, *file in rows)
    table = np.fromiter(rows, columns, len(labels))
    slots, checksums = table["slot"], table["checksum"]
    fingerprint = f"{len(labels)} {hashlib.sha256(checksums.tobytes() + labels.tobytes()).hexdigest()[:16]}"
    rebuild = functools.partial(_rebuild, cache.index_path, job)
    records, index_path = Records(cache.records_path, job.options.shape, slots, checksums, rebuild), cache.index_path
    fingerprints = np.stack([checksums, table["file"]], axis=1)

    def find(i):
        return find_paths(index_path, int(checksums[i]))

    return ImageDataset(records, labels, classes, fingerprint, find, fingerprints=fingerprints)


def _rebuild(index_path, job, checksum):
    """Decode again the image whose record should have this checksum; raise UserError if that is not possible."""
    warning = f"{index_path}: damaged records were found; rebuilding them"
    if warning not in recorded_warnings:
        warn(warning, fresh_line=True)
    for path in find_paths(index_path, checksum):
        with contextlib.suppress(OSError, *decode.ERRORS):
            return decode.decode(os.path.join(job.folder, path), job.options, job.levels)[0]
    raise UserError(
        f"the cache {index_path} is damaged, and an image to rebuild it from was removed or changed; "
        "run again to repair the cache"
    )
