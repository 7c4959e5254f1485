"""The cache of decoded pictures: a file of records, and a small SQLite database that knows what is in it.

There is one pair of files for each picture folder and each way of making records. A record, once the database knows it,
is never written over with another one, so that a run may go on reading while the next one prepares. The database is
told of a record only after it was written; and whatever befalls either file later, the checksums tell.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
import zlib
from urllib.parse import quote

import PIL

from utils.data.records import record_bytes
from utils.errors import UserError
from utils.runtime.lock import locked

SLACK = 1000  # dead records that are not worth a new file
VERSION = 2  # of the layout, and of what decode makes of a file: raised with every change to either

_TABLES = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT)",
    # kind and reason: see workers.Outcome; slot and checksum are those of the record of a picture; seal: see _seal.
    "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, kind TEXT, slot INTEGER, "
    "checksum INTEGER, reason TEXT, seal INTEGER) WITHOUT ROWID",
    "CREATE INDEX checksums ON files (checksum)",
    "PRAGMA user_version = %d" % VERSION,
)
_SAME = "f.path = files.path AND f.size = files.size AND f.mtime_ns = files.mtime_ns"
# What SQLite says where nothing is damaged. It has no class of errors of its own for these.
_NO_DAMAGE = ("disk is full", "unable to open", "is locked", "disk I/O error")


def using(folder, pics_dir, recipe, waiting, work):
    """Return work(cache): the Cache in `folder` for these pictures and this recipe, locked meanwhile.

    waiting: called where another run has it. A cache that turns out damaged is removed, and work begun again. Raise
    UserError where it cannot be written.
    """
    # The folder of the pictures counts as it is seen from here, so that both can be moved together.
    key = json.dumps([os.path.relpath(os.path.realpath(pics_dir), os.path.realpath(folder)), recipe])
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    stem = os.path.join(folder, "%dx%dx%d-%s" % (recipe.size, recipe.size, recipe.channels, digest))
    try:
        with locked(stem + ".lock", waiting):
            try:
                return _work_with(Cache(stem, key, recipe), work)
            except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
                if any(words in str(error) for words in _NO_DAMAGE):
                    raise
                cache = Cache(stem, key, recipe, remove=True)
                cache.damage = "%s.sqlite is damaged (%s); all pictures are prepared again" % (stem, error)
                return _work_with(cache, work)
    except (sqlite3.Error, OSError) as error:
        refuse_full(folder, getattr(error, "strerror", None) or error)


def _work_with(cache, work):
    try:
        cache.open()
        return work(cache)
    finally:
        cache.close()


def refuse_full(folder, reason):
    """Raise the UserError for a cache that cannot be written."""
    raise UserError("cache_dir = %s cannot be written (%s); make room there or name another folder" % (folder, reason))


def _seal(*row):
    """Return a checksum of a row, so that one that was damaged is not believed."""
    return zlib.crc32(repr(row).encode())


class Cache:
    """A cache. What it is told is kept for good from the next `commit` on."""

    def __init__(self, stem, key, recipe, remove=False):
        """remove: what is there is removed first."""
        self._stem, self._key, self._db = stem, key, None
        self.shape = (recipe.size, recipe.size, recipe.channels)
        self.record_bytes = record_bytes(self.shape)
        self.damage = ""  # what was wrong with what was there, if anything was
        if remove:
            self._remove(".sqlite")
            self._remove("-")

    def open(self):
        """Open it, and forget what is not to be relied on."""
        self._db = sqlite3.connect(self.database_path, timeout=60, isolation_level=None)
        self._db.create_function("seal_of", 7, _seal)
        if self._value("PRAGMA quick_check") != "ok":
            raise sqlite3.DatabaseError("what it says contradicts itself")
        version = self._value("PRAGMA user_version")
        self._db.execute("BEGIN")
        if version == 0:  # it is new
            for statement in _TABLES:
                self._db.execute(statement)
            self._set_facts(key=self._key, pillow=PIL.__version__, records=self._stem + "-0.records")
        elif version != VERSION or self._fact("key") != self._key:
            raise sqlite3.DatabaseError("it is of another version of this program")
        if self._fact("pillow") != PIL.__version__:  # another Pillow may read what the last one could not
            self._db.execute("DELETE FROM files WHERE slot IS NULL")
            self._set_facts(pillow=PIL.__version__)
        self._remove("-", keep=os.path.basename(self.records_path))  # what a kill has left
        self._forget_what_is_lost()

    def _value(self, query, *arguments):
        row = self._db.execute(query, arguments).fetchone()
        if row is None:
            raise sqlite3.DatabaseError("something is missing in it")
        return row[0]

    def _fact(self, name):
        return self._value("SELECT value FROM facts WHERE name = ?", name)

    def _set_facts(self, **facts):
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    @property
    def records_path(self):
        """The file of records."""
        return os.path.join(os.path.dirname(self._stem), os.path.basename(self._fact("records")))

    def _remove(self, more, keep=None):
        """Remove the files whose names begin with this cache's and `more`, but not the one to keep."""
        folder, stem = os.path.split(self._stem)
        for name in os.listdir(folder):
            if name.startswith(stem + more) and name != keep:
                os.remove(os.path.join(folder, name))

    def _forget_what_is_lost(self):
        """Forget damaged rows, and the records that lie behind the end of their file."""
        with open(self.records_path, "ab") as file:
            whole = os.fstat(file.fileno()).st_size // self.record_bytes
        seal = "seal_of(path, size, mtime_ns, kind, slot, checksum, reason)"
        rows = self._db.execute("DELETE FROM files WHERE seal IS NOT %s" % seal).rowcount
        lost = self._db.execute("DELETE FROM files WHERE slot >= ?", [whole]).rowcount
        if rows > 0:
            self.damage = "%s was damaged; %d files are prepared again" % (self.database_path, rows)
        if lost > 0:
            self.damage = "%s was cut short; %d pictures are prepared again" % (self.records_path, lost)
        self._next_slot = whole

    def compare(self, files):
        """Look which of the Files are known; forget all others, and return how many are to be decoded."""
        db = self._db
        db.execute("CREATE TEMP TABLE found (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER) WITHOUT ROWID")
        db.executemany("INSERT INTO found VALUES (?, ?, ?)", files)
        # What could not even be read is looked at again: a change of permissions shows neither in size nor in mtime.
        db.execute("DELETE FROM files WHERE kind = 'unread' OR NOT EXISTS (SELECT 1 FROM found f WHERE %s)" % _SAME)
        db.execute(
            "CREATE TEMP TABLE new AS SELECT * FROM found f WHERE NOT EXISTS (SELECT 1 FROM files WHERE %s)" % _SAME
        )
        db.execute("DROP TABLE found")
        self._compact()
        self.commit()
        return self._value("SELECT COUNT(*) FROM new")

    def new_files(self):
        """Yield (path, slot for its record, size, mtime_ns) of all that are to be decoded, in the order of paths."""
        for path, size, mtime_ns in self._db.execute("SELECT path, size, mtime_ns FROM new ORDER BY path"):
            yield path, self._next_slot, size, mtime_ns
            self._next_slot += 1

    def add(self, new_file, outcome):
        """Remember the Outcome of one of `new_files`."""
        path, slot, size, mtime_ns = new_file
        slot = slot if outcome.kind == "picture" else None
        # Whatever a decoder says: one line, and text.
        reason = " ".join(outcome.reason.split()).encode("utf-8", "backslashreplace").decode("utf-8")
        row = (path, size, mtime_ns, outcome.kind, slot, outcome.checksum, reason)
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _seal(*row)))

    def commit(self):
        """Keep all that was told up to now, whatever comes."""
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    def close(self):
        """Keep all that was told, and close."""
        if self._db is None:
            return
        try:
            if self._db.in_transaction:
                self._db.execute("COMMIT")
        finally:
            self._db.close()

    def count(self, kind):
        """Return how many files are of this kind."""
        return self._value("SELECT COUNT(*) FROM files WHERE kind = ?", kind)

    def rows(self, *kinds):
        """Return an iterator over (path, slot, checksum, reason) of the files of these kinds, in the order of paths."""
        marks = ", ".join("?" * len(kinds))
        query = "SELECT path, slot, checksum, reason FROM files WHERE kind IN (%s) ORDER BY path" % marks
        return self._db.execute(query, kinds)

    def _compact(self):
        """Copy the records to a new file, once those nobody wants any more take most of the old one.

        The old one is removed, but a run that is reading it goes on reading it.
        """
        if self._next_slot <= 2 * self.count("picture") + SLACK:
            return
        rows = sorted((slot, path) for path, slot, _, _ in self.rows("picture"))
        old = self.records_path
        new = "%s-%d.records" % (self._stem, 1 + int(old.split("-")[-1].split(".")[0]))
        try:
            self._copy(old, new, [slot for slot, _ in rows])
        except OSError:  # there is no room for it: another time
            with contextlib.suppress(FileNotFoundError):
                os.remove(new)
            return
        moved = ((slot, path) for slot, (_, path) in enumerate(rows))
        self._db.executemany("UPDATE files SET slot = ? WHERE path = ?", moved)
        self._db.execute("UPDATE files SET seal = seal_of(path, size, mtime_ns, kind, slot, checksum, reason)")
        self._set_facts(records=new)
        self.commit()
        os.remove(old)
        self._next_slot = len(rows)

    def _copy(self, old, new, slots):
        with open(old, "rb") as source, open(new, "wb") as target:
            for slot in slots:
                source.seek(slot * self.record_bytes)
                target.write(source.read(self.record_bytes))

    @property
    def database_path(self):
        """The file of the database."""
        return self._stem + ".sqlite"


def paths_of(database_path, checksum):
    """Return the paths of the files whose record has this checksum: for a run whose cache was closed long ago.

    Empty where the database is gone or damaged.
    """
    try:
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % quote(database_path), timeout=60, uri=True)) as db:
            return [path for (path,) in db.execute("SELECT path FROM files WHERE checksum = ?", [checksum])]
    except sqlite3.Error:
        return []
