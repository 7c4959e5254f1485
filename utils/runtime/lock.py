"""A lock between processes, which ends with the process that holds it, however that ends."""

import contextlib
import os
import socket

from utils.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: there, two runs at once are not kept apart
    fcntl = None


@contextlib.contextmanager
def locked(path, waiting):
    """Hold the lock that is the file `path`; where another process has it, call waiting() once and wait."""
    with open(path, "ab") as file:
        if fcntl:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


class WriterLock:
    """What a process holds as long as it is the only training run on the checkpoints in a folder."""

    def __init__(self, folder):
        """Take the lock; raise UserError where another process has it."""
        self._folder, self._path, self._file = folder, os.path.join(folder, "training.lock"), None
        self.hold()

    def hold(self):
        """See that it is still held, and take it anew where the folder has vanished; raise UserError as above."""
        with contextlib.suppress(FileNotFoundError):
            if self._file and os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                return
        os.makedirs(self._folder, exist_ok=True)
        file = open(self._path, "a+", encoding="utf-8", errors="replace")  # noqa: SIM115  (held for the process's life)
        if fcntl:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                who = file.read(200).strip() or "just starting"
                raise UserError(
                    "checkpoints_dir = %s is in use by another training run (%s); wait for its end, or start a run of "
                    "its own with other --checkpoints_dir and --samples_dir" % (self._folder, who)
                )
        self._file = file
        with contextlib.suppress(OSError):  # only for that message; it is the lock that counts
            file.truncate(0)
            file.write("process %d on %s\n" % (os.getpid(), socket.gethostname()))
            file.flush()
