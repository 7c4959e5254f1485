"""A lock between processes, which ends with the process that holds it, however that ends."""

import contextlib

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
