"""Which numbers the convolutions and matrix products are computed with; TensorFlow's own graph rewriters change them.

Weights, statistics of batch norm, losses and optimizers stay float32. float16 has so few exponents that small gradients
would be 0 in it: there the loss is scaled up, and gradients down again (Micikevicius et al. 2018, arXiv 1710.03740), by
a constant, lest checkpoints differ. bfloat16 has as many as float32 (Kalamkar et al. 2019, arXiv 1905.12322).
"""

import re

from utils.errors import UserError

LOSS_SCALE = {"float32": 1.0, "bfloat16": 1.0, "float16": 1024.0}
_CPU = "/proc/cpuinfo"  # Linux; where there is none, nothing is known, and float32 is computed


def gpus():
    """Return the names of the GPUs that TensorFlow can use."""
    import tensorflow.compat.v1 as tf

    return ["/gpu:%d" % i for i in range(len(tf.config.experimental.list_physical_devices("GPU")))]


def take_memory_as_needed():
    """Have TensorFlow take no more of a GPU's memory than it needs, also where `session_config` comes too late."""
    import tensorflow.compat.v1 as tf

    for device in tf.config.experimental.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


def processor_flags(path=_CPU):
    """Return the set of what the processor says that it has."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return set(re.findall(r"\S+", (re.findall(r"^flags\s*:(.*)$", file.read(), re.MULTILINE) or [""])[0]))
    except OSError:
        return set()


def choose(wanted, has_gpu=None, flags=None):
    """Return 'float32', 'bfloat16' (on a processor) or 'float16' (on a GPU) for what is wanted, which may be 'auto'.

    Raise UserError where it cannot be. has_gpu, flags: of the processor; None: those of this machine.
    """
    import tensorflow.compat.v1 as tf

    has_gpu = bool(gpus()) if has_gpu is None else has_gpu
    flags = processor_flags() if flags is None else flags
    can = hasattr(tf.ConfigProto().graph_options.rewrite_options, "auto_mixed_precision_onednn_bfloat16")
    if wanted == "auto":
        if has_gpu and can:
            return "float16"
        return "bfloat16" if can and _is_native(flags) and not has_gpu else "float32"
    reason = ""
    if wanted != "float32" and not can:
        reason = "needs TensorFlow 2.12 or later, and this is %s" % tf.__version__
    elif wanted == "float16" and not has_gpu:
        reason = "needs a GPU"
    elif wanted == "bfloat16" and has_gpu:
        reason = "is for processors, and this is a GPU, for which 'auto' takes float16"
    elif wanted == "bfloat16" and "avx512f" not in flags:
        reason = "needs a processor with AVX-512"
    if reason:
        raise UserError("precision = %r %s; set it to 'auto' or 'float32' in params.py" % (wanted, reason))
    return wanted


def _is_native(flags):
    return bool(flags & {"avx512_bf16", "amx_bf16"})


def describe(chosen, flags=None):
    """Return the line that says what is computed with."""
    words = {"bfloat16": "bfloat16", "float16": "float16, with scaled losses", "float32": "float32"}[chosen]
    if chosen == "bfloat16" and not _is_native(processor_flags() if flags is None else flags):
        words += ", for which this processor has no instructions: float32 is quicker"
    return "Convolutions are computed in %s." % words


def session_config(chosen):
    """Return the tf.ConfigProto of a session that computes so; a GPU's memory is taken as it is needed."""
    import tensorflow.compat.v1 as tf

    config = tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))
    options = config.graph_options.rewrite_options
    if chosen == "bfloat16":
        options.auto_mixed_precision_onednn_bfloat16 = options.ON
    if chosen == "float16":
        options.auto_mixed_precision = options.ON
    return config
