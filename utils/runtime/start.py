"""Import TensorFlow without its startup messages and with the faster of its two sets of CPU kernels."""

import contextlib
import importlib
import os
import sys

from utils.errors import UserError, reason_of

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_CURE = "`pip install -r requirements.txt` installs it"


def import_tensorflow():
    """Import TensorFlow, silently unless the environment sets TF_CPP_MIN_LOG_LEVEL; raise UserError if that fails.

    That variable alone is not enough, because some messages are printed before TensorFlow 2 reads it
    (github.com/tensorflow/tensorflow/issues/100442), so nothing reaches standard error during the import.
    """
    # By default TensorFlow 2 uses oneDNN's kernels only on processors with AVX-512. With AVX2 alone a step of the
    # default network took 4.5 s without oneDNN and 3.0 s with it (batch_size = 64, two Zen 3 cores, TensorFlow 2.21).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if _LEVEL in os.environ:
        _import()
        return
    os.environ[_LEVEL] = "3"
    with _silent_stderr():
        _import().logging.set_verbosity("ERROR")


def _import():
    try:
        return importlib.import_module("tensorflow.compat.v1")
    except Exception as error:  # a different version of TensorFlow or of a dependency can raise anything
        raise UserError(f"TensorFlow cannot be imported ({reason_of(error)}); {_CURE}")


@contextlib.contextmanager
def _silent_stderr():
    """Discard what Python or C++ code writes to file descriptor 2."""
    try:
        terminal = os.dup(2)
    except OSError:  # the process was started without a standard error (pythonw.exe, 2>&-): nothing to silence
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            _flush()
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        _flush()
        os.dup2(terminal, 2)
        os.close(terminal)


def _flush():
    if sys.stderr is not None:
        sys.stderr.flush()


def missing_package(error):
    """Return the message for an ImportError of a required package; re-raise errors about this program's own modules."""
    package = (error.name or "").split(".")[0]
    if package in ("", "main", "model", "utils"):
        raise error
    name = "pillow" if package == "PIL" else package  # the name to install
    return f"the package {name} cannot be imported ({reason_of(error)}); {_CURE}"
