"""What a run computes on and with: GPUs, their memory, and the precision of convolutions and matrix products.

TensorFlow's own graph rewriters lower the precision. Weights, batch-norm statistics, losses and optimizers stay
float32. float16 has so few exponent bits that small gradients would become 0: there the loss is scaled up, and the
gradients down again (Micikevicius et al. 2018, arXiv 1710.03740), by a constant, so that checkpoints do not differ.
bfloat16 has as many exponent bits as float32 (Kalamkar et al. 2019, arXiv 1905.12322).

TensorFlow is imported inside the functions, so that this module can be imported before `start.import_tensorflow`.
"""

import contextlib
import os
import re

from utils.errors import UserError

LOSS_SCALE = {"float32": 1.0, "bfloat16": 1.0, "float16": 1024.0}
_CPUINFO = "/proc/cpuinfo"  # Linux only; without it the processor's instructions are unknown, and float32 is used
_MEMINFO = "/proc/meminfo"  # Linux only
_MEMORY_LIMIT = "/sys/fs/cgroup/memory.max"  # of a container


def gpus():
    """Return the names of the GPUs that TensorFlow can use."""
    import tensorflow.compat.v1 as tf

    return [f"/gpu:{i}" for i in range(len(tf.config.experimental.list_physical_devices("GPU")))]


def take_memory_as_needed():
    """Make TensorFlow allocate GPU memory only as needed, for cases where `session_config` comes too late."""
    import tensorflow.compat.v1 as tf

    for device in tf.config.experimental.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


def processor_flags(path=_CPUINFO):
    """Return the set of instruction set names that the processor reports; empty if unknown."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = re.search(r"^flags\s*:(.*)$", file.read(), re.MULTILINE)
    except OSError:
        return set()
    return set(match.group(1).split()) if match else set()


def choose_precision(wanted, has_gpu=None, flags=None):
    """Return 'float32', 'bfloat16' (on a CPU) or 'float16' (on a GPU) for the setting `wanted`, which may be 'auto'.

    has_gpu, flags: of the machine; None: of this one. Raise UserError if it cannot compute with what is wanted.
    """
    import tensorflow.compat.v1 as tf

    has_gpu = bool(gpus()) if has_gpu is None else has_gpu
    flags = processor_flags() if flags is None else flags
    can_lower = hasattr(tf.ConfigProto().graph_options.rewrite_options, "auto_mixed_precision_onednn_bfloat16")
    if wanted == "auto":
        if has_gpu:
            return "float16" if can_lower else "float32"
        return "bfloat16" if can_lower and _is_faster_in_bfloat16(flags) else "float32"
    reason = ""
    if wanted != "float32" and not can_lower:
        reason = f"requires TensorFlow 2.12 or later; this is {tf.__version__}"
    elif wanted == "float16" and not has_gpu:
        reason = "requires a GPU"
    elif wanted == "bfloat16" and has_gpu:
        reason = "is for CPUs; this machine has a GPU, on which 'auto' chooses float16"
    elif wanted == "bfloat16" and "avx512f" not in flags:
        reason = "requires a processor with AVX-512"
    if reason:
        raise UserError(f"precision = {wanted!r} {reason}; set it to 'auto' or 'float32' in params.py")
    return wanted


def _is_faster_in_bfloat16(flags):
    """Return whether bfloat16 is faster than float32 on a processor with these flags.

    It is with AMX; with AVX512_BF16 alone a step takes 1.5 times as long (docs/performance.md).
    """
    return "amx_bf16" in flags


def describe_precision(chosen, flags=None):
    """Return the line that names the precision; flags: as in `choose_precision`."""
    note = ""
    if chosen == "float16":
        note = ", with scaled losses"
    if chosen == "bfloat16" and not _is_faster_in_bfloat16(processor_flags() if flags is None else flags):
        note = "; float32 is faster on this CPU"
    return f"Convolutions are computed in {chosen}{note}."


def session_config(chosen):
    """Return the tf.ConfigProto of a session with this precision; it allocates GPU memory as needed."""
    import tensorflow.compat.v1 as tf

    config = tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))
    options = config.graph_options.rewrite_options
    if chosen == "bfloat16":
        options.auto_mixed_precision_onednn_bfloat16 = options.ON
    if chosen == "float16":
        options.auto_mixed_precision = options.ON
    return config


def keep_bfloat16_unfused(config):
    """Turn off the rewriter that fuses convolutions with their biases, if the config asks for bfloat16.

    In the session of a tf.train.Server, unlike in a local one, TensorFlow 2.21 refuses the fused bfloat16 operations.
    """
    options = config.graph_options.rewrite_options
    if options.auto_mixed_precision_onednn_bfloat16 == options.ON:
        options.remapping = options.OFF


def available_memory(meminfo=_MEMINFO, limit=_MEMORY_LIMIT):
    """Return how many bytes this process can have, with those that it has already; None if unknown."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total = page * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # such as on Windows
        return None
    try:
        with open(meminfo, encoding="utf-8") as file, open("/proc/self/statm", encoding="utf-8") as own:
            total = 1024 * int(re.search(r"^MemAvailable:\s*(\d+) kB", file.read(), re.MULTILINE).group(1))
            total += page * int(own.read().split()[1])
        with open(limit, encoding="utf-8") as file:
            return min(total, int(file.read()))
    except (OSError, AttributeError, ValueError):  # no Linux, or no limit: the file then says "max"
        return total


@contextlib.contextmanager
def translate_oom(name, value):
    """Turn a lack of memory inside this context into a UserError that names the setting to lower."""
    import tensorflow.compat.v1 as tf

    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise UserError(f"out of memory with {name} = {value}; reduce it, in params.py or by --{name}")
