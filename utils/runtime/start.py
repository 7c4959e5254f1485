"""Import TensorFlow: without its start-up notices, and with the faster of its two sets of CPU kernels."""

import importlib
import os
import sys

from utils.errors import UserError

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def import_tensorflow():
    """Import TensorFlow, silently unless the environment sets TF_CPP_MIN_LOG_LEVEL.

    That variable alone is not enough, for some notices come before TensorFlow 2 looks at it
    (github.com/tensorflow/tensorflow/issues/100442), so nothing reaches standard error during the import.
    """
    # TensorFlow 2 takes oneDNN's kernels by itself only where the processor has AVX-512. With AVX2 alone a step of the
    # default network took 4.5 s without and 3.0 s with them (batch_size 64, two cores of Zen 3, TensorFlow 2.21).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if LEVEL in os.environ:
        _import()
        return
    os.environ[LEVEL] = "3"
    with open(os.devnull, "w") as nowhere:
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            _import().logging.set_verbosity("ERROR")
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def _import():
    try:
        return importlib.import_module("tensorflow.compat.v1")
    except ImportError as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError("TensorFlow cannot be imported (%s); `pip install -r requirements.txt` installs it" % reason)
