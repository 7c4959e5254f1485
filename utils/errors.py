"""Exceptions that the user sees as one line, without a traceback."""


class UserError(Exception):
    """The user can fix this. Its text is one line: what is wrong, the value, the place, the cure. Exit code 2."""


class RunError(Exception):
    """The run failed for a reason other than user error. Its text is one line. Exit code 1."""


def reason_of(error):
    """Return the line of an error's text that gives the reason; TensorFlow surrounds it with many others."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    before, node, _ = text.partition("\n\t [[")  # such as [[{{node save/SaveV2}}]], right after the reason
    return before.split("\n")[-1 if node else 0]
