"""Import TensorFlow without its startup messages and with the faster of its two sets of CPU kernels."""

import contextlib
import importlib
import os
import subprocess
import sys

from utils.errors import UserError, reason_of
from utils.runtime.limits import check_limits, cores, visible_cores

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_CURE = "`pip install -r requirements.txt` installs it"
# Reads a text until all its writers have closed it or exited, and then prints its first argument and the text.
_READER = 'text=$(cat) && printf "%s\\n" "$1" ${text:+"$text"} >&2'
_ENDED = (
    "main.py: the process ended during the import of TensorFlow; if it was not killed and no reason follows, this "
    "build of TensorFlow probably needs instructions that the processor lacks: install a different build"
)


def import_tensorflow():
    """Import TensorFlow, silently unless the environment sets TF_CPP_MIN_LOG_LEVEL; raise UserError if that fails.

    That variable alone is not enough, because some messages are printed before TensorFlow 2 reads it
    (github.com/tensorflow/tensorflow/issues/100442), so nothing reaches standard error during the import.
    """
    check_limits()
    # By default TensorFlow 2 uses oneDNN's kernels only on processors with AVX-512. With AVX2 alone a step of the
    # default network took 4.5 s without oneDNN and 3.0 s with it (batch_size = 64, two Zen 3 cores, TensorFlow 2.21).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if cores() < visible_cores():  # TensorFlow ignores the quota of a container
        for kind in ("INTRA", "INTER"):
            os.environ.setdefault(f"TF_NUM_{kind}OP_THREADS", str(cores()))
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
    """Discard what Python or C++ code writes to file descriptor 2, but print it if the process ends in this context.

    TensorFlow prints why it aborts, such as instructions that the processor lacks. A shell that outlives this process
    reads the text. Nothing is discarded on Windows and wherever else a shell is missing, or in the first process of a
    container, because all others end with it.
    """
    with contextlib.ExitStack() as restoration:
        with contextlib.suppress(OSError):  # standard error (pythonw.exe, 2>&-) or the shell is missing
            terminal = os.dup(2)
            restoration.callback(os.close, terminal)
            if os.getpid() != 1:
                reader = subprocess.Popen(["/bin/sh", "-c", _READER, "sh", _ENDED], stdin=subprocess.PIPE)
                restoration.callback(_end, reader)
                _flush()
                os.dup2(reader.stdin.fileno(), 2)
                restoration.callback(os.dup2, terminal, 2)
                restoration.callback(_flush)
        yield


def _end(reader):
    """End the reader before its input closes, so that it prints nothing."""
    reader.kill()
    reader.wait()
    reader.stdin.close()


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
