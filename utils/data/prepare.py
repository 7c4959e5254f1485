"""From a folder of files to the images of a run: scan it, and decode what is not in the cache yet."""

import collections
import contextlib
import errno
import functools
import hashlib
import os
import sys
import time
from typing import Any, List, NamedTuple

import numpy as np
from PIL import ImageColor
from tqdm import tqdm

from model import shapes
from utils.data import decode, decoder, depths, formats, pool, report
from utils.data.cache import use_cache
from utils.data.classes import label_images
from utils.data.index import find_paths
from utils.data.records import CompositedRecords, Records
from utils.data.scan import Scan
from utils.errors import UserError
from utils.output import terminal


class ImageDataset(NamedTuple):
    """The images of a run, in the order of their paths."""

    records: Any  # Records, or CompositedRecords
    labels: Any  # [n] int32: index into classes; -1 for an image that is not in a class folder
    classes: List[str]  # sorted names of the first-level folders of pics_dir that contain images
    fingerprint: str  # equal for equal records and labels in the same order
    find_paths: Any  # given the index of an image, returns its paths relative to pics_dir

    @property
    def n(self):
        """Number of images."""
        return len(self.labels)

    def class_counts(self):
        """Return the number of images of each class, in the order of `classes`; every image must be in one."""
        return tuple(np.bincount(self.labels, minlength=len(self.classes)).tolist())

    def composite_on(self, background):
        """Return the images as they are shown: with an alpha channel on this color, otherwise as they are."""
        has_alpha = self.records.shape[3] == 4
        return self._replace(records=CompositedRecords(self.records, background)) if has_alpha else self


def decode_options(settings):
    """Return the DecodeOptions of the records for these settings."""
    run, network = settings.run, settings.network
    size, crop = network.image_size, run.crop
    if crop == "random":  # windows are cut from the records, which are the centers of images
        sides, crop = (network.height, network.width), "center"
        scale = run.load_size / min(sides)  # load_size: the shorter side of the records, or 0 for 9/8 of both
        size = shapes.format_size(*(round(scale * side) if scale else side + side // 8 for side in sides))
    # Images with alpha get a background only when they are shown.
    background = () if network.channels == 4 else ImageColor.getrgb(run.background)
    return decode.DecodeOptions(size, network.channels, crop, background)


def load(settings, listing=True):
    """Return the ImageDataset in pics_dir, decoded for these settings as far as necessary; print what was found.

    listing: whether to list the unusable files in skipped.csv. Raise UserError if no images are usable, if more than
    max_bad are not, or if the cache cannot be written.
    """
    dataset, summary = prepare_images(settings.run, decode_options(settings), listing)
    print(report.describe(dataset, summary, settings.run), flush=True)
    return dataset


def prepare_images(run, options, listing=True):
    """Return the ImageDataset of run.pics_dir as records of `options`, and a report.Summary.

    listing: whether to write skipped.csv. Raise UserError if no images are usable, or too few.
    """

    def prepare(cache):
        scan, started = Scan(run.pics_dir), time.time()
        new = cache.compare(scan)
        job = decoder.Job(run.pics_dir, cache.records_path, options, levels={})
        _decode(cache, job, cache.new_files(), new, texts={})
        value_ranges = [note.value_range for _, note in cache.notes()]
        job = job._replace(levels=depths.estimate_levels(value_ranges, run.white_level))
        high_bit_depth = _decode_high_bit_depth(cache, job)
        unusable = [*sorted(scan.unreadable), *cache.select("path, reason", "bad", "unread")]
        extensions = (formats.extension(path) for (path,) in cache.select("path", "other"))
        summary = report.Summary(
            unusable=[(os.fsdecode(path), reason) for path, reason in unusable],
            ignored=collections.Counter(extension or "no extension" for extension in extensions),
            hidden=scan.hidden,
            decoded=max(new, high_bit_depth),
            seconds=time.time() - started,
            high_bit_depth=collections.Counter((each.kind, job.levels[each.group]) for each in value_ranges),
        )
        if listing:
            report.write_skipped(summary, run.checkpoints_dir)
        report.check_usable_count(cache.count_images(), summary, run)
        return _dataset(cache, job), summary

    return use_cache(run.cache_dir, run.pics_dir, options, prepare)


def _decode_high_bit_depth(cache, job):
    """Decode the images of more than 8 bits whose white is new or has changed; return their number.

    job: its levels are the ones to decode with.
    """
    files, texts = [], {}
    for file, note in cache.notes():
        level = job.levels[note.value_range.group]
        if note.level != level:
            files.append(file)
            texts[file[0]] = note._replace(level=level).to_text()
    _decode(cache, job, files, len(files), texts)
    return len(files)


def _decode(cache, job, files, count, texts):
    """Decode `count` files, given as (path, size, mtime_ns), and add them to the cache.

    It commits every second, so that a killed run loses at most the last one. texts: what the index states about the
    images, by path.
    """
    if not count:
        return
    processes, show_bar = pool.num_processes(count), terminal.can_show_bar()
    if not show_bar:
        print(f"Preparing {report.counted(count, 'file')} on {report.counted(processes, 'core')}.", flush=True)
    results, committed = pool.decode_all(cache.tasks(files), job, processes), time.time()
    line = "Preparing {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}, {rate_fmt}"
    bar_options = {"disable": not show_bar, "bar_format": line, "unit": " files", "leave": False}
    with tqdm(total=count, file=sys.stdout, **bar_options) as bar, contextlib.closing(results):
        for task, outcome in results:
            if outcome.kind == "disk":
                raise OSError(errno.EIO, outcome.reason)
            if outcome.kind == "picture":
                outcome = outcome._replace(reason=texts.get(task.path, ""))
            cache.add(task, outcome)
            bar.update()
            if time.time() - committed > 1:
                cache.commit()
                committed = time.time()


def _dataset(cache, job):
    """Return the ImageDataset in the cache; job: how to decode images again whose records turn out damaged."""
    labels, classes = label_images(path for (path,) in cache.select("path", "picture"))
    columns = [("slot", np.int32), ("checksum", np.uint32)]
    table = np.fromiter(cache.select("slot, checksum", "picture"), columns, len(labels))
    slots, checksums = table["slot"].copy(), table["checksum"].copy()
    fingerprint = f"{len(labels)} {hashlib.sha256(checksums.tobytes() + labels.tobytes()).hexdigest()[:16]}"
    rebuild = functools.partial(_rebuild, cache.index_path, job)
    records, index_path = Records(cache.records_path, cache.shape, slots, checksums, rebuild), cache.index_path

    def paths(i):
        return [os.fsdecode(path) for path in find_paths(index_path, int(checksums[i]))]

    return ImageDataset(records, labels, classes, fingerprint, paths)


def _rebuild(index_path, job, checksum):
    """Return the image whose record has this checksum, decoded again; raise UserError if that is not possible."""
    warning = f"{index_path}: damaged records were found; rebuilding them"
    if warning not in terminal.recorded_warnings():
        terminal.warn(warning, fresh_line=True)
    for path in find_paths(index_path, checksum):
        with contextlib.suppress(OSError, *decode.ERRORS):
            return decode.decode(os.path.join(os.fsencode(job.folder), path), job.options, job.levels)
    raise UserError(
        f"the cache {index_path} is damaged, and an image to rebuild it from was removed or changed; "
        "run again to repair the cache"
    )
