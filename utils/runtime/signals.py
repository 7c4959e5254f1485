"""Ctrl-C and SIGTERM as a flag that the loop polls, instead of an exception in the middle of a step."""

import contextlib
import os
import signal
import socket
import threading

from utils.runtime.process_state import can_handle_signals


def ignore_hangup():
    """Keep training when the terminal is closed; Windows has no SIGHUP."""
    if hasattr(signal, "SIGHUP") and can_handle_signals():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _say(text):
    with contextlib.suppress(OSError):  # standard error may be closed
        os.write(2, b"\nmain.py: " + text + b"\n")


class StopSignals:
    """Within this context, a first signal sets `received` to its number; a second one ends the process at once.

    Python runs a handler only between two of its own instructions, so not while a session runs. What it does at once is
    write the signal's number to a socket (`signal.set_wakeup_fd`): a thread reads it there, undisturbed by the session.

    In a thread of a caller it does nothing: there, signals are the caller's.
    """

    # SIGBREAK is Windows' Ctrl-Break.
    SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))

    def __init__(self):
        self.received = 0

    def __enter__(self):
        self._watcher, self._former = None, {}
        if not can_handle_signals():
            return self
        try:
            self._start_watcher()
            handler = _do_nothing
        except (OSError, ValueError):  # Windows connects two TCP sockets, which a firewall can forbid
            handler = self._handle  # a second signal then has to wait for the end of a session's run
        self._former = {number: signal.signal(number, handler) for number in self.SIGNALS}
        return self

    def _start_watcher(self):
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._former_fd = signal.set_wakeup_fd(self._writer.fileno())
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _watch(self):
        while True:
            for number in self._reader.recv(1):
                if number == 0:
                    return
                if number in self.SIGNALS:
                    self._receive(number)

    def _handle(self, number, _):
        self._receive(number)

    def _receive(self, number):
        if self.received:
            _say(b"stopped without saving this step; the last checkpoint is intact")
            os._exit(128 + number)
        self.received = number
        _say(b"finishing this step, then saving; interrupt again to quit without saving")

    def __exit__(self, *error):
        if self._watcher:
            signal.set_wakeup_fd(self._former_fd)
        for number, handler in self._former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not set by Python
        if self._watcher:
            self._writer.send(b"\0")
            self._watcher.join()
            self._reader.close()
            self._writer.close()


def _do_nothing(*_):
    """Handle a signal whose number the watching thread reads."""
