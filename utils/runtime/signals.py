"""Ctrl-C and SIGTERM as a flag that the training loop polls, instead of an exception in the middle of a step."""

import contextlib
import os
import signal
import socket
import threading

from utils.runtime.process_state import can_handle_signals

TIME_UP = 1  # stops a run as a signal does: max_minutes are over; less than any signal here, which takes precedence


def ignore_hangup():
    """Keep training when the terminal is closed; do nothing on Windows (no SIGHUP) or outside the main thread."""
    if hasattr(signal, "SIGHUP") and can_handle_signals():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


class StopSignals:
    """Within this context, a first signal sets `received` to its number; a second one ends the process immediately.

    Python runs a handler only between two of its own instructions, so not during a session run. However, it immediately
    writes the signal's number to a socket (`signal.set_wakeup_fd`), where a thread reads it even during a session run.

    While `is_waiting` is true, no step has begun, and the first signal ends the process.

    A Ctrl-C that was ignored before stays ignored: a shell script does so for its background jobs. SIGTERM is never
    ignored, because a scheduler sends SIGKILL after it. Outside the main thread, this class does nothing, and the
    caller handles signals.
    """

    # SIGBREAK is Windows' Ctrl-Break.
    SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))

    def __init__(self, is_waiting=False):
        self.received, self.is_waiting = 0, is_waiting
        self._restoration = contextlib.ExitStack()

    def __enter__(self):
        if can_handle_signals():
            handler = self._receive  # a second signal would take effect only after a session run
            with contextlib.suppress(OSError, ValueError):  # Windows uses TCP sockets, which a firewall can block
                self._restoration.enter_context(self._watcher())
                handler = _do_nothing
            for number in self.SIGNALS:
                if signal.getsignal(number) is signal.SIG_IGN and number != signal.SIGTERM:
                    continue
                former = signal.signal(number, handler)
                self._restoration.callback(signal.signal, number, former or signal.SIG_DFL)  # None: not set by Python
        return self

    def __exit__(self, *error):
        self._restoration.close()

    @contextlib.contextmanager
    def _watcher(self):
        """Receive signals in a separate thread inside this context."""
        reader, writer = socket.socketpair()
        with reader, writer:
            writer.setblocking(False)
            former = signal.set_wakeup_fd(writer.fileno())
            thread = threading.Thread(target=self._watch, args=(reader,), daemon=True)
            thread.start()
            yield
            signal.set_wakeup_fd(former)
            writer.send(b"\0")
            thread.join()

    def _watch(self, reader):
        number = None
        while number != 0:
            (number,) = reader.recv(1)
            if number in self.SIGNALS:
                self._receive(number)

    def _receive(self, number, _=None):
        if self.is_waiting or self.received:
            unsaved = b"without saving this step; the last checkpoint is intact"
            _print(b"stopped " + (b"before the first step" if self.is_waiting else unsaved))
            os._exit(128 + number)
        self.received = number
        _print(b"finishing this step, then saving; interrupt again to quit without saving")


def _print(text):
    with contextlib.suppress(OSError):  # standard error may be closed
        os.write(2, b"\nmain.py: " + text + b"\n")


def _do_nothing(*_):
    """Do nothing in the main thread: the watching thread reads the signal's number."""
