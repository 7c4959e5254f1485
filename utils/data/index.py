"""The index of a cache: an SQLite database of the files that were decoded, and of where their records are.

A row is added only after its record was written, and carries a checksum of itself: later corruption of either file is
caught by checksums.
"""

import contextlib
import os
import pathlib
import sqlite3
import zlib

import PIL

from utils.runtime.lock import has_record_locks

VERSION = 4  # of the tables, and of the records that decode makes: increase it with every change to either

_TABLES = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT)",
    # kind, checksum and reason: see decoder.Outcome; slot: position of the record, NULL without one; seal: see _seal.
    "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, kind TEXT, slot INTEGER, "
    "checksum INTEGER, reason TEXT, seal INTEGER) WITHOUT ROWID",
    "CREATE INDEX checksums ON files (checksum)",
    f"PRAGMA user_version = {VERSION}",
)
# Not in `files`, so that caches of earlier versions, which lack it, stay valid.
_CHANGES = "CREATE TABLE IF NOT EXISTS changes (path BLOB PRIMARY KEY, ctime_ns INTEGER) WITHOUT ROWID"
_SAME = "s.path = files.path AND s.size = files.size AND s.mtime_ns = files.mtime_ns"
_SEAL = "seal_of(path, size, mtime_ns, kind, slot, checksum, reason)"


class OtherVersionError(sqlite3.DatabaseError):
    """The tables or records are those of another version of this program, or of another folder."""


def _seal(*row):
    """Return a checksum of a row, so that a damaged row is recognized."""
    return zlib.crc32(repr(row).encode())


class Index:
    """The open database. Changes are kept from the next `commit` on, whatever happens after it.

    Every method raises sqlite3.Error if the database is damaged or cannot be read or written.
    """

    def __init__(self, path):
        self.path, self._db = path, None

    def open(self, key, records_name):
        """Open the database, or create it for the file of records of this name, which is in the same folder.

        key: text that identifies the folder and the options; an index with a different key is treated as damaged.
        """
        self._db = _connect(self.path, "rwc", isolation_level=None)
        self._db.create_function("seal_of", 7, _seal)
        if self._value("PRAGMA quick_check") != "ok":
            raise sqlite3.DatabaseError("its contents are inconsistent")
        version = self._value("PRAGMA user_version")
        self._db.execute("BEGIN")
        if version == 0:  # it is new
            for statement in _TABLES:
                self._db.execute(statement)
            self._set_facts(key=key, pillow=PIL.__version__, records=records_name)
        elif version != VERSION or self._fact("key") != key:
            raise OtherVersionError("was written by another version of this program")
        self._db.execute(_CHANGES)
        if self._fact("pillow") != PIL.__version__:  # a different Pillow may read files that the last one could not
            self._db.execute("DELETE FROM files WHERE slot IS NULL")
            self._set_facts(pillow=PIL.__version__)

    def close(self):
        """Commit and close, if it is open."""
        if self._db is None:
            return
        try:
            if self._db.in_transaction:
                self._db.execute("COMMIT")
        finally:
            self._db.close()

    def commit(self):
        """Keep all changes up to now, whatever happens next."""
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    def _value(self, query, *arguments):
        row = self._db.execute(query, arguments).fetchone()
        if row is None:
            raise sqlite3.DatabaseError("an entry is missing")
        return row[0]

    def _fact(self, name):
        return self._value("SELECT value FROM facts WHERE name = ?", name)

    def _set_facts(self, **facts):
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    @property
    def records_name(self):
        """Name of the file of records, which is in the same folder."""
        return os.path.basename(self._fact("records"))  # earlier versions stored the path

    def remove_damaged(self):
        """Remove the rows that fail their checksum; return how many."""
        return self._db.execute(f"DELETE FROM files WHERE seal IS NOT {_SEAL}").rowcount

    def remove_from(self, slot):
        """Remove the rows of records in this slot or a later one; return how many."""
        return self._db.execute("DELETE FROM files WHERE slot >= ?", [slot]).rowcount

    def compare(self, files):
        """Compare with all Files of the folder: remove rows of files that are gone or changed, collect new files."""
        db = self._db
        columns = "path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER"
        db.execute(f"CREATE TEMP TABLE scanned ({columns}) WITHOUT ROWID")
        db.executemany("INSERT INTO scanned VALUES (?, ?, ?, ?)", files)
        # Files that could not be read are tried again: a change of permissions alters neither size nor mtime.
        db.execute(f"DELETE FROM files WHERE kind = 'unread' OR NOT EXISTS (SELECT 1 FROM scanned s WHERE {_SAME})")
        # A file of the same size and modification time as before may be another one, in its place.
        db.execute(
            "DELETE FROM files WHERE EXISTS (SELECT 1 FROM scanned s, changes c "
            "WHERE s.path = files.path AND c.path = files.path AND s.ctime_ns != c.ctime_ns)"
        )
        db.execute("DELETE FROM changes")
        db.execute("INSERT INTO changes SELECT path, ctime_ns FROM scanned")
        db.execute(
            f"CREATE TEMP TABLE new AS SELECT * FROM scanned s WHERE NOT EXISTS (SELECT 1 FROM files WHERE {_SAME})"
        )
        db.execute("DROP TABLE scanned")

    def count_new(self):
        """Return how many files `compare` found that have no row."""
        return self._value("SELECT COUNT(*) FROM new")

    def new(self):
        """Return an iterator over (path, size, mtime_ns) of these files, in the order of their paths."""
        return self._db.execute("SELECT path, size, mtime_ns FROM new ORDER BY path")

    def add(self, *row):
        """Add a row: path, size, mtime_ns, kind, slot, checksum, reason."""
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _seal(*row)))

    def count(self, kind):
        """Return how many files are of this kind."""
        return self._value("SELECT COUNT(*) FROM files WHERE kind = ?", kind)

    def rows(self, *kinds):
        """Return an iterator over (path, slot, checksum, reason) of the files of these kinds, in path order."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT path, slot, checksum, reason FROM files WHERE kind IN ({marks}) ORDER BY path"
        return self._db.execute(query, kinds)

    def noted(self):
        """Return (path, size, mtime_ns, reason) of the files that are or may become images and have a reason."""
        query = "SELECT path, size, mtime_ns, reason FROM files WHERE kind IN ('picture', 'deep') AND reason != ''"
        return self._db.execute(query + " ORDER BY path").fetchall()

    def move(self, paths, records_name):
        """Record that the images at `paths` are now in slots 0, 1, ... of the file of this name."""
        self._db.executemany("UPDATE files SET slot = ? WHERE path = ?", enumerate(paths))
        self._db.execute(f"UPDATE files SET seal = {_SEAL}")
        self._set_facts(records=records_name)


def paths_of(index_path, checksum):
    """Return the paths of the files whose record has this checksum, for a run that has closed its cache.

    Empty if the database is gone or damaged.
    """
    try:
        with contextlib.closing(_connect(os.path.abspath(index_path), "ro")) as db:
            return [path for (path,) in db.execute("SELECT path FROM files WHERE checksum = ?", [checksum])]
    except (sqlite3.Error, OSError):
        return []


def _connect(path, mode, **options):
    """Open the database at `path`, absolute, without SQLite's locks on a file system that has none.

    mode: "ro": only to read; "rwc": created if it does not exist.
    """
    locks = "" if has_record_locks(os.path.dirname(path)) else "&nolock=1"
    return sqlite3.connect(f"{uri(pathlib.Path(path))}?mode={mode}{locks}", timeout=60, uri=True, **options)


def uri(path):
    """Return the URI with which SQLite opens the file `path`, an absolute pathlib path."""
    text = path.as_uri()
    if not text.startswith("file:///"):  # Windows' //server/share/...: SQLite accepts it as a path, not as a server
        text = text.replace("file://", "file:////", 1)
    return text
