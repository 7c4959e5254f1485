"""Running out of memory, told as one line."""

import contextlib

import tensorflow.compat.v1 as tf

from utils.errors import UserError


@contextlib.contextmanager
def shortage_named(name, value):
    """Turn a lack of memory inside this context into a UserError that names the setting to lower."""
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise UserError("out of memory with %s = %s; lower it in params.py" % (name, value))
