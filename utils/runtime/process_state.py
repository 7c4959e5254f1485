"""Restore the state of the process when another program, such as a notebook, has called this one.

Not restored: TensorFlow itself, which reads its environment variables only once, and graph mode (model/graph_mode.py).
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
    """On exit, restore the environment, TensorFlow's log level and the SIGHUP handler."""
    environment, tf = dict(os.environ), sys.modules.get("tensorflow.compat.v1")
    handler = signal.getsignal(signal.SIGHUP) if hasattr(signal, "SIGHUP") and can_handle_signals() else None
    level = tf and tf.logging.get_verbosity()
    try:
        yield
    finally:
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        if handler is not None:  # None: the handler was not set by Python, which cannot restore it
            signal.signal(signal.SIGHUP, handler)
        if tf:
            tf.logging.set_verbosity(level)


@contextlib.contextmanager
def forbid_concurrent_calls():
    """Raise UserError if another call is active in this process and owns its streams, signals and environment.

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
    """Return whether this is the main thread: only there does Python allow setting signal handlers."""
    return threading.current_thread() is threading.main_thread()
