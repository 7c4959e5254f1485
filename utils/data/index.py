"""The index of a cache: an SQLite database of the decoded files, with the places and checksums of their records.

A row is added only after its record was written, and contains a checksum of itself, so that later damage to either
file is noticed.
"""

import contextlib
import os
import pathlib
import sqlite3
import zlib

import PIL

from utils.runtime.lock import has_record_locks

VERSION = 4  # version of the tables and of decoded records: increase it with every change to either

_TABLES = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT)",
    # kind, checksum and reason: see decoder.Outcome; slot: position of the record, NULL without one; seal: see SEAL.
    "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, kind TEXT, slot INTEGER, "
    "checksum INTEGER, reason TEXT, seal INTEGER) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS checksums ON files (checksum)",
    # Not part of `files`, so that caches of earlier versions, which lack it, stay valid.
    "CREATE TABLE IF NOT EXISTS changes (path BLOB PRIMARY KEY, ctime_ns INTEGER) WITHOUT ROWID",
    f"PRAGMA user_version = {VERSION}",
)
SEAL = "seal_of(path, size, mtime_ns, kind, slot, checksum, reason)"  # checksum of a row, which shows damage to it


@contextlib.contextmanager
def open_index(path, key, records_name):
    """Open the database, or create it; yield its connection, and commit at the end.

    key: text that identifies the folder and the options. records_name: the file of records of a new database, which
    is in the same folder. Raise sqlite3.Error if the database is damaged, of another version or of another key.
    """
    with contextlib.closing(_connect(path, "rwc")) as db:
        try:
            db.create_function("seal_of", 7, seal)
            if fetch(db, "PRAGMA quick_check") != "ok":
                raise sqlite3.DatabaseError("its contents are inconsistent")
            db.execute("BEGIN")
            if fetch(db, "PRAGMA user_version") not in (0, VERSION):  # 0: it is new
                raise sqlite3.DatabaseError("another version of this program wrote it")
            for statement in _TABLES:
                db.execute(statement)
            facts = {"key": key, "pillow": PIL.__version__, "records": records_name}
            db.executemany("INSERT OR IGNORE INTO facts VALUES (?, ?)", facts.items())
            if fetch(db, "SELECT value FROM facts WHERE name = 'key'") != key:
                raise sqlite3.DatabaseError("it belongs to another folder or another version of this program")
            # A different version of Pillow may read files that the last one could not.
            if fetch(db, "SELECT value FROM facts WHERE name = 'pillow'") != PIL.__version__:
                db.execute("DELETE FROM files WHERE slot IS NULL")
                db.execute("UPDATE facts SET value = ? WHERE name = 'pillow'", [PIL.__version__])
            yield db
        finally:
            db.commit()


def seal(*row):
    """Return the checksum of a row without its last column."""
    return zlib.crc32(repr(row).encode())


def fetch(db, query):
    """Return the single value that a query selects."""
    row = db.execute(query).fetchone()
    if row is None:
        raise sqlite3.DatabaseError("an entry is missing")
    return row[0]


def find_paths(index_path, checksum):
    """Return the paths of the files whose record has this checksum, for a run that has closed its cache.

    The list is empty if the database is gone or damaged.
    """
    with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(_connect(index_path, "ro")) as db:
        return [path for (path,) in db.execute("SELECT path FROM files WHERE checksum = ?", [checksum])]
    return []


def _connect(path, mode):
    """Open the database at `path` without SQLite's locks on a file system that has none.

    mode: "ro": read only; "rwc": create it if it does not exist.
    """
    path = os.path.abspath(path)
    locks = "" if has_record_locks(os.path.dirname(path)) else "&nolock=1"
    return sqlite3.connect(f"{uri(pathlib.Path(path))}?mode={mode}{locks}", timeout=60, uri=True)


def uri(path):
    """Return the URI with which SQLite opens the file `path`, an absolute pathlib path."""
    text = path.as_uri()
    # SQLite accepts Windows' //server/share/... as a path, but not as a server.
    return text if text.startswith("file:///") else text.replace("file://", "file:////", 1)
