"""From a folder of files to the images of a run: scan it, and decode what is not in the cache yet."""

import collections
import contextlib
import errno
import hashlib
import os
import sys
import time
from typing import Any, List, NamedTuple

import numpy as np
from PIL import ImageColor
from tqdm import tqdm

from model import shapes
from utils.data import decode, decoder, depths, pool, report
from utils.data.cache import use_cache
from utils.data.classes import Labels
from utils.data.index import paths_of
from utils.data.records import CompositedRecords, Records
from utils.data.scan import Scan
from utils.errors import UserError
from utils.output import terminal


class ImageDataset(NamedTuple):
    """The images of a run, in the order of their paths."""

    records: Any  # Records, or CompositedRecords
    labels: Any  # [n] int32: index into classes; -1 for an image that is not in a class folder
    classes: List[str]  # sorted names of the first-level folders of pics_dir that hold images
    fingerprint: str  # equal for equal records and labels in the same order
    paths_of: Any  # given the index of an image, returns the paths it has, relative to pics_dir

    @property
    def n(self):
        """How many images there are."""
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
    if crop == "random":  # the windows are cut from the records, which are the centers of images
        size, crop = _load_size(run.load_size, network.height, network.width), "center"
    # Images with alpha are on a background only where they are shown.
    background = () if network.channels == 4 else ImageColor.getrgb(run.background)
    return decode.DecodeOptions(size, network.channels, crop, background)


def _load_size(shorter, height, width):
    """Return the size of the records that windows are cut from; shorter: their shorter side, 0 for 9/8 of both."""
    if not shorter:
        return shapes.format_size(height + height // 8, width + width // 8)
    scale = shorter / min(height, width)
    return shapes.format_size(round(scale * height), round(scale * width))


def prepare_images(run, options, listing=True):
    """Return the ImageDataset of run.pics_dir as records of `options`, and a report.Summary.

    listing: whether to write skipped.csv. Raise UserError if no images are usable, or too few.
    """

    def on_wait():
        print("Another run is preparing these images; waiting for it.", flush=True)

    def work(cache):
        scan, started = Scan(run.pics_dir), time.time()
        new = cache.compare(scan)
        job = decoder.Job(run.pics_dir, cache.records_path, options, levels={})
        if new:
            _decode(cache, job, cache.index.new(), new, notes={})
        notes = cache.notes()
        levels = depths.estimate_levels([note.value_range for _, note in notes], run.white_level)
        high_bit_depth = _decode_high_bit_depth(cache, job._replace(levels=levels), notes)
        summary = report.Summary(
            unusable=_unusable(cache, scan),
            ignored=collections.Counter(report.extension(path) for path, _, _, _ in cache.index.rows("other")),
            hidden=scan.hidden,
            decoded=max(new, high_bit_depth),
            seconds=time.time() - started,
            damage=cache.damage,
            high_bit_depth=collections.Counter(
                (note.value_range.kind, note.level) for _, note in cache.notes() if note.level
            ),
        )
        if listing:
            report.write_skipped(summary, run.checkpoints_dir)
        report.check_usable_count(cache.index.count("picture"), summary, run)
        return _images(cache, run, options, levels), summary

    return use_cache(run.cache_dir, run.pics_dir, options, on_wait, work)


def _decode_high_bit_depth(cache, job, notes):
    """Decode the images of more than 8 bits whose white has changed or was not judged; return how many.

    job: its levels are what they are to be decoded with. notes: see Cache.notes.
    """
    stale = [(file, note) for file, note in notes if note.level != job.levels[note.value_range.group]]
    new_notes = {file[0]: note._replace(level=job.levels[note.value_range.group]).to_text() for file, note in stale}
    if stale:
        _decode(cache, job, [file for file, _ in stale], len(stale), new_notes)
    return len(stale)


def _decode(cache, job, files, count, notes):
    """Decode `count` files, of (path, size, mtime_ns), and add them to the cache.

    It commits every second, so that a killed run loses at most the last one. notes: what the index notes about the
    images, by path.
    """
    processes = pool.processes_for(count)
    results = pool.decode_all(cache.with_slots(files), job, processes)
    committed = time.time()
    with _progress_bar(count, processes) as bar, contextlib.closing(results):
        for file, outcome in results:
            if outcome.kind == "disk":
                raise OSError(errno.EIO, outcome.reason)
            if outcome.kind == "picture":
                outcome = outcome._replace(reason=notes.get(file[0], ""))
            cache.add(file, outcome)
            bar.update()
            if time.time() - committed > 1:
                cache.index.commit()
                committed = time.time()


def _progress_bar(files, processes):
    """Return a progress bar; where none can be shown, print a line instead."""
    line = "Preparing {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}, {rate_fmt}"
    silent = not terminal.can_show_bar()
    if silent:
        files_text, cores_text = report.counted(files, "file"), report.counted(processes, "core")
        print(f"Preparing {files_text} on {cores_text}.", flush=True)
    return tqdm(total=files, file=sys.stdout, disable=silent, bar_format=line, unit=" files", leave=False)


def _unusable(cache, scan):
    """Return (path, reason) of everything that cannot be used."""
    rows = [(os.fsdecode(path), reason) for path, reason in sorted(scan.unreadable)]
    return rows + [(os.fsdecode(path), reason) for path, _, _, reason in cache.index.rows("bad", "unread")]


def _images(cache, run, options, levels):
    """Return the ImageDataset in the cache."""
    n = cache.index.count("picture")
    slots, checksums, labels = np.empty(n, np.int32), np.empty(n, np.uint32), Labels(n)
    for i, (path, slot, checksum, _) in enumerate(cache.index.rows("picture")):
        slots[i], checksums[i] = slot, checksum
        labels.add(i, path)
    labels, classes = labels.sorted()
    index_path = cache.index.path
    rebuild = _Rebuilder(index_path, run.pics_dir, options, levels)
    fingerprint = f"{n} {hashlib.sha256(checksums.tobytes() + labels.tobytes()).hexdigest()[:16]}"
    records = Records(cache.records_path, cache.shape, slots, checksums, rebuild)

    def paths_of_image(i):
        return [os.fsdecode(path) for path in paths_of(index_path, int(checksums[i]))]

    return ImageDataset(records, labels, classes, fingerprint, paths_of_image)


class _Rebuilder:
    """Decodes images again whose records turn out damaged during training."""

    def __init__(self, index_path, pics_dir, options, levels):
        self._index_path, self._pics_dir, self._options = index_path, os.fsencode(pics_dir), options
        self._levels, self._warned = levels, False

    def __call__(self, checksum):
        """Return the image whose record has this checksum; raise UserError if it cannot be decoded again."""
        if not self._warned:
            self._warned = True
            terminal.warn(f"{self._index_path}: damaged records were found; rebuilding them", fresh_line=True)
        for path in paths_of(self._index_path, checksum):
            with contextlib.suppress(OSError, *decode.ERRORS):
                return decode.decode(os.path.join(self._pics_dir, path), self._options, self._levels)
        raise UserError(
            f"the cache {self._index_path} is damaged, and an image to rebuild it from was removed or changed; "
            "run again to repair the cache"
        )
