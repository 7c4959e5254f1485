"""The state of the process, restored after a call of the program from another one, for example from a notebook.

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
    """Restore the environment, TensorFlow's log level and the handler of SIGHUP on exit, and end the bars' thread."""
    environment, tf = dict(os.environ), sys.modules.get("tensorflow.compat.v1")
    handler = signal.getsignal(signal.SIGHUP) if hasattr(signal, "SIGHUP") and can_handle_signals() else None
    level = tf and tf.logging.get_verbosity()
    try:
        yield
    finally:
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        if handler is not None:  # None: Python did not set it, and cannot set it again
            signal.signal(signal.SIGHUP, handler)
        if tf:
            tf.logging.set_verbosity(level)
        _end_monitor()


@contextlib.contextmanager
def forbid_concurrent_calls():
    """Raise UserError if another call is active in this process: streams, signals and environment belong to it.

    This check comes before anything that a call changes and restores: while one call starts TensorFlow, whose C++ code
    reads the environment, another call that sets a variable can crash the process (setenv during getenv is unsafe).
    """
    if not _active.acquire(blocking=False):
        raise UserError("another call of main.main() is active in this process; start a second run in its own process")
    try:
        yield
    finally:
        _active.release()


def can_handle_signals():
    """Return whether this is the main thread: Python lets no other thread set handlers."""
    return threading.current_thread() is threading.main_thread()


def _end_monitor():
    """End the thread that tqdm starts with the first progress bar, unless the caller has bars of its own."""
    tqdm = sys.modules.get("tqdm")
    if tqdm and tqdm.tqdm.monitor and not tqdm.tqdm._instances:
        tqdm.tqdm.monitor.exit()
        tqdm.tqdm.monitor = None
