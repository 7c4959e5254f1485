"""Output streams that never raise, despite odd file names, limited encodings and closed pipes; messages above a bar."""

import contextlib
import os
import sys

from utils.config.names import readable
from utils.errors import recorded_warnings

_MIN_COLUMNS = 20  # minimum width of the terminal for a progress bar


class _NonRaising:
    """A text stream that discards text once its reader is gone (`| head`, a closed terminal)."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        self._attempt(self._stream.write, readable(text))
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
    """Keep standard output and standard error from raising inside this context; clear earlier warnings.

    A character that the encoding (such as Windows' cp1252) lacks is shown as an escape sequence: \\u65e5.
    """
    recorded_warnings.clear()
    with contextlib.ExitStack() as restoration:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            restoration.callback(setattr, sys, name, stream)
            if stream is None:  # the process was started without this stream (pythonw.exe, 2>&-)
                stream = restoration.enter_context(open(os.devnull, "w", encoding="utf-8"))
            if hasattr(stream, "reconfigure"):
                restoration.callback(stream.reconfigure, errors=stream.errors)
                stream.reconfigure(errors="backslashreplace")
            setattr(sys, name, _NonRaising(stream))
            restoration.callback(getattr(sys, name).flush)
        yield


def can_show_bar():
    """Return whether standard output is a terminal that can show a progress bar; if not, plain lines are printed.

    In containers and continuous integration, terminals often have 0 columns, so that a bar would be invisible. As for
    tqdm itself, any value of TQDM_DISABLE but an empty one means no bar.
    """
    try:
        is_allowed = os.environ.get("TERM") != "dumb" and not os.environ.get("TQDM_DISABLE")
        is_usable = is_allowed and sys.stdout.isatty()
        return is_usable and os.get_terminal_size(sys.stdout.fileno()).columns >= _MIN_COLUMNS
    except OSError:
        return False


def print_above_bar(text):
    """Print a message to standard output, above the progress bar if there is one."""
    from tqdm import tqdm  # imported here, so that main.main() reports a missing tqdm

    tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()
