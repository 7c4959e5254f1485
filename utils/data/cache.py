"""The cache of decoded images: a file of records, and an index of it. Both are locked while a run prepares.

There is one pair of files for each image folder and options. A record that is in the index is never overwritten with
a different one, so that a run can read the file while the next run prepares.
"""

import contextlib
import functools
import glob
import hashlib
import json
import os
import sqlite3

from utils.data import index
from utils.data.decoder import Task
from utils.data.depths import Note
from utils.data.records import record_bytes
from utils.errors import UserError
from utils.runtime.lock import locked

SLACK = 1000  # unused records that do not justify a new file
# SQLite's messages for errors other than damage; they have no exception class of their own.
_NO_DAMAGE = ("disk is full", "unable to open", "is locked", "disk I/O error")


def use_cache(folder, pics_dir, options, work):
    """Return work(cache) for the Cache in `folder` of these images and options, which is locked during the call.

    A damaged cache is removed, and work is called again with an empty one. Raise UserError if the cache cannot be
    written.
    """
    path, start = os.path.realpath(pics_dir), os.path.realpath(folder)
    with contextlib.suppress(ValueError):  # on Windows they may be on different drives
        path = os.path.relpath(path, start)  # so that both folders can be moved together
    key = json.dumps([path, options])
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    stem = os.path.join(folder, f"{'x'.join(map(str, options.shape))}-{digest}")
    on_wait = functools.partial(print, "Another run is preparing these images; waiting for it.", flush=True)
    try:
        with locked(stem + ".lock", on_wait):
            try:
                return _work_once(stem, key, options, work)
            except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
                if any(text in str(error) for text in _NO_DAMAGE):
                    raise
                for path in glob.glob(glob.escape(stem) + ".sqlite*"):
                    os.remove(path)
                _remove_records(stem)
                print(f"Cache repaired: {stem}.sqlite cannot be used ({error}); decoding all images again.", flush=True)
                return _work_once(stem, key, options, work)
    except (sqlite3.Error, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cache_dir = {folder} cannot be written ({reason}); free some space or choose another folder")


def _work_once(stem, key, options, work):
    with index.open_index(stem + ".sqlite", key, os.path.basename(stem) + "-0.records") as db:
        return work(Cache(db, stem, options.shape))


def _remove_records(stem, keep=""):
    """Remove the files of records, except for the file `keep`."""
    for path in glob.glob(glob.escape(stem) + "-*"):
        if os.path.basename(path) != os.path.basename(keep):
            with contextlib.suppress(PermissionError):  # Windows: another run reads it; a later run removes it
                os.remove(path)


class Cache:
    """A file of records and its index. All methods raise sqlite3.Error if the index turns out damaged."""

    def __init__(self, db, stem, shape):
        """Remove damaged entries, and print their number.

        db: see index.open_index. stem: the path that the names of all files begin with. shape: [H, W, C] of an image.
        """
        self._db, self._stem, self.index_path = db, stem, stem + ".sqlite"
        self.shape, self.record_bytes = shape, record_bytes(shape)
        name = index.fetch(db, "SELECT value FROM facts WHERE name = 'records'")  # earlier versions stored the path
        self.records_path = os.path.join(os.path.dirname(stem), os.path.basename(name))
        _remove_records(stem, keep=self.records_path)  # left by a killed run, or in use when they were to be removed
        with open(self.records_path, "ab") as file:
            self._next_slot = os.fstat(file.fileno()).st_size // self.record_bytes
        damaged = db.execute(f"DELETE FROM files WHERE seal IS NOT {index.SEAL}").rowcount
        if damaged > 0:
            print(f"Cache repaired: {self.index_path} was damaged; decoding {damaged} files again.", flush=True)
        lost = db.execute("DELETE FROM files WHERE slot >= ?", [self._next_slot]).rowcount
        if lost > 0:
            print(f"Cache repaired: {self.records_path} was truncated; decoding {lost} images again.", flush=True)

    def commit(self):
        """Keep all changes so far, even if the process is killed."""
        self._db.commit()

    def compare(self, files):
        """Compare the index with all Files of the folder, and remove outdated entries; return the number of new files.

        New files are added, or changed, or could not be read before.
        """
        db = self._db
        columns = "path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER"
        db.execute(f"CREATE TEMP TABLE scanned ({columns}) WITHOUT ROWID")
        db.executemany("INSERT INTO scanned VALUES (?, ?, ?, ?)", files)
        # Unread files are tried again: a change of permissions alters neither size nor mtime. The table of changes is
        # empty in caches of earlier versions.
        db.execute(
            "DELETE FROM files WHERE kind = 'unread' OR NOT EXISTS ("
            "SELECT 1 FROM scanned s LEFT JOIN changes c ON c.path = s.path WHERE s.path = files.path "
            "AND s.size = files.size AND s.mtime_ns = files.mtime_ns AND s.ctime_ns = ifnull(c.ctime_ns, s.ctime_ns))"
        )
        db.execute("DELETE FROM changes")
        db.execute("INSERT INTO changes SELECT path, ctime_ns FROM scanned")
        query = "SELECT path, size, mtime_ns FROM scanned WHERE path NOT IN (SELECT path FROM files) ORDER BY path"
        db.execute(f"CREATE TEMP TABLE new AS {query}")
        self._compact()
        self.commit()
        return index.fetch(db, "SELECT COUNT(*) FROM new")

    def new_files(self):
        """Return an iterator over (path, size, mtime_ns) of the new files that `compare` found, in path order."""
        return self._db.execute("SELECT * FROM new ORDER BY rowid")

    def tasks(self, files):
        """Yield a decoder.Task with a free slot for each (path, size, mtime_ns) of a file to decode."""
        for path, size, mtime_ns in files:
            yield Task(path, self._next_slot, size, mtime_ns)
            self._next_slot += 1

    def add(self, task, outcome):
        """Add the Outcome of a decoder.Task to the index."""
        slot = task.slot if outcome.kind == "picture" else None
        # Messages of decoders may have several lines, or be invalid text.
        reason = " ".join(outcome.reason.split()).encode("utf-8", "backslashreplace").decode("utf-8")
        row = (task.path, task.size, task.mtime_ns, outcome.kind, slot, outcome.checksum, reason)
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, index.seal(*row)))

    def count_images(self):
        """Return the number of images."""
        return index.fetch(self._db, "SELECT COUNT(*) FROM files WHERE kind = 'picture'")

    def select(self, columns, *kinds):
        """Return an iterator over rows of these columns of the files of these kinds, in path order."""
        marks = ", ".join("?" * len(kinds))
        return self._db.execute(f"SELECT {columns} FROM files WHERE kind IN ({marks}) ORDER BY path", kinds)

    def notes(self):
        """Return ((path, size, mtime_ns), depths.Note) of all images of more than 8 bits."""
        query = "SELECT path, size, mtime_ns, reason FROM files WHERE kind IN ('picture', 'deep') AND reason != ''"
        return [(row[:3], Note.from_text(row[3])) for row in self._db.execute(query + " ORDER BY path")]

    def _compact(self):
        """Copy the records to a new file if most of the old one is unused.

        The old file is removed; a run that is reading it can continue to do so.
        """
        if self._next_slot <= 2 * self.count_images() + SLACK:
            return
        rows = sorted(self.select("slot, path", "picture"))
        number = 1 + int(os.path.splitext(self.records_path)[0].split("-")[-1])
        new = f"{self._stem}-{number}.records"
        try:
            with open(self.records_path, "rb") as source, open(new, "wb") as target:
                for slot, _ in rows:
                    source.seek(slot * self.record_bytes)
                    target.write(source.read(self.record_bytes))
        except OSError:  # probably a full disk; a later run tries again
            _remove_records(self._stem, keep=self.records_path)
            return
        self._db.executemany("UPDATE files SET slot = ? WHERE path = ?", enumerate(path for _, path in rows))
        self._db.execute(f"UPDATE files SET seal = {index.SEAL}")
        self._db.execute("UPDATE facts SET value = ? WHERE name = 'records'", [os.path.basename(new)])
        self.commit()
        _remove_records(self._stem, keep=new)
        self.records_path, self._next_slot = new, len(rows)
