"""Locks between processes, which end with the process that holds them, even after kill -9.

They are the operating system's file locks, taken by the library `filelock`. Never by its soft locks, which are files
that outlive a killed process. On a file system without locks the work continues unlocked, after a warning.
"""

import contextlib
import errno
import inspect
import os
import socket
import stat
import sys
import tempfile

import filelock

from utils.errors import UserError
from utils.runtime import filesystem

if sys.platform != "win32":
    import fcntl

_KernelLock = filelock.WindowsFileLock if sys.platform == "win32" else filelock.UnixFileLock
# Versions with this option would otherwise replace a missing lock of the system with a soft one.
_HAS_FALLBACK = "fallback_to_soft" in inspect.signature(_KernelLock.__init__).parameters
_POLL_SECONDS = 0.2


class _UnsupportedError(OSError):
    """The file system has no locks."""


@contextlib.contextmanager
def locked(path, on_wait):
    """Hold the lock that is the file `path`; where another process holds it, call on_wait() once and wait."""
    with contextlib.ExitStack() as stack:
        try:
            lock = _try_lock(path)
            if lock is None:
                on_wait()
                lock = _new_lock(path)
                lock.acquire(poll_interval=_POLL_SECONDS)
            stack.callback(lock.release)
        except _UnsupportedError as error:
            _tell(os.path.dirname(path), error)
        yield


class WriterLock:
    """The right of one training run to write to a folder of checkpoints, held until it is closed or its process ends.

    The lock is the file training.lock; training.lock.txt names its holder for the message to another run.
    """

    def __init__(self, folder):
        """Take the lock; raise UserError if another process holds it."""
        self._folder, self._path = folder, os.path.join(folder, "training.lock")
        self._lock = self._locked_file = None
        self.hold()

    def hold(self):
        """Check that the lock is held, and take it again if its folder was replaced; raise UserError as above."""
        with contextlib.suppress(FileNotFoundError):
            if self._lock and os.path.samestat(self._locked_file, os.stat(self._path)):
                return
        self.close()
        os.makedirs(self._folder, exist_ok=True)
        # Before it is locked: if it is replaced meanwhile, the next call notices.
        self._locked_file = _create(self._path)
        try:
            self._lock = _try_lock(self._path)
        except _UnsupportedError as error:
            _tell(self._folder, error)
            return
        if self._lock is None:
            raise UserError(
                f"checkpoints_dir = {self._folder} is in use by another training run ({self._holder()}); wait for its "
                "end, or start a separate run with different --checkpoints_dir and --samples_dir"
            )
        with contextlib.suppress(OSError), open(self._path + ".txt", "w", encoding="utf-8") as file:
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")  # only for the message above

    def close(self):
        """Release the lock."""
        if self._lock:
            self._lock.release()
            self._lock = None

    def _holder(self):
        try:
            with open(self._path + ".txt", encoding="utf-8", errors="replace") as file:
                return file.read(200).strip() or "just starting"
        except OSError:
            return "just starting"


def _create(path):
    """Create the file `path` if it does not exist; return its os.stat."""
    with open(path, "ab"):
        return os.stat(path)


def _new_lock(path):
    # The mode that the umask gives: filelock 3.12 would make the file writable by its owner only. filelock 4 demands
    # that the owner may read and write it.
    mode = stat.S_IMODE(_create(path).st_mode) | stat.S_IRUSR | stat.S_IWUSR
    options = {"fallback_to_soft": False} if _HAS_FALLBACK else {}
    return _KernelLock(path, mode=mode, thread_local=False, **options)


def _try_lock(path):
    """Return the held lock that is the file `path`, or None if another process holds it.

    Raise _UnsupportedError where the file system has no locks, OSError where the file cannot be opened.
    """
    lock = _new_lock(path)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        _check_support(os.path.dirname(path))
        return None
    except NotImplementedError:  # filelock 3.12, for ENOSYS
        raise _UnsupportedError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    except OSError as error:
        with open(path, "r+b"):  # raises the error if it is one of opening the file
            raise _UnsupportedError(error.errno, error.strerror)
    return lock


def _check_support(folder):
    """Raise _UnsupportedError where not even a new file can be locked.

    filelock 3.12 reports a file system without locks (EOPNOTSUPP) as a lock that is held by another process.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".lock-test-", dir=folder) as aside:
            lock = _new_lock(os.path.join(aside, "lock"))
            lock.acquire(blocking=False)
            lock.release()
    except filelock.Timeout:
        raise _UnsupportedError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    except OSError:  # such as a full disk, which says nothing about locks
        pass


def _tell(folder, error):
    filesystem.warn_unsupported(folder, "locks", error, "do not start two runs at once there")


def has_record_locks(folder):
    """Return whether parts of a file in `folder` can be locked, as SQLite does; say so if they cannot."""
    if sys.platform == "win32":
        return True
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            _tell(folder, error)
            return False
    return True
