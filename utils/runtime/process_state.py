"""The program in a process that is not its own, such as a notebook's: what it changes there, it undoes at its end.

Two things stay: TensorFlow itself, which reads its environment variables once, and graph mode (model/graph_mode.py).
"""

import contextlib
import os
import signal
import sys
import threading

from utils.errors import UserError

_active = threading.Lock()


@contextlib.contextmanager
def restore_process_state():
    """Undo at the end what was changed inside: environment, log level, the handler of SIGHUP, progress bars' thread."""
    environment, handler, level = dict(os.environ), hangup_handler(), _log_level()
    try:
        yield
    finally:
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        if handler is not None:
            signal.signal(signal.SIGHUP, handler)
        if level is not None:
            _logging().set_verbosity(level)
        _end_monitor()


@contextlib.contextmanager
def forbid_concurrent_calls():
    """Raise UserError if another call is active in this process: they would share its streams, signals and environment.

    It comes before anything that a call changes and puts back: while one call starts TensorFlow, whose C++ code reads
    the environment, another that sets it can end the process (setenv is not safe beside getenv).
    """
    if not _active.acquire(blocking=False):
        raise UserError("another call of main.main() is active in this process; start a second run in its own process")
    try:
        yield
    finally:
        _active.release()


def can_handle_signals():
    """Return whether this is the main thread: Python lets no other one set handlers."""
    return threading.current_thread() is threading.main_thread()


def hangup_handler():
    """Return the handler of SIGHUP, or None where it has none that Python can set again."""
    return signal.getsignal(signal.SIGHUP) if hasattr(signal, "SIGHUP") and can_handle_signals() else None


def _logging():
    return sys.modules["tensorflow.compat.v1"].logging


def _log_level():
    """Return TensorFlow's log level, None if it is not imported yet."""
    return _logging().get_verbosity() if "tensorflow.compat.v1" in sys.modules else None


def _end_monitor():
    """End the thread that tqdm starts with the first progress bar, unless the caller has bars of its own."""
    tqdm = sys.modules.get("tqdm")
    if tqdm and tqdm.tqdm.monitor and not tqdm.tqdm._instances:
        tqdm.tqdm.monitor.exit()
        tqdm.tqdm.monitor = None
