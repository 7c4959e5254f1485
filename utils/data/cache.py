"""The cache of decoded images: a file of records, and its index.

Each combination of image folder and decoding options has its own pair of files. Both are locked while a run prepares
its images. A record in the index is never overwritten with a different one, so that a run can read its records while
the next run prepares images.
"""

import contextlib
import functools
import glob
import hashlib
import json
import os
import sqlite3

import PIL
from PIL import features

from utils.config.names import readable
from utils.data import index
from utils.data.decoder import Task
from utils.data.depths import from_note
from utils.data.records import record_bytes
from utils.errors import UserError
from utils.runtime.lock import locked

SLACK = 1000  # unused records that are tolerated before all images are decoded again
# SQLite's messages for errors other than damage; they have no exception class of their own.
_NO_DAMAGE = ("disk is full", "unable to open", "is locked", "disk I/O error")


def use_cache(folder, pics_dir, options, work):
    """Call work(cache) with the Cache of these images and options in `folder`; return the result.

    The cache is locked during the call. If it is damaged, it is removed, and work is called again with an empty one.
    Raise UserError if the cache cannot be written.
    """
    path, start = os.path.realpath(pics_dir), os.path.realpath(folder)
    with contextlib.suppress(ValueError):  # on Windows, the two folders may be on different drives
        path = os.path.relpath(path, start)  # so that both folders can be moved together
    key = json.dumps([readable(path), options[:-1]])  # max_pixels does not change a record
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
                print(f"Cache rebuilt: {stem}.sqlite cannot be used ({error}); decoding all images again.", flush=True)
                return _work_once(stem, key, options, work)
    except (sqlite3.Error, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cache_dir = {folder} cannot be written ({reason}); free some space or choose another folder")


def _work_once(stem, key, options, work):
    with contextlib.closing(index.connect(stem + ".sqlite", "rwc")) as db:
        try:
            reader = f"Pillow {PIL.__version__}, {features.version('littlecms2')}, {options.max_pixels} pixels"
            index.initialize(db, stem, key, reader)
            return work(Cache(db, stem, options.shape))
        finally:
            db.commit()


class Cache:
    """A file of records and its index. All methods raise sqlite3.Error if the index turns out to be damaged."""

    def __init__(self, db, stem, shape):
        """Remove damaged entries and the records of a removed index; print the number of damaged entries.

        db, stem: see index.initialize. shape: [H, W, C] of an image.
        """
        self._db, self.index_path, self.record_bytes = db, stem + ".sqlite", record_bytes(shape)
        name = index.fetch(db, "SELECT value FROM facts WHERE name = 'records'")
        self.records_path = os.path.join(os.path.dirname(stem), name)
        for path in glob.glob(glob.escape(stem) + "-*"):  # records of a removed index
            if os.path.basename(path) != name:
                with contextlib.suppress(PermissionError):  # Windows: another run reads it; a later run removes it
                    os.remove(path)
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
        """Compare the index with the files of a scan.Scan, and remove outdated entries.

        Return the number of files to decode, and an iterator over their (path, size, mtime_ns, note) in path order:
        files that are new, have changed or could not be read before. Raise sqlite3.Error, which removes the cache, if
        most of its records are unused.
        """
        db = self._db
        columns = "path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER"
        db.execute(f"CREATE TEMP TABLE scanned ({columns}) WITHOUT ROWID")
        db.executemany("INSERT INTO scanned VALUES (?, ?, ?, ?)", files)
        # Retry unread files: a change of permissions alters neither size nor mtime.
        db.execute(
            "DELETE FROM files WHERE kind = 'unread' OR NOT EXISTS ("
            "SELECT 1 FROM scanned s JOIN changes c ON c.path = s.path WHERE s.path = files.path "
            "AND s.size = files.size AND s.mtime_ns = files.mtime_ns AND s.ctime_ns = c.ctime_ns)"
        )
        db.execute("DELETE FROM changes")
        db.execute("INSERT INTO changes SELECT path, ctime_ns FROM scanned")
        # A file takes one slot, or two if it has more than 8 bits per channel, and one more if its white changed.
        if self._next_slot > 3 * index.fetch(db, "SELECT COUNT(*) FROM scanned") + SLACK:
            raise sqlite3.DatabaseError("most of its images were removed or changed")
        query = "SELECT path, size, mtime_ns, '' FROM scanned WHERE path NOT IN (SELECT path FROM files) ORDER BY path"
        db.execute(f"CREATE TEMP TABLE new AS {query}")
        self.commit()
        return index.fetch(db, "SELECT COUNT(*) FROM new"), db.execute("SELECT * FROM new ORDER BY rowid")

    def tasks(self, files):
        """Yield a decoder.Task with a free slot for each file to decode, given as (path, size, mtime_ns, note)."""
        for file in files:
            yield Task(*file, self._next_slot)
            self._next_slot += 1

    def add(self, task, outcome):
        """Add the Outcome of a decoder.Task to the index."""
        slot = task.slot if outcome.kind == "picture" else None
        # Decoder messages may span several lines or contain invalid text.
        reason = " ".join(outcome.reason.split()).encode("utf-8", "backslashreplace").decode("utf-8")
        row = (task.path, task.size, task.mtime_ns, outcome.kind, slot, outcome.checksum, reason, outcome.profile)
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, index.seal(*row)))

    def select(self, columns, *kinds):
        """Return an iterator over these columns for all files of these kinds, in path order."""
        marks = ", ".join("?" * len(kinds))
        return self._db.execute(f"SELECT {columns} FROM files WHERE kind IN ({marks}) ORDER BY path", kinds)

    def profiles(self):
        """Return {fate of a color profile: number of images}; see profiles.py."""
        return dict(self._db.execute("SELECT profile, COUNT(*) FROM files WHERE profile != '' GROUP BY profile"))

    def notes(self):
        """Return ((path, size, mtime_ns), depths.ValueRange, level) of all images with more than 8 bits per channel."""
        rows = self.select("path, size, mtime_ns, reason", "picture", "deep")
        return [(file, *from_note(note)) for *file, note in rows if note]
