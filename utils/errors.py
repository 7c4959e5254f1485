"""The one exception that stands for a user's mistake."""


class UserError(Exception):
    """A mistake the user can mend. Its text is one line: what is wrong, the value, the place, the cure. Exit code 2."""
