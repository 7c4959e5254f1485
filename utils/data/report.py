"""What the user reads about the pictures: the lines printed at the start, skipped.csv, and refusals."""

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
_MOST_CLASSES = 20  # printed
_MOST_EXTENSIONS = 4  # of ignored files, printed
_MOST_LEVELS = 5  # of black and white, printed
_LOOKED_AT = 500  # pictures, evenly spaced, that are searched for uniform ones and for transparency
_UNIFORM = 4.0  # of 255: less than this is the standard deviation of each channel of a uniform picture
_MANY = 0.05  # the share of uniform pictures that is told


class Summary(NamedTuple):
    """The files of pics_dir that are not used, and what preparing did."""

    unusable: List[Tuple[str, str]]  # (path, reason) of pictures that cannot be used, and of unreadable folders
    ignored: collections.Counter  # files that are not pictures, by extension
    hidden: int  # files and folders with a leading dot, pipes and the like
    decoded: int  # files decoded now; all others were in the cache
    seconds: float  # spent on that
    damage: str  # what was wrong with the cache, or ''
    deep: collections.Counter  # pictures of more than 8 bits, by their kind and their (black, white)


def extension(path):
    """Return the extension of a file's name, bytes, as text for `Summary.ignored`."""
    return os.path.splitext(os.fsdecode(path))[1].lower() or "no extension"


def counted(number, noun):
    """Return a number and its noun, in the plural unless the number is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def describe(pictures, summary, run):
    """Return lines that say which pictures were found, what is left out, and what that means for training."""
    lines = [f"{counted(pictures.n, 'picture')} in {run.pics_dir}: {_classes(pictures)}"]
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
    if summary.deep:
        lines.append(f"More than 8 bits: {_deep(summary)}; if that is wrong, set white_level.")
    lines += _transparent(pictures) + _uniform(pictures)
    if pictures.n < run.batch_size:
        lines.append(
            f"Fewer pictures than batch_size = {run.batch_size}: batches repeat pictures; add pictures or lower it."
        )
    return "\n".join(lines)


def _transparent(pictures):
    """Return a line that says how many pictures have transparency, if that is learnt; else no line."""
    if pictures.records.shape[3] != 4:
        return []
    looked_at = _looked_at(pictures)
    count = sum(pictures.records.take(np.array([i]))[..., 3].min() < 255 for i in looked_at)
    note = "channels = 3 learns the same, faster" if not count else "the others count as opaque"
    line = f"{count} of {counted(len(looked_at), 'picture')} looked at have transparency"
    return [f"{line}." if count == len(looked_at) else f"{line}; {note}."]


def _looked_at(pictures):
    """Return the indices of some pictures, evenly spaced."""
    return np.unique(np.linspace(0, pictures.n - 1, min(pictures.n, _LOOKED_AT)).astype(int))


def _uniform(pictures):
    """Return a line if many pictures are of nearly one colour, such as those of an unknown depth; else no line."""
    looked_at = _looked_at(pictures)
    uniform = [i for i in looked_at if pictures.records.take(np.array([i]))[0].std(axis=(0, 1)).max() < _UNIFORM]
    if len(uniform) < _MANY * len(looked_at):
        return []
    such_as = (pictures.paths_of(uniform[0]) or ["one that is not in the cache any more"])[0]
    return [
        f"{len(uniform)} of {counted(len(looked_at), 'picture')} looked at are of nearly one colour, such as {such_as}"
        "; if they should not be, see reals.png, and bit depths in docs/data.md."
    ]


def _deep(summary):
    """Return which values are black and white in which pictures of more than 8 bits, as text."""
    texts = [
        f"{counted(count, f'{kind} file')} with {f'black at {black:.10g} and ' if black else ''}white at {white:.10g}"
        for (kind, (black, white)), count in summary.deep.most_common(_MOST_LEVELS)
    ]
    if len(summary.deep) > _MOST_LEVELS:
        texts.append("...")
    return ", ".join(texts)


def _classes(pictures):
    """Return how many pictures each class has, as text."""
    counts = np.bincount(pictures.labels - NONE, minlength=len(pictures.classes) + 1)
    texts = [f"{name} {count}" for name, count in zip(pictures.classes, counts[1:])]
    if counts[0]:
        texts.append(f"no class {counts[0]}")
    if len(texts) > _MOST_CLASSES:
        texts = [*texts[:_MOST_CLASSES], f"... ({len(pictures.classes)} classes)"]
    return ", ".join(texts)


def _ignored(summary):
    """Return texts that count the ignored files, by kind."""
    texts = []
    if summary.ignored:
        extensions = [f"{name} {count}" for name, count in summary.ignored.most_common(_MOST_EXTENSIONS)]
        if len(summary.ignored) > _MOST_EXTENSIONS:
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


def refuse_too_few(count, summary, run):
    """Raise UserError if no usable pictures are left, or if more than max_bad of them are unusable.

    count: of the usable ones.
    """
    unusable = len(summary.unusable)
    if count and unusable <= run.max_bad * (count + unusable):
        return
    texts = [counted(count, "usable picture") if count else "no usable pictures"]
    if unusable:
        path, reason = summary.unusable[0]
        texts.append(f"{unusable} unusable (such as {path}: {reason})")
    texts += _ignored(summary)
    cure = f"{os.path.join(run.checkpoints_dir, SKIPPED)} lists why; {LAYOUT}" if unusable else LAYOUT
    if count:
        cure = f"that is more than max_bad = {run.max_bad:g}; {cure}"
    raise UserError(f"pics_dir = {run.pics_dir} holds {', '.join(texts)}; {cure}")
