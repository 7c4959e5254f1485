"""From a folder of files to the pictures of a run: scan, decode what is new, say what was found and left out."""

import collections
import contextlib
import csv
import hashlib
import io
import os
import sys
import time
from typing import Any, List, NamedTuple, Tuple

import numpy as np
from PIL import ImageColor
from tqdm import tqdm

from utils.data import cache, decode
from utils.data import pool as workers
from utils.data.records import Records
from utils.data.scan import LAYOUT, Scan
from utils.errors import UserError
from utils.output import files

SKIPPED = "skipped.csv"


class Pictures(NamedTuple):
    """The pictures of a run."""

    records: Any  # Records, in the order of the pictures' paths
    labels: Any  # [n] int32: index into classes; -1 for a picture that lies in no class folder
    classes: List[str]  # names of the folders in pics_dir that hold pictures, sorted
    fingerprint: str  # the same for the same records and labels in the same order
    paths_of: Any  # given the index of a picture, returns the paths it has, relative to pics_dir


class Report(NamedTuple):
    """What was found beside pictures that can be used."""

    bad: int  # pictures that cannot be used
    first_bad: List[Tuple[str, str]]  # (path, reason) of the first few
    others: collections.Counter  # files that are no pictures, by their endings
    hidden: int  # dotfiles, pipes and the like
    prepared: int  # pictures decoded now, not taken from the cache
    seconds: float  # that took
    damage: str  # what was wrong with the cache


def recipe_of(run, network):
    """Return the Recipe of the records that these settings want."""
    size, crop = network.image_size, run.crop
    if crop == "random":  # the window is drawn from the record, which is a centre square
        size, crop = run.load_size or size + size // 8, "center"
    return decode.Recipe(size, network.channels, crop, ImageColor.getrgb(run.background))


def load(run, recipe, listing=True):
    """Return the Pictures and the Report of run.pics_dir, each picture decoded by `recipe`, as far as need be.

    listing: and what is left out is listed in skipped.csv. Raise UserError where nothing, or too little, is left.
    """

    def waiting():
        print("Another run is preparing these pictures; waiting for it.", flush=True)

    def work(known):
        scan, started = Scan(run.pics_dir), time.time()
        new = known.compare(scan)
        if new:
            _decode_new(known, new, run, recipe)
        skipped = _skipped(known, scan)
        if listing:
            _write_skipped(skipped, run.checkpoints_dir)
        others = collections.Counter(_ending(path) for path, _, _, _ in known.rows("other"))
        report = Report(len(skipped), skipped[:5], others, scan.hidden, new, time.time() - started, known.damage)
        return _pictures(known, run, recipe, known.count("picture"), report), report

    return cache.using(run.cache_dir, run.pics_dir, recipe, waiting, work)


def _decode_new(known, new, run, recipe):
    """Decode what is new, and keep it as it comes: every second for good."""
    processes = min(workers.cores(), new)
    folder, path = run.pics_dir, known.records_path
    outcomes = workers.decode_all(known.new_files(), folder, path, recipe, processes)
    kept = time.time()
    words = "Preparing {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}, {rate_fmt}"
    bar = tqdm(
        total=new, file=sys.stdout, disable=not sys.stdout.isatty(), bar_format=words, unit=" files", leave=False
    )
    if bar.disable:
        print("Preparing %s on %s." % (_counted(new, "file"), _counted(processes, "core")), flush=True)
    with bar, contextlib.closing(outcomes):
        for file, outcome in outcomes:
            if outcome.kind == "disk":
                cache.refuse_full(run.cache_dir, outcome.reason)
            known.add(file, outcome)
            bar.update()
            if time.time() - kept > 1:
                known.commit()
                kept = time.time()


def _skipped(known, scan):
    """Return (path, reason) of all that cannot be used."""
    rows = [(os.fsdecode(name), reason) for name, reason in sorted(scan.unreadable)]
    return rows + [(os.fsdecode(name), reason) for name, _, _, reason in known.rows("bad", "unread")]


def _write_skipped(rows, folder):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("path", "reason"), *rows])
    try:
        files.write(os.path.join(folder, SKIPPED), text.getvalue().encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError("%s in checkpoints_dir = %s cannot be written (%s)" % (SKIPPED, folder, error.strerror))


def _pictures(known, run, recipe, count, report):
    _refuse_too_few(count, run, report)
    slots, expected, labels = np.empty(count, np.int32), np.empty(count, np.uint32), np.empty(count, np.int32)
    classes = {}  # in the order of paths, in which "a-b/" comes before "a/"
    for i, (path, slot, checksum, _) in enumerate(known.rows("picture")):
        folder = os.path.dirname(path).split(os.fsencode(os.sep))[0]
        slots[i], expected[i] = slot, checksum
        labels[i] = classes.setdefault(folder, len(classes)) if folder else -1
    names = sorted(classes)
    rank = {name: i for i, name in enumerate(names)}
    labels = np.array([rank[name] for name in classes] + [-1], np.int32)[labels]
    remake = _Remake(known.database_path, run.pics_dir, recipe)
    records = Records(known.records_path, known.shape, slots, expected, remake)
    fingerprint = "%d %s" % (count, hashlib.sha256(expected.tobytes() + labels.tobytes()).hexdigest()[:16])

    def paths_of(index):
        return [os.fsdecode(path) for path in cache.paths_of(remake.database_path, int(expected[index]))]

    return Pictures(records, labels, [os.fsdecode(name) for name in names], fingerprint, paths_of)


class _Remake:
    """Makes pictures anew whose records turn out damaged while they are being used."""

    def __init__(self, database_path, pics_dir, recipe):
        self.database_path, self._pics_dir, self._recipe = database_path, os.fsencode(pics_dir), recipe
        self._told = False

    def __call__(self, checksum):
        if not self._told:
            self._told = True
            words = "\nmain.py: %s: damaged records were found; they are made again from their pictures"
            print(words % self.database_path, file=sys.stderr)
        for path in cache.paths_of(self.database_path, checksum):
            with contextlib.suppress(OSError, decode.NotAPictureError, decode.BadPictureError):
                return decode.decode(os.path.join(self._pics_dir, path), self._recipe)
        raise UserError(
            "the cache %s is damaged, and a picture it was made of is gone or changed; run again: that sets it right"
            % self.database_path
        )


def _refuse_too_few(count, run, report):
    """Raise UserError where there is nothing to train on, or more than max_bad of it cannot be used."""
    if count and report.bad <= run.max_bad * (count + report.bad):
        return
    found = ["%d pictures that can be used" % count if count else "no picture that can be used"]
    if report.bad:
        found.append("%d that cannot (such as %s: %s)" % (report.bad, *report.first_bad[0]))
    found += _others(report)
    wanted = LAYOUT if not report.bad else "%s lists why; %s" % (os.path.join(run.checkpoints_dir, SKIPPED), LAYOUT)
    if count:
        wanted = "that is more than max_bad = %g; %s" % (run.max_bad, wanted)
    raise UserError("pics_dir = %s holds %s; %s" % (run.pics_dir, ", ".join(found), wanted))


def refuse_other_classes(pictures, run, before):
    """Raise UserError where the folders are no classes to learn, or not those that a run knows from `before`."""
    stray = int((pictures.labels < 0).sum())
    if stray:
        raise UserError(
            "conditional = 1 wants every picture in a class folder, but %d of %d lie in none, right in pics_dir = %s; "
            "move them into folders, or set conditional = 0 in model/params.py"
            % (stray, len(pictures.labels), run.pics_dir)
        )
    if len(pictures.classes) < 2:
        raise UserError(
            "conditional = 1 wants two class folders or more, but pics_dir = %s has only %s; add others, or set "
            "conditional = 0 in model/params.py" % (run.pics_dir, pictures.classes[0])
        )
    if before is not None and tuple(pictures.classes) != tuple(before):
        raise UserError(
            "the classes in pics_dir = %s are %s, but this run has learnt %s; bring the folders back, or start a new "
            "run with other --checkpoints_dir and --samples_dir"
            % (run.pics_dir, ", ".join(pictures.classes), ", ".join(before))
        )


def _others(report):
    """Return words for the files that are passed over, by kind."""
    words = []
    if report.others:
        endings = ", ".join("%s %d" % pair for pair in report.others.most_common(4))
        more = ", ..." if len(report.others) > 4 else ""
        words.append("%s (%s%s)" % (_counted(sum(report.others.values()), "other file"), endings, more))
    if report.hidden:
        words.append("%d hidden" % report.hidden)
    return words


def _counted(number, thing):
    return "%d %s%s" % (number, thing, "" if number == 1 else "s")


def _ending(path):
    return os.path.splitext(os.fsdecode(path))[1].lower() or "no ending"


def describe(pictures, report, run):
    """Return lines that say what was found, what was left out, and what that means for training."""
    n = len(pictures.records)
    counts = np.bincount(pictures.labels + 1, minlength=len(pictures.classes) + 1)
    classes = ["%s %d" % pair for pair in zip(pictures.classes, counts[1:])]
    classes += ["in no class %d" % counts[0]] * bool(counts[0])
    shown = classes[:20] + ["... (%d classes)" % len(pictures.classes)] * (len(classes) > 20)
    lines = ["%s in %s: %s" % (_counted(n, "picture"), run.pics_dir, ", ".join(shown))]
    others = _others(report)
    if others:
        lines.append("Passed over: %s." % ", ".join(others))
    if report.bad:
        lines.append("Left out, because they cannot be used: %d" % report.bad)
        lines += ["  %s: %s" % each for each in report.first_bad]
        lines += ["  ... all are in %s" % os.path.join(run.checkpoints_dir, SKIPPED)] * (report.bad > 5)
    if report.damage:
        lines.append("The cache was put in order: %s." % report.damage)
    if report.prepared:
        files = _counted(report.prepared, "file")
        lines.append("Prepared %s in %.1f s; the pictures are kept in %s." % (files, report.seconds, run.cache_dir))
    if n < run.batch_size:
        advice = "Fewer pictures than batch_size = %d: a batch holds some twice; add pictures or lower it."
        lines.append(advice % run.batch_size)
    return "\n".join(lines)
