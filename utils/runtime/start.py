"""Import TensorFlow: without its start-up notices, and with the faster of its two sets of CPU kernels."""

import contextlib
import importlib
import os
import sys

from utils.errors import UserError, reason_of

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_CURE = "`pip install -r requirements.txt` installs it"
_DISTRIBUTIONS = {"PIL": "pillow"}  # where the name to install is not that of the import


def import_tensorflow():
    """Import TensorFlow, silently unless the environment sets TF_CPP_MIN_LOG_LEVEL; raise UserError if that fails.

    That variable alone is not enough, because some notices are printed before TensorFlow 2 reads it
    (github.com/tensorflow/tensorflow/issues/100442), so nothing reaches standard error during the import.
    """
    # By default TensorFlow 2 uses oneDNN's kernels only on processors with AVX-512. With AVX2 alone a step of the
    # default network took 4.5 s without and 3.0 s with them (batch_size 64, two cores of Zen 3, TensorFlow 2.21).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if LEVEL in os.environ:
        _import()
        return
    os.environ[LEVEL] = "3"
    with _silent_stderr():
        _import().logging.set_verbosity("ERROR")


@contextlib.contextmanager
def _silent_stderr():
    """Discard what is written to file descriptor 2, by C++ code too."""
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


def _import():
    try:
        return importlib.import_module("tensorflow.compat.v1")
    except Exception as error:  # of another version, or with other versions of what it needs: anything
        raise UserError(f"TensorFlow cannot be imported ({reason_of(error)}); {_CURE}")


def missing_package(error):
    """Return what to say of an ImportError of a package that the program needs; raise it if it is one of our own."""
    package = (error.name or "").split(".")[0]
    if package in ("", "main", "model", "utils"):
        raise error
    name = _DISTRIBUTIONS.get(package, package)
    return f"the package {name} cannot be imported ({reason_of(error)}); {_CURE}"
