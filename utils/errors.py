"""Errors and warnings, each of which the program prints as one line."""

import collections
import sys

# The latest warnings shown during this call of main.main(), for the run's report.
recorded_warnings = collections.deque(maxlen=200)


class UserError(Exception):
    """An error that the user can fix. Its text is one line: problem, place, value, cure. Exit code 2."""


class RunError(Exception):
    """A failure of the run that is not a user error. Its text is one line. Exit code 1."""


def reason_of(error):
    """Return the line of an error's text that states the reason; TensorFlow surrounds it with other lines."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    before, node, _ = text.partition("\n\t [[")  # the reason is the line before [[{{node save/SaveV2}}]]
    return before.split("\n")[-1 if node else 0]


def warn(text, fresh_line=False):
    """Print a warning to standard error and record it; fresh_line: start a new line, below any progress bar."""
    recorded_warnings.append(text)
    print("\n" * fresh_line + f"main.py: {text}", file=sys.stderr, flush=True)
