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

VERSION = 4  # of the tables, and of the records that decode makes: increase it with every change to either

_TABLES = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT)",
    # kind, checksum and reason: see decoder.Outcome; slot: position of the record, NULL without one; seal: see SEAL.
    "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, kind TEXT, slot INTEGER, "
    "checksum INTEGER, reason TEXT, seal INTEGER) WITHOUT ROWID",
    "CREATE INDEX checksums ON files (checksum)",
    f"PRAGMA user_version = {VERSION}",
)
# Not part of `files`, so that caches of earlier versions, which lack it, stay valid.
_CHANGES = "CREATE TABLE IF NOT EXISTS changes (path BLOB PRIMARY KEY, ctime_ns INTEGER) WITHOUT ROWID"
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
            if fetch(db, "PRAGMA user_version") == 0:  # it is new
                for statement in _TABLES:
                    db.execute(statement)
                facts = {"key": key, "pillow": PIL.__version__, "records": records_name}
                db.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
            facts = dict(db.execute("SELECT name, value FROM facts"))
            if fetch(db, "PRAGMA user_version") != VERSION or facts.get("key") != key:
                raise sqlite3.DatabaseError("another version of this program wrote it")
            db.execute(_CHANGES)
            if facts.get("pillow") != PIL.__version__:  # this version may read files that the last one could not
                db.execute("DELETE FROM files WHERE slot IS NULL")
                db.execute("UPDATE facts SET value = ? WHERE name = 'pillow'", [PIL.__version__])
            yield db
        finally:
            db.commit()


def seal(*row):
    """Return the checksum of a row without its last column."""
    return zlib.crc32(repr(row).encode())


def fetch(db, query, *arguments):
    """Return the single value that a query selects."""
    for (value,) in db.execute(query, arguments):
        return value
    raise sqlite3.DatabaseError("an entry is missing")


def find_paths(index_path, checksum):
    """Return the paths of the files whose record has this checksum, for a run that has closed its cache.

    The list is empty if the database is gone or damaged.
    """
    try:
        with contextlib.closing(_connect(os.path.abspath(index_path), "ro")) as db:
            return [path for (path,) in db.execute("SELECT path FROM files WHERE checksum = ?", [checksum])]
    except (sqlite3.Error, OSError):
        return []


def _connect(path, mode):
    """Open the database at `path`, absolute, without SQLite's locks on a file system that has none.

    mode: "ro": read only; "rwc": create it if it does not exist.
    """
    locks = "" if has_record_locks(os.path.dirname(path)) else "&nolock=1"
    return sqlite3.connect(f"{uri(pathlib.Path(path))}?mode={mode}{locks}", timeout=60, uri=True)


def uri(path):
    """Return the URI with which SQLite opens the file `path`, an absolute pathlib path."""
    text = path.as_uri()
    # SQLite accepts Windows' //server/share/... as a path, but not as a server.
    return text if text.startswith("file:///") else text.replace("file://", "file:////", 1)
