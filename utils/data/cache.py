"""The cache of decoded images: a file of records, and an index of it. Both are locked while a run prepares.

There is one pair of files for each image folder and options. A record that is in the index is never overwritten with
a different one, so that a run can read the file while the next run prepares.
"""

import contextlib
import hashlib
import json
import os
import sqlite3

from utils.data.depths import Note
from utils.data.index import Index, OtherVersionError
from utils.data.records import record_bytes
from utils.errors import UserError
from utils.runtime.lock import locked

SLACK = 1000  # unused records that do not justify a new file
# SQLite's messages for errors that do not mean damage; it has no exception class of their own for them.
_NO_DAMAGE = ("disk is full", "unable to open", "is locked", "disk I/O error")


def use_cache(folder, pics_dir, options, on_wait, work):
    """Return work(cache) of the Cache in `folder` for these images and this options, locked during the call.

    on_wait: called if another run has locked it. A damaged cache is removed, and work is called again with an empty
    one. Raise UserError if the cache cannot be written.
    """
    key = _key(folder, pics_dir, options)
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    stem = os.path.join(folder, f"{'x'.join(map(str, options.shape))}-{digest}")
    try:
        with locked(stem + ".lock", on_wait):
            return _work_undamaged(stem, key, options, work)
    except (sqlite3.Error, OSError) as error:
        raise_unwritable(folder, getattr(error, "strerror", None) or error)


def _key(folder, pics_dir, options):
    """Return the text that identifies the image folder and the options."""
    path, start = os.path.realpath(pics_dir), os.path.realpath(folder)
    # Relative, so that both folders can be moved together; on Windows they may be on different drives.
    with contextlib.suppress(ValueError):
        path = os.path.relpath(path, start)
    return json.dumps([path, options])


def _work_undamaged(stem, key, options, work):
    """Return work(cache); if the index turns out damaged, once more with an empty cache."""
    try:
        return _work_open(Cache(stem, key, options), work)
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        if any(text in str(error) for text in _NO_DAMAGE):
            raise
        cache = Cache(stem, key, options)
        cache.remove()
        what = error if isinstance(error, OtherVersionError) else f"is damaged ({error})"
        cache.damage = f"{cache.index.path} {what}; decoding all images again"
        return _work_open(cache, work)


def _work_open(cache, work):
    try:
        cache.open()
        return work(cache)
    finally:
        cache.index.close()


def raise_unwritable(folder, reason):
    """Raise the UserError for a cache that cannot be written."""
    raise UserError(f"cache_dir = {folder} cannot be written ({reason}); free some space or choose another folder")


class Cache:
    """A file of records and its index, an Index."""

    def __init__(self, stem, key, options):
        """stem: the path that the names of all its files begin with. key: see Index.open."""
        self._stem, self._key, self._next_slot = stem, key, 0
        self.shape = options.shape
        self.record_bytes = record_bytes(self.shape)
        self.damage = ""  # what was wrong with the files, and is repaired
        self.index = Index(stem + ".sqlite")

    def remove(self):
        """Remove its files. Records that another run has open stay on Windows, and are not overwritten."""
        for path in self._files(".sqlite"):
            os.remove(path)
        self._remove_records()

    def open(self):
        """Open the index, and remove from it what is damaged."""
        self.index.open(self._key, os.path.basename(self._stem) + "-0.records")
        self._remove_records(keep=self.records_path)  # left by a killed run, or in use when they were to be removed
        with open(self.records_path, "ab") as file:
            whole = os.fstat(file.fileno()).st_size // self.record_bytes
        damaged = self.index.remove_damaged()
        if damaged > 0:
            self.damage = f"{self.index.path} was damaged; decoding {damaged} files again"
        lost = self.index.remove_from(whole)
        if lost > 0:
            self.damage = f"{self.records_path} was truncated; decoding {lost} images again"
        self._next_slot = whole

    @property
    def records_path(self):
        """The file of records."""
        return os.path.join(os.path.dirname(self._stem), self.index.records_name)

    def _files(self, ending):
        """Return the paths of the files whose names begin with the stem and `ending`."""
        folder, name = os.path.split(self._stem)
        return [os.path.join(folder, each) for each in os.listdir(folder) if each.startswith(name + ending)]

    def _remove_records(self, keep=None):
        for path in self._files("-"):
            if path != keep:
                with contextlib.suppress(PermissionError):  # Windows: another run reads it; removed by a later run
                    os.remove(path)

    def compare(self, files):
        """Compare the index with the Files of the folder; return how many are to be decoded."""
        self.index.compare(files)
        self._compact()
        self.index.commit()
        return self.index.count_new()

    def with_slots(self, files):
        """Yield (path, slot for its record, size, mtime_ns) for each (path, size, mtime_ns) of a file to decode."""
        for path, size, mtime_ns in files:
            yield path, self._next_slot, size, mtime_ns
            self._next_slot += 1

    def add(self, file, outcome):
        """Add the Outcome of a file, as `with_slots` yields it, to the index."""
        path, slot, size, mtime_ns = file
        slot = slot if outcome.kind == "picture" else None
        # Decoders' messages may have several lines, or be invalid as text.
        reason = " ".join(outcome.reason.split()).encode("utf-8", "backslashreplace").decode("utf-8")
        self.index.add(path, size, mtime_ns, outcome.kind, slot, outcome.checksum, reason)

    def notes(self):
        """Return ((path, size, mtime_ns), depths.Note) of all images of more than 8 bits."""
        return [(row[:3], Note.from_text(row[3])) for row in self.index.noted()]

    def _compact(self):
        """Copy the records to a new file if most of the old one is unused.

        The old file is removed; a run that is reading it can continue to do so.
        """
        if self._next_slot <= 2 * self.index.count("picture") + SLACK:
            return
        rows = sorted((slot, path) for path, slot, _, _ in self.index.rows("picture"))
        old = self.records_path
        new = f"{self._stem}-{1 + int(old.split('-')[-1].split('.')[0])}.records"
        try:
            self._copy(old, new, [slot for slot, _ in rows])
        except OSError:  # such as a full disk: left for another time
            with contextlib.suppress(OSError):
                os.remove(new)
            return
        self.index.move([path for _, path in rows], os.path.basename(new))
        self.index.commit()
        with contextlib.suppress(PermissionError):  # Windows: another run reads it; removed by a later run
            os.remove(old)
        self._next_slot = len(rows)

    def _copy(self, old, new, slots):
        with open(old, "rb") as source, open(new, "wb") as target:
            for slot in slots:
                source.seek(slot * self.record_bytes)
                target.write(source.read(self.record_bytes))
