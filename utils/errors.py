"""The exceptions that are told as one line."""


class UserError(Exception):
    """A mistake the user can mend. Its text is one line: what is wrong, the value, the place, the cure. Exit code 2."""


class RunError(Exception):
    """A run has come to a bad end that is no mistake of the user's. Its text is one line. Exit code 1."""


def reason_of(error):
    """Return the one line of an error's text that says what was wrong; TensorFlow puts many others around it."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    before, node, _ = text.partition("\n\t [[")  # such as [[{{node save/SaveV2}}]], right behind the reason
    return before.split("\n")[-1 if node else 0]
