"""Ctrl-C and SIGTERM as a wish that the loop asks for, instead of an exception in the middle of a step."""

import os
import signal


class StopSignals:
    """Within this context, SIGINT and SIGTERM set `received`; a second one ends the process at once."""

    def __init__(self):
        self.received = None
        self._former = {}

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._receive)
        return self

    def _receive(self, number, frame):
        self.received = number
        for each in self._former:
            signal.signal(each, signal.SIG_DFL)
        os.write(2, b"\nmain.py: finishing this step and saving; a second signal stops at once, without that\n")

    def __exit__(self, *error):
        for number, handler in self._former.items():
            signal.signal(number, handler)

    @property
    def exit_code(self):
        """0, or what a shell expects of a process that was stopped: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.received if self.received else 0
