"""Computation devices: GPUs, memory, and the precision of convolutions and matrix products.

TensorFlow's own graph rewriters lower the precision. Weights, batch-norm statistics, losses and optimizers stay
float32. float16 has so few exponent bits that losses are scaled (model/loss_scale.py). bfloat16 has the same number of
exponent bits as float32 (Kalamkar et al. 2019, arXiv 1905.12322).
"""

import contextlib
import os
import re

import tensorflow.compat.v1 as tf

from utils.errors import UserError, warn
from utils.runtime import limits

GPU_FILES = ("/proc/driver/nvidia", "/dev/nvidia0")  # one of them exists if an NVIDIA driver is loaded (Linux)


def gpus():
    """Return the names of the GPUs that TensorFlow can use."""
    return [f"/gpu:{i}" for i in range(len(tf.config.experimental.list_physical_devices("GPU")))]


def describe_unused_gpu():
    """Return a warning if this machine seems to have a GPU that TensorFlow does not find; '' if not, or if hidden."""
    found = next(filter(os.path.exists, GPU_FILES), None)
    if not found or gpus() or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1", "NoDevFiles"):  # the last by Slurm
        return ""
    package = "'tensorflow[and-cuda]'" if tf.__version__[0] != "1" else f"tensorflow-gpu=={tf.__version__}"
    cure = f"`pip install {package}` adds GPU support, CUDA_VISIBLE_DEVICES=-1 hides this line"
    return f"{found} exists, but TensorFlow finds no GPU and computes on the CPU; {cure}"


def warn_unused_gpu():
    """Print the warning of `describe_unused_gpu`, if any."""
    text = describe_unused_gpu()
    if text:
        warn(text)


def processor_flags(path="/proc/cpuinfo"):
    """Return the set of the processor's feature flags; empty if they are unknown, as on systems other than Linux."""
    match = re.search(r"^flags\s*:(.*)$", limits.read(path), re.MULTILINE)
    return set(match.group(1).split()) if match else set()


def choose_precision(wanted):
    """Return 'float32', 'bfloat16' or 'float16' for the setting `wanted`, which may be 'auto'.

    'auto' is float32 on a GPU, because float16 was never measured on one. Raise UserError if this machine does not
    support the precision.
    """
    has_gpu, flags = bool(gpus()), processor_flags()
    can_lower = hasattr(tf.ConfigProto().graph_options.rewrite_options, "auto_mixed_precision_onednn_bfloat16")
    if wanted == "auto":
        return "bfloat16" if can_lower and not has_gpu and _is_bfloat16_faster() else "float32"
    problems = (
        (wanted != "float32" and not can_lower, f"requires TensorFlow 2.12 or later; this is {tf.__version__}"),
        (wanted == "float16" and not has_gpu, "requires a GPU"),
        (wanted == "bfloat16" and has_gpu, "is for CPUs; this machine has a GPU"),
        (wanted == "bfloat16" and "avx512f" not in flags, "requires a processor with AVX-512"),
    )
    for is_present, reason in problems:
        if is_present:
            raise UserError(f"precision = {wanted!r} {reason}; set it to 'auto' or 'float32' in params.py")
    return wanted


def _is_bfloat16_faster():
    """Return whether bfloat16 is faster than float32 on this processor.

    With AMX, bfloat16 is faster; with only AVX512_BF16, a step takes 1.5 times as long as in float32 (see
    docs/performance.md).
    """
    return "amx_bf16" in processor_flags()


def describe_precision(chosen):
    """Return the line that names the precision, with a note if losses are scaled or bfloat16 is slower than float32."""
    notes = {"float16": ", with scaled losses"}
    if not _is_bfloat16_faster():
        notes["bfloat16"] = "; float32 is faster on this CPU"
    return f"Convolutions are computed in {chosen}{notes.get(chosen, '')}."


def session_config(chosen):
    """Return the tf.ConfigProto of a session with this precision; the session allocates GPU memory as needed."""
    config = tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))
    options = config.graph_options.rewrite_options
    if chosen == "bfloat16":
        options.auto_mixed_precision_onednn_bfloat16 = options.ON
    if chosen == "float16":
        options.auto_mixed_precision = options.ON
    return config


def keep_bfloat16_unfused(config):
    """Turn off the rewriter that fuses convolutions with their biases, if the config asks for bfloat16.

    In the session of a tf.train.Server, unlike in a local one, TensorFlow 2.21 rejects the fused bfloat16 operations.
    """
    options = config.graph_options.rewrite_options
    if options.auto_mixed_precision_onednn_bfloat16 == options.ON:
        options.remapping = options.OFF


def available_memory(root="/"):
    """Return the memory limit of this process in bytes, including memory in use; None if unknown.

    A container's limit counts. root: the folder that contains proc and sys, which exist on Linux only; on macOS, the
    result is the physical memory, and on Windows, None.
    """
    if not hasattr(os, "sysconf"):  # Windows
        return None
    page = os.sysconf("SC_PAGE_SIZE")
    total = page * os.sysconf("SC_PHYS_PAGES")
    available = re.search(r"^MemAvailable:\s*(\d+) kB", limits.read(os.path.join(root, "proc/meminfo")), re.MULTILINE)
    if available:
        total = 1024 * int(available.group(1)) + page * int(limits.read("/proc/self/statm").split()[1])
    return min([total, *limits.memory_limits(root)])


@contextlib.contextmanager
def translate_oom(name, value):
    """Turn an out-of-memory error inside this context into a UserError that names the setting to lower."""
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise UserError(f"out of memory with {name} = {value}; reduce it in params.py or with --{name}")
