"""Messages about the images: the lines printed at startup, skipped.csv, and errors."""

import collections
import csv
import io
import os
from typing import Dict, List, NamedTuple, Tuple

import numpy as np

from utils.config.names import to_bytes
from utils.config.startup import counted
from utils.data import profiles
from utils.data.scan import LAYOUT, REPEATED
from utils.errors import UserError, warn
from utils.output import files

SKIPPED = "skipped.csv"
_EXAMPLES = 5  # number of unusable files printed; skipped.csv lists all
_MAX_CLASSES, _MAX_EXTENSIONS, _MAX_LEVELS = 20, 4, 5  # printed classes, extensions of ignored files, and levels
_INSPECTED = 500  # number of images, evenly spaced, that are checked for transparency and uniform color
_UNIFORM = 4.0  # in a uniform image, the standard deviation of each channel (0 to 255) is below this value
_PROFILES = {
    profiles.CONVERTED: "{} converted to sRGB",
    profiles.DAMAGED: "{} damaged and ignored",
    profiles.UNSUPPORTED: "{} ignored, because this Pillow was built without LittleCMS",
}
_MIN_UNIFORM = 0.05  # minimum fraction of uniform images that is reported


class Summary(NamedTuple):
    """The files in pics_dir that are not used, and statistics of the preparation."""

    unusable: List[Tuple[str, str]]  # (path, reason) of images that cannot be used, and of unreadable folders
    ignored: collections.Counter  # files that are not images, by extension
    hidden: int  # pipes, devices, sockets, and files and folders with a leading dot
    folders: collections.Counter  # see scan.Scan
    decoded: int  # files decoded now; all others were in the cache
    seconds: float  # duration of decoding
    high_bit_depth: collections.Counter  # images with more than 8 bits per channel, by kind and (black, white)
    profiles: Dict[str, int]  # number of images by the fate of their color profile; see profiles.py


def _listed(texts, limit, more="..."):
    """Return the texts joined by commas, with `more` in place of those beyond the limit."""
    return ", ".join([*texts[:limit], more] if len(texts) > limit else texts)


def describe(dataset, summary, run):
    """Return lines about the images: those found, those left out, and the consequences for training."""
    lines = [headline(dataset, run)]
    ignored = _ignored(summary)
    if ignored:
        lines.append(f"Ignored: {', '.join(ignored)}.")
    if summary.unusable:
        lines.append(f"Unusable, left out: {len(summary.unusable)}")
        lines += [f"  {path}: {reason}" for path, reason in summary.unusable[:_EXAMPLES]]
    if len(summary.unusable) > _EXAMPLES:
        lines.append(f"  ... all are listed in {os.path.join(run.checkpoints_dir, SKIPPED)}")
    if summary.decoded:
        decoded = counted(summary.decoded, "file")
        lines.append(f"Prepared {decoded} in {summary.seconds:.1f} s; the cache is in {run.cache_dir}.")
    if summary.high_bit_depth:
        lines.append(f"More than 8 bits: {_high_bit_depth(summary)}; if that is wrong, set white_level.")
    if summary.profiles:
        texts = [text.format(summary.profiles[name]) for name, text in _PROFILES.items() if name in summary.profiles]
        lines.append(f"Color profiles: {', '.join(texts)}.")
    lines += _inspected(dataset)
    if dataset.n < run.batch_size:
        lines.append(f"Fewer images than batch_size = {run.batch_size}: batches repeat images; add images or lower it.")
    return "\n".join(lines)


def headline(dataset, run):
    """Return the number of images, their folder, and the number of images of each class as text."""
    return f"{counted(dataset.n, 'image')} in {run.pics_dir}: {_classes(dataset)}"


def _inspected(dataset):
    """Return lines about images with transparency, if alpha is learned, and about images of nearly one color."""
    indices = np.unique(np.linspace(0, dataset.n - 1, min(dataset.n, _INSPECTED)).astype(int))
    uniform, transparent, lines = [], 0, []
    for i in indices:
        image = dataset.records.take(np.array([i]))[0]
        transparent += image[..., 3:].min(initial=255) < 255  # false without an alpha channel
        if image.std(axis=(0, 1)).max() < _UNIFORM:
            uniform.append(i)
    inspected = f"of {counted(len(indices), 'inspected image')}"
    if dataset.records.shape[3] == 4:
        note = "; the others count as opaque" if transparent else "; channels = 3 learns the same, faster"
        lines.append(f"{transparent} {inspected} have transparency{'' if transparent == len(indices) else note}.")
    if len(uniform) >= _MIN_UNIFORM * len(indices):
        example = (dataset.find_paths(uniform[0]) or ["an image missing from the cache"])[0]
        lines.append(
            f"{len(uniform)} {inspected} are of nearly one color, such as {example}; if that is wrong, see "
            "reals.png, and bit depths in docs/data.md."
        )
    return lines


def _high_bit_depth(summary):
    """Return the black and white levels of images with more than 8 bits per channel as text."""
    texts = [
        f"{counted(count, f'{kind} file')} with {f'black at {black:.10g} and ' if black else ''}white at {white:.10g}"
        for (kind, (black, white)), count in summary.high_bit_depth.most_common()
    ]
    return _listed(texts, _MAX_LEVELS)


def _classes(dataset):
    """Return the number of images of each class as text."""
    names = [*dataset.classes, "no class"]
    counts = np.bincount(dataset.labels % len(names), minlength=len(names))  # -1, no class, becomes the last index
    texts = [f"{name} {count}" for name, count in zip(names, counts) if count]
    return _listed(texts, _MAX_CLASSES, f"... ({len(dataset.classes)} classes)")


def _ignored(summary):
    """Return texts with the numbers of ignored files, folders and links."""
    texts = []
    for counts, noun in ((summary.ignored, "other file"), (summary.folders, "folder")):
        if counts:
            names = [f"{name} {count}" for name, count in counts.most_common()]
            texts.append(f"{counted(sum(counts.values()), noun)} ({_listed(names, _MAX_EXTENSIONS)})")
    if summary.hidden:
        texts.append(f"{summary.hidden} hidden")
    return texts


def changes(summary):
    """Return what version 0.12 did differently with these files, so that its images were different; "" for nothing."""
    texts = ("system folders are ignored", "each folder is read once", "color profiles are converted")
    applies = (set(summary.folders) - {REPEATED}, REPEATED in summary.folders, profiles.CONVERTED in summary.profiles)
    return ", ".join(text for text, applied in zip(texts, applies) if applied)


def write_skipped(summary, folder):
    """Write all unusable files, with the reasons, to skipped.csv; warn if that is not possible."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("path", "reason"), *summary.unusable])
    try:
        files.write(os.path.join(folder, SKIPPED), to_bytes(text.getvalue()), sync=True)
    except OSError as error:
        warn(
            f"{SKIPPED} in checkpoints_dir = {folder} cannot be written ({error.strerror}), so it does not list the "
            "unusable files of this start; close other programs that have it open, or free some space"
        )


def check_usable_count(count, summary, run):
    """Raise UserError without usable images, or if more than the fraction max_bad of the images are unusable.

    count: number of usable images.
    """
    unusable = len(summary.unusable)
    if count and unusable <= run.max_bad * (count + unusable):
        return
    texts, cure = [counted(count, "usable image") if count else "no usable images"], LAYOUT
    if unusable:
        path, reason = summary.unusable[0]
        texts.append(f"{unusable} unusable (such as {path}: {reason})")
        cure = f"{os.path.join(run.checkpoints_dir, SKIPPED)} lists why; {LAYOUT}"
    if count:
        cure = f"that is more than max_bad = {run.max_bad:g}; {cure}"
    raise UserError(f"pics_dir = {run.pics_dir} holds {', '.join([*texts, *_ignored(summary)])}; {cure}")
