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


@contextlib.contextmanager
def one_writer(folder):
    """Be the only training run on the checkpoints in `folder`; raise UserError where another process is one already."""
    path = os.path.join(folder, "training.lock")
    with open(path, "a+", encoding="utf-8", errors="replace") as file:
        if fcntl:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                who = file.read(200).strip() or "just starting"
                raise UserError(
                    "checkpoints_dir = %s is in use by another training run (%s); wait for its end, or start a run of "
                    "its own with other --checkpoints_dir and --samples_dir" % (folder, who)
                )
        # Only for that message: it is the lock that counts, and a dead process holds none.
        file.truncate(0)
        file.write("process %d on %s\n" % (os.getpid(), socket.gethostname()))
        file.flush()
        yield
