"""The precision of convolutions, chosen by the hardware while all else stays float32, and available memory."""

import functools
import html
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import TINY

from model.train_graph import Reals, build_train_graph
from utils.config.settings import resolve
from utils.errors import UserError
from utils.runtime import devices

IS_OLD = tf.__version__.startswith("1.")
NATIVE = {"avx512f", "avx512_bf16"}


@pytest.fixture
def machine(monkeypatch):
    """A function that imitates a machine with or without a GPU, whose processor supports the given instruction sets."""

    def imitate(has_gpu, flags):
        monkeypatch.setattr(devices, "gpus", lambda: ["/gpu:0"] * has_gpu)
        monkeypatch.setattr(devices, "processor_flags", lambda: flags)

    return imitate


@pytest.mark.parametrize(
    "wanted, has_gpu, flags, chosen",
    [
        ("auto", False, {"avx512f"}, "float32"),
        ("auto", False, NATIVE, "float32"),  # bfloat16 is slower on such processors
        ("auto", False, {"avx512f", "amx_bf16"}, "bfloat16"),
        ("auto", True, NATIVE, "float32"),  # float16 was never measured
        ("auto", True, {"amx_bf16"}, "float32"),
        ("float16", True, NATIVE, "float16"),
        ("float32", True, NATIVE, "float32"),
        ("bfloat16", False, {"avx512f"}, "bfloat16"),
    ],
)
def test_the_choice(machine, wanted, has_gpu, flags, chosen):
    if IS_OLD:
        wanted, chosen = "auto" if wanted == "auto" else "float32", "float32"
    machine(has_gpu, flags)
    assert devices.choose_precision(wanted) == chosen


@pytest.mark.parametrize(
    "precision, has_gpu, flags, reason",
    [
        ("bfloat16", True, NATIVE, "is for CPUs; this machine has a GPU"),
        ("bfloat16", False, {"avx2"}, "requires a processor with AVX-512"),
        ("float16", False, NATIVE, "requires a GPU"),
    ],
)
def test_a_precision_that_the_machine_does_not_support_is_refused(machine, precision, has_gpu, flags, reason):
    reason = "requires TensorFlow 2.12 or later; this is 1.15" if IS_OLD else reason
    machine(has_gpu, flags)
    with pytest.raises(UserError, match=f"precision = '{precision}' {reason}") as caught:
        devices.choose_precision(precision)
    assert str(caught.value).endswith("set it to 'auto' or 'float32' in params.py")


@pytest.fixture
def gpu_file(tmp_path, monkeypatch):
    """A file that imitates an NVIDIA driver; TensorFlow finds no GPU."""
    monkeypatch.setattr(devices, "GPU_FILES", (str(tmp_path / "none"), str(tmp_path / "nvidia0")))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "nvidia0").write_text("")
    return tmp_path / "nvidia0"


def unused_gpu(gpu_file):
    """Return the warning about an unused GPU."""
    package = f"tensorflow-gpu=={tf.__version__}" if IS_OLD else "'tensorflow[and-cuda]'"
    return (
        f"{gpu_file} exists, but TensorFlow finds no GPU and computes on the CPU; `pip install {package}` adds GPU "
        "support, CUDA_VISIBLE_DEVICES=-1 hides this line"
    )


def test_a_gpu_that_tensorflow_does_not_find_is_reported(gpu_file, monkeypatch):
    assert devices.describe_unused_gpu() == unused_gpu(gpu_file)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert devices.describe_unused_gpu() == unused_gpu(gpu_file)
    for hidden in ("", "-1", "NoDevFiles"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert devices.describe_unused_gpu() == ""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(devices, "gpus", lambda: ["/gpu:0"])
    assert devices.describe_unused_gpu() == ""
    monkeypatch.undo()
    assert devices.describe_unused_gpu() == ""


@pytest.mark.slow
def test_an_unused_gpu_is_reported_once_per_start(called, gpu_file):
    line = f"main.py: {unused_gpu(gpu_file)}\n"
    assert called.run("--max_steps", "1").stderr == line
    assert unused_gpu(gpu_file) in html.unescape((called.checkpoints / "report.html").read_text(encoding="utf-8"))
    assert called.run("--isTrain", "0").stderr == line
    assert called.run("--isTrain", "0", "--export", "frozen").stderr == ""  # computes on the CPU in any case


def test_the_flags_of_a_processor(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16\nbugs\t\t: spectre_v1\n")
    assert devices.processor_flags(str(path)) == {"fpu", "avx512f", "avx512_bf16"}
    assert devices.processor_flags(str(tmp_path / "none")) == set()


def test_the_precision_is_described(machine):
    machine(False, NATIVE)
    slow = "Convolutions are computed in bfloat16; float32 is faster on this CPU."
    assert devices.describe_precision("bfloat16") == slow
    machine(False, {"amx_bf16"})
    assert devices.describe_precision("bfloat16") == "Convolutions are computed in bfloat16."
    assert devices.describe_precision("float16") == "Convolutions are computed in float16, with scaled losses."


@pytest.mark.parametrize("error", (MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")))
def test_a_lack_of_memory_names_the_setting_to_lower(error):
    with pytest.raises(UserError) as caught, devices.translate_oom("batch_size", 64):
        raise error
    assert str(caught.value) == "out of memory with batch_size = 64; reduce it in params.py or with --batch_size"
    with pytest.raises(KeyError), devices.translate_oom("batch_size", 64):
        raise KeyError("another error")


@functools.lru_cache(maxsize=None)
def train(precision):
    """Return D's and G's losses over three steps, and the types of all variables and of all convolution inputs."""
    settings = resolve(TINY)
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        images = tf.random.stateless_uniform([4, 32, 32, 3], [3, 4], minval=-1.0)
        network = settings.network._replace(init="glorot", image_size=32)  # G with skip-layer excitation
        graph = build_train_graph(Reals(images, 40), network, settings.run._replace(precision=precision))
        with tf.Session(config=devices.session_config(precision)) as session:
            session.run(tf.global_variables_initializer())
            weights = np.random.RandomState(0)
            for variable in tf.trainable_variables():  # their initial values differ between graphs
                variable.load(weights.normal(0.0, 0.1, variable.shape.as_list()), session)
            losses, types = [], set()
            for step in range(3):
                metadata = tf.RunMetadata()
                options = tf.RunOptions(output_partition_graphs=True)
                d = session.run(graph.d_update(step), options=options, run_metadata=metadata)
                losses.append(float(d["d_loss"]))
                for part in metadata.partition_graphs:
                    types |= {node.attr["T"].type for node in part.node if "Conv2D" in node.op}
                losses.append(float(session.run(graph.g_update)["g_loss"]))
            return losses, {v.op.name: v.dtype.base_dtype for v in tf.global_variables()}, types


@pytest.mark.skipif(IS_OLD, reason="bfloat16 needs TensorFlow 2")
@pytest.mark.slow
@pytest.mark.skipif("avx512f" not in devices.processor_flags(), reason="bfloat16 needs AVX-512")
def test_bfloat16_reaches_the_convolutions_and_no_variables():
    exact, _, types = train("float32")
    assert types == {tf.float32.as_datatype_enum}
    rounded, variables, types = train("bfloat16")
    assert tf.bfloat16.as_datatype_enum in types
    assert set(variables.values()) == {tf.float32, tf.int64}
    assert rounded != exact and rounded == pytest.approx(exact, rel=0.05)


@pytest.mark.slow
def test_scaled_losses_make_the_same_steps():
    exact, names, _ = train("float32")
    scaled, names_of_scaled, _ = train("float16")  # on a CPU, nothing becomes float16
    assert scaled == pytest.approx(exact, rel=1e-4)
    scales = dict.fromkeys(("loss_scale/d", "loss_scale/g"), tf.float32)
    assert names_of_scaled == dict(names, **scales)  # so each can resume from the other's checkpoint


@pytest.mark.slow
def test_the_precision_is_printed_and_may_change_on_resume(program):
    out = program.train("--max_steps", "1", "--precision", "float32")
    assert "Convolutions are computed in float32." in out
    assert '"precision": "float32"' in (program.checkpoints / "dcgan-1.json").read_text()
    if IS_OLD:
        assert "requires TensorFlow 2.12 or later" in program.refuse("--max_steps", "2", "--precision", "bfloat16")
    elif "avx512f" in devices.processor_flags():
        out = program.train("--max_steps", "2", "--precision", "bfloat16")
        assert "Convolutions are computed in bfloat16" in out and "precision changed from float32 to bfloat16" in out


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="Linux only")
def test_available_memory(tmp_path):
    """For the limits of containers, see test_limits.py."""
    assert devices.available_memory(str(tmp_path)) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    (tmp_path / "proc").mkdir()
    text = "MemTotal:  9000000 kB\nMemFree:  1 kB\nMemAvailable:   4000000 kB\n"
    (tmp_path / "proc" / "meminfo").write_text(text)
    assert devices.available_memory(str(tmp_path)) == pytest.approx(4.096e9 + 1e9, abs=1e9)  # plus memory in use
