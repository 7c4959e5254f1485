"""Output streams that never raise: odd file names, narrow encodings, closed pipes."""

import collections
import contextlib
import os
import sys

_NARROWEST = 20  # columns in which a progress bar makes sense
_MAX_WARNINGS = 200  # warnings

_warnings = collections.deque(maxlen=_MAX_WARNINGS)


class _NonRaising:
    """A text stream that turns silent once its reader has gone (`| head`, a closed terminal)."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        try:
            return self._stream.write(text)
        except OSError:
            self._turn_silent()
            return len(text)

    def flush(self):
        try:
            self._stream.flush()
        except OSError:
            self._turn_silent()

    def _turn_silent(self):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError):  # of a stream without a file descriptor
            os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name):
        return getattr(self._stream, name)


@contextlib.contextmanager
def non_raising_streams():
    """Make standard output and standard error never raise inside the block.

    A character that the encoding lacks (such as Windows' cp1252) is shown as its escape: \\u65e5. Warnings of before
    are forgotten.
    """
    _warnings.clear()
    former = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    errors = {name: getattr(stream, "errors", None) for name, stream in former.items()}
    for name, stream in former.items():
        if stream is None:  # the process was started without it (pythonw.exe, 2>&-)
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (closed with the last reference)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, _NonRaising(stream))
    try:
        yield
    finally:
        for name, stream in former.items():
            getattr(sys, name).flush()
            setattr(sys, name, stream)
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors=errors[name])


def can_show_bar():
    """Return whether standard output is a terminal that can show a progress bar; plain lines are for all others.

    Consoles of containers and of continuous integration are often terminals of 0 columns, on which a bar is invisible.
    """
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return False
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns >= _NARROWEST
    except OSError:
        return False


def warn(text, fresh_line=False):
    """Print a line for the user to standard error; fresh_line: below the progress bar that may be shown."""
    record_warning(text)
    newline = "\n" if fresh_line else ""
    print(f"{newline}main.py: {text}", file=sys.stderr, flush=True)


def record_warning(warning):
    """Keep a warning that is shown, for the report of the run."""
    _warnings.append(warning)


def recorded_warnings():
    """Return the warnings of this call of main.main() so far, at most the last 200 of them."""
    return list(_warnings)


def print_above_bar(text):
    """Print a line for the user to standard output, above the progress bar that may be shown."""
    from tqdm import tqdm  # here, so that main.main() reports a missing tqdm

    tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()
