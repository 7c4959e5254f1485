"""The exceptions that are told as one line."""


class UserError(Exception):
    """A mistake the user can mend. Its text is one line: what is wrong, the value, the place, the cure. Exit code 2."""


class RunError(Exception):
    """A run has come to a bad end that is no mistake of the user's. Its text is one line. Exit code 1."""
