"""Output streams that never raise: odd file names, narrow encodings, closed pipes."""

import collections
import contextlib
import os
import sys

_MIN_COLUMNS = 20  # columns in which a progress bar makes sense
_MAX_WARNINGS = 200

_warnings = collections.deque(maxlen=_MAX_WARNINGS)


class _NonRaising:
    """A text stream that turns silent once its reader has gone (`| head`, a closed terminal)."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        self._attempt(self._stream.write, text)
        return len(text)

    def flush(self):
        self._attempt(self._stream.flush)

    def _attempt(self, method, *arguments):
        try:
            method(*arguments)
        except OSError:
            # A stream without a file descriptor raises io.UnsupportedOperation, which is an OSError.
            with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())

    def __getattr__(self, name):
        return getattr(self._stream, name)


@contextlib.contextmanager
def non_raising_streams():
    """Keep standard output and standard error from raising inside this context; forget earlier warnings.

    A character that the encoding lacks (such as Windows' cp1252) is shown as its escape: \\u65e5.
    """
    _warnings.clear()
    with contextlib.ExitStack() as restoration:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            restoration.callback(setattr, sys, name, stream)
            if stream is None:  # the process was started without it (pythonw.exe, 2>&-)
                stream = restoration.enter_context(open(os.devnull, "w", encoding="utf-8"))
            if hasattr(stream, "reconfigure"):
                restoration.callback(stream.reconfigure, errors=stream.errors)
                stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, _NonRaising(stream))
            restoration.callback(getattr(sys, name).flush)
        yield


def can_show_bar():
    """Return whether standard output is a terminal that can show a progress bar; all others get plain lines.

    Consoles of containers and of continuous integration are often terminals of 0 columns, on which a bar is invisible.
    """
    try:
        is_usable = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        return is_usable and os.get_terminal_size(sys.stdout.fileno()).columns >= _MIN_COLUMNS
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
