"""Words to the terminal that always go well, whatever name is in them and whether or not anybody still reads."""

import os
import sys


class _Forgiving:
    """A text stream whose writing never fails: once its reader is gone (`| head`, a lost terminal), it is silent."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        try:
            return self._stream.write(text)
        except OSError:
            self._fall_silent()
            return len(text)

    def flush(self):
        try:
            self._stream.flush()
        except OSError:
            self._fall_silent()

    def _fall_silent(self):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name):
        return getattr(self._stream, name)


def make_forgiving():
    """Let neither lost readers nor odd file names end the program: to be called once, before the first word."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, _Forgiving):
            continue
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, _Forgiving(stream))
