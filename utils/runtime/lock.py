"""Locks between processes; a lock is released when the process that holds it ends, even by kill -9.

The operating system's locks on open files are used. If the file system does not support locks, work continues without
them after a warning.
"""

import contextlib
import os
import socket
import sys
import tempfile
import time

from utils.errors import UserError
from utils.runtime import filesystem

if sys.platform == "win32":
    import msvcrt

    _HeldError = PermissionError  # raised if another process holds the lock

    def _lock(file):
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # locks one byte

else:
    import fcntl

    _HeldError = (BlockingIOError, PermissionError)  # some network file systems raise the latter

    def _lock(file):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_POLL_SECONDS = 0.2


@contextlib.contextmanager
def locked(path, on_wait):
    """Hold the lock on the file `path` in this context; if another process holds it, first call on_wait() and wait."""
    file = _try_lock(path)
    if file is None:
        on_wait()
    while file is None:
        time.sleep(_POLL_SECONDS)
        file = _try_lock(path)
    with file:
        yield


class WriterLock:
    """A training run's exclusive right to write to a checkpoint folder, held until `close` or the end of its process.

    The locked file is training.lock; training.lock.txt names its holder for the error message in another run.
    """

    def __init__(self, folder):
        """Take the lock; raise UserError if another process holds it."""
        self._folder, self._path = folder, os.path.join(folder, "training.lock")
        self._file = None
        self.hold()

    def hold(self):
        """Take the lock unless held, or again if its folder was replaced; raise UserError if another run has it."""
        with contextlib.suppress(FileNotFoundError):
            if self._file and os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                return
        self.close()
        os.makedirs(self._folder, exist_ok=True)
        self._file = _try_lock(self._path)
        if self._file is None:
            holder = ""
            with contextlib.suppress(OSError), open(self._path + ".txt", encoding="utf-8", errors="replace") as file:
                holder = file.read(200).strip()
            raise UserError(
                f"checkpoints_dir = {self._folder} is in use by another training run ({holder or 'just starting'}); "
                "wait until it ends, or start a separate run with different --checkpoints_dir and --samples_dir"
            )
        with contextlib.suppress(OSError), open(self._path + ".txt", "w", encoding="utf-8") as file:
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")  # used only in the message above

    def close(self):
        """Release the lock."""
        if self._file:
            self._file.close()
            self._file = None


def _try_lock(path):
    """Return the file `path`, open and locked, or None if another process holds its lock.

    If the file system does not support locks, warn and return the file unlocked. Raise OSError if the file cannot be
    opened.
    """
    file = open(path, "ab")  # noqa: SIM115  (closing it releases the lock)
    try:
        _lock(file)
    except _HeldError:
        file.close()
        return None
    except OSError as error:
        _warn_unlocked(os.path.dirname(path), error)
    return file


def _warn_unlocked(folder, error):
    filesystem.warn_unsupported(folder, "locks", error, "do not start two runs there at the same time")


def has_record_locks(folder):
    """Return whether parts of a file in `folder` can be locked, as SQLite does; warn if not. On Windows, they can."""
    if sys.platform == "win32":
        return True
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            _warn_unlocked(folder, error)
            return False
    return True
