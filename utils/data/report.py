"""What the user reads about the images: the lines printed at the start, skipped.csv, and refusals."""

import collections
import csv
import io
import os
from typing import List, NamedTuple, Tuple

import numpy as np

from utils.data.classes import NONE
from utils.data.scan import LAYOUT
from utils.errors import UserError
from utils.output import files

SKIPPED = "skipped.csv"
_EXAMPLES = 5  # unusable files that are printed; skipped.csv lists all
_MAX_CLASSES = 20  # printed
_MAX_EXTENSIONS = 4  # of ignored files, printed
_MAX_LEVELS = 5  # of black and white, printed
_INSPECTED = 500  # images, evenly spaced, that are searched for uniform ones and for transparency
_UNIFORM = 4.0  # of 255: less than this is the standard deviation of each channel of a uniform image
_MIN_UNIFORM = 0.05  # the share of uniform images that is told


class Summary(NamedTuple):
    """The files of pics_dir that are not used, and what preparing did."""

    unusable: List[Tuple[str, str]]  # (path, reason) of images that cannot be used, and of unreadable folders
    ignored: collections.Counter  # files that are not images, by extension
    hidden: int  # files and folders with a leading dot, pipes and the like
    decoded: int  # files decoded now; all others were in the cache
    seconds: float  # spent on that
    damage: str  # what was wrong with the cache, or ''
    high_bit_depth: collections.Counter  # images of more than 8 bits, by their kind and their (black, white)


def extension(path):
    """Return the extension of a file's name, bytes, as text for `Summary.ignored`."""
    return os.path.splitext(os.fsdecode(path))[1].lower() or "no extension"


def counted(number, noun):
    """Return a number and its noun, in the plural unless the number is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def describe(dataset, summary, run):
    """Return lines that say which images were found, what is left out, and what that means for training."""
    lines = [f"{counted(dataset.n, 'image')} in {run.pics_dir}: {_classes(dataset)}"]
    ignored = _ignored(summary)
    if ignored:
        lines.append(f"Ignored: {', '.join(ignored)}.")
    if summary.unusable:
        lines.append(f"Unusable, left out: {len(summary.unusable)}")
        lines += [f"  {path}: {reason}" for path, reason in summary.unusable[:_EXAMPLES]]
        if len(summary.unusable) > _EXAMPLES:
            lines.append(f"  ... all are listed in {os.path.join(run.checkpoints_dir, SKIPPED)}")
    if summary.damage:
        lines.append(f"Cache repaired: {summary.damage}.")
    if summary.decoded:
        decoded = counted(summary.decoded, "file")
        lines.append(f"Prepared {decoded} in {summary.seconds:.1f} s; the cache is in {run.cache_dir}.")
    if summary.high_bit_depth:
        lines.append(f"More than 8 bits: {_high_bit_depth(summary)}; if that is wrong, set white_level.")
    lines += _transparent(dataset) + _uniform(dataset)
    if dataset.n < run.batch_size:
        lines.append(f"Fewer images than batch_size = {run.batch_size}: batches repeat images; add images or lower it.")
    return "\n".join(lines)


def _transparent(dataset):
    """Return a line that says how many images have transparency, if that is learned; else no line."""
    if dataset.records.shape[3] != 4:
        return []
    inspected = _inspected(dataset)
    count = sum(dataset.records.take(np.array([i]))[..., 3].min() < 255 for i in inspected)
    note = "channels = 3 learns the same, faster" if not count else "the others count as opaque"
    line = f"{count} of {counted(len(inspected), 'image')} looked at have transparency"
    return [f"{line}." if count == len(inspected) else f"{line}; {note}."]


def _inspected(dataset):
    """Return the indices of some images, evenly spaced."""
    return np.unique(np.linspace(0, dataset.n - 1, min(dataset.n, _INSPECTED)).astype(int))


def _uniform(dataset):
    """Return a line if many images are of nearly one color, such as those of an unknown depth; else no line."""
    inspected = _inspected(dataset)
    uniform = [i for i in inspected if dataset.records.take(np.array([i]))[0].std(axis=(0, 1)).max() < _UNIFORM]
    if len(uniform) < _MIN_UNIFORM * len(inspected):
        return []
    example = (dataset.paths_of(uniform[0]) or ["one that is not in the cache any more"])[0]
    return [
        f"{len(uniform)} of {counted(len(inspected), 'image')} looked at are of nearly one color, such as {example}"
        "; if they should not be, see reals.png, and bit depths in docs/data.md."
    ]


def _high_bit_depth(summary):
    """Return which values are black and white in which images of more than 8 bits, as text."""
    texts = [
        f"{counted(count, f'{kind} file')} with {f'black at {black:.10g} and ' if black else ''}white at {white:.10g}"
        for (kind, (black, white)), count in summary.high_bit_depth.most_common(_MAX_LEVELS)
    ]
    if len(summary.high_bit_depth) > _MAX_LEVELS:
        texts.append("...")
    return ", ".join(texts)


def _classes(dataset):
    """Return how many images each class has, as text."""
    counts = np.bincount(dataset.labels - NONE, minlength=len(dataset.classes) + 1)
    texts = [f"{name} {count}" for name, count in zip(dataset.classes, counts[1:])]
    if counts[0]:
        texts.append(f"no class {counts[0]}")
    if len(texts) > _MAX_CLASSES:
        texts = [*texts[:_MAX_CLASSES], f"... ({len(dataset.classes)} classes)"]
    return ", ".join(texts)


def _ignored(summary):
    """Return texts that count the ignored files, by kind."""
    texts = []
    if summary.ignored:
        extensions = [f"{name} {count}" for name, count in summary.ignored.most_common(_MAX_EXTENSIONS)]
        if len(summary.ignored) > _MAX_EXTENSIONS:
            extensions.append("...")
        texts.append(f"{counted(sum(summary.ignored.values()), 'other file')} ({', '.join(extensions)})")
    if summary.hidden:
        texts.append(f"{summary.hidden} hidden")
    return texts


def write_skipped(summary, folder):
    """Write all unusable files, with the reasons, to skipped.csv; raise UserError if that is not possible."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("path", "reason"), *summary.unusable])
    try:
        files.write(os.path.join(folder, SKIPPED), text.getvalue().encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(
            f"{SKIPPED} in checkpoints_dir = {folder} cannot be written ({error.strerror}); close other programs that "
            "have it open, free some space or choose another folder"
        )


def check_usable_count(count, summary, run):
    """Raise UserError if no usable images are left, or if more than max_bad of them are unusable.

    count: of the usable ones.
    """
    unusable = len(summary.unusable)
    if count and unusable <= run.max_bad * (count + unusable):
        return
    texts = [counted(count, "usable image") if count else "no usable images"]
    if unusable:
        path, reason = summary.unusable[0]
        texts.append(f"{unusable} unusable (such as {path}: {reason})")
    texts += _ignored(summary)
    cure = f"{os.path.join(run.checkpoints_dir, SKIPPED)} lists why; {LAYOUT}" if unusable else LAYOUT
    if count:
        cure = f"that is more than max_bad = {run.max_bad:g}; {cure}"
    raise UserError(f"pics_dir = {run.pics_dir} holds {', '.join(texts)}; {cure}")
