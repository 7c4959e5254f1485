"""Ctrl-C and SIGTERM as a wish that the loop asks for, instead of an exception in the middle of a step."""

import contextlib
import os
import signal
import socket
import threading


def ignore_hangup():
    """Go on when the terminal is closed."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _say(words):
    with contextlib.suppress(OSError):  # nobody may be reading any more
        os.write(2, b"\nmain.py: " + words + b"\n")


class StopSignals:
    """Within this context, SIGINT and SIGTERM set `received`; a second one ends the process at once.

    Python runs a handler only between two of its own instructions, so not while a session runs. What it does at once is
    write the signal's number to a socket (`signal.set_wakeup_fd`): a thread waits there, and is not held up.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self):
        self.received = None

    def __enter__(self):
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._former = {number: signal.signal(number, lambda *_: None) for number in self.SIGNALS}
        self._former_fd = signal.set_wakeup_fd(self._writer.fileno())
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        while True:
            for number in self._reader.recv(1):
                if number == 0:
                    return
                if number in self.SIGNALS:
                    self._receive(number)

    def _receive(self, number):
        if self.received is not None:
            _say(b"stopped at once; the last checkpoint is safe")
            os._exit(128 + number)
        self.received = number
        _say(b"finishing this step and saving; a second signal stops at once, without that")

    def __exit__(self, *error):
        signal.set_wakeup_fd(self._former_fd)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._writer.send(b"\0")
        self._thread.join()
        self._reader.close()
        self._writer.close()
