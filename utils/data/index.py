"""The index of a cache: an SQLite database.

A row is added only after its record was written. It contains the checksums of its record and of itself, so that later
damage to either file is detected.
"""

import contextlib
import os
import pathlib
import sqlite3
import time
import zlib

from utils.runtime.lock import has_record_locks

VERSION = 5  # version of tables, decoded records and choice of folders: increase it with every change to one

_TABLES = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT)",
    # kind, checksum, reason and profile: see decoder.Outcome; slot: position of the record, or NULL; seal: see SEAL.
    "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, kind TEXT, slot INTEGER, "
    "checksum INTEGER, reason TEXT, profile TEXT, seal INTEGER) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS checksums ON files (checksum)",
    # The status-change times at the last scan.
    "CREATE TABLE IF NOT EXISTS changes (path BLOB PRIMARY KEY, ctime_ns INTEGER) WITHOUT ROWID",
    f"PRAGMA user_version = {VERSION}",
)
SEAL = "seal_of(path, size, mtime_ns, kind, slot, checksum, reason, profile)"  # checksum that reveals damage to a row


def initialize(db, stem, key, reader):
    """Create missing tables and entries; raise sqlite3.Error if the database is damaged or its version or key differs.

    stem: the path prefix of all files of the cache. key: text that identifies the image folder and the options. reader:
    text that identifies Pillow's version and limits.
    """
    db.create_function("seal_of", 8, seal)
    if fetch(db, "PRAGMA quick_check") != "ok":
        raise sqlite3.DatabaseError("its contents are inconsistent")
    db.execute("BEGIN")
    if fetch(db, "PRAGMA user_version") not in (0, VERSION):  # 0: the database is new
        raise sqlite3.DatabaseError("another version of this program wrote it")
    for statement in _TABLES:
        db.execute(statement)
    # A new database gets a new records file, because another run may still read the old file of a removed database.
    records_name = f"{os.path.basename(stem)}-{time.time_ns()}.records"
    db.executemany("INSERT OR IGNORE INTO facts VALUES (?, ?)", [("key", key), ("records", records_name)])
    if fetch(db, "SELECT value FROM facts WHERE name = 'key'") != key:
        raise sqlite3.DatabaseError("it belongs to another folder or another version of this program")
    # A different reader may read files, or color profiles, that the last one could not.
    last = "(SELECT value FROM facts WHERE name = 'reader')"
    unread = "(slot IS NULL OR profile NOT IN ('', 'converted'))"
    db.execute(f"DELETE FROM files WHERE {unread} AND {last} IS NOT ?", [reader])
    db.execute("INSERT OR REPLACE INTO facts VALUES ('reader', ?)", [reader])


def find_paths(index_path, checksum):
    """Return the paths of the files whose record has this checksum; [] if the database is missing or damaged.

    The database is opened for this call, because a run closes its cache after preparing.
    """
    with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(connect(index_path, "ro")) as db:
        return [os.fsdecode(path) for (path,) in db.execute("SELECT path FROM files WHERE checksum = ?", [checksum])]
    return []


def connect(path, mode):
    """Open the database at `path`, without SQLite's locks if the file system does not support them.

    mode: "ro": read-only; "rwc": create the database if it does not exist.
    """
    path = os.path.abspath(path)
    locks = "" if has_record_locks(os.path.dirname(path)) else "&nolock=1"
    return sqlite3.connect(f"{uri(pathlib.Path(path))}?mode={mode}{locks}", timeout=60, uri=True)


def uri(path):
    """Return the URI with which SQLite opens the file `path`, an absolute pathlib path."""
    text = path.as_uri()
    # SQLite accepts Windows' //server/share/... as a path, but not as a server.
    return text if text.startswith("file:///") else text.replace("file://", "file:////", 1)


def seal(*row):
    """Return the checksum of a row, given without its last column."""
    return zlib.crc32(repr(row).encode())


def fetch(db, query):
    """Return the single value that a query selects; raise sqlite3.DatabaseError if there is none."""
    row = db.execute(query).fetchone()
    if row is None:
        raise sqlite3.DatabaseError("an entry is missing")
    return row[0]
