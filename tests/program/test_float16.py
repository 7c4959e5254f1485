"""Runs in float16, imitated on a CPU, where nothing becomes float16, with overflows that are forced."""

import re

import pytest
import tensorflow.compat.v1 as tf
from overflows import overflow_if
from runs import assert_same_run, copy_until, folders, variables

from model.loss_scale import START, STEP
from utils.runtime import devices

pytestmark = pytest.mark.slow

EVERY = ["--log_every", "1", "--checkpoint_every", "1", "--keep_checkpoints", "99"]


@pytest.fixture
def on_gpu(monkeypatch):
    """A machine that has a GPU on which float16 is possible."""
    monkeypatch.setattr(devices, "gpus", lambda: ["/gpu:0"])
    choose = devices.choose_precision
    monkeypatch.setattr(devices, "choose_precision", lambda wanted: wanted if wanted == "float16" else choose(wanted))


def counters():
    """Return the counters of the graph that is being built: {name: value}."""
    return {v.op.name: v.read_value() for v in tf.global_variables() if v.dtype.base_dtype == tf.int64}


def scales(folder, step):
    """Return the base-2 logarithms of the scales of D and of G in a checkpoint."""
    values = variables(folder, step)
    return values["loss_scale/d"], values["loss_scale/g"]


def test_a_run_with_overflows_resumes_exactly(called, on_gpu, monkeypatch):
    """D's update overflows at step 3 and at step 5, G's at step 3; neither is a divergence."""
    overflow_if(monkeypatch, lambda: tf.reduce_any(tf.equal(counters()["draw_index"], [4, 5, 8])))
    options = ["--max_steps", "6", "--precision", "float16", *EVERY]
    assert called.train(*options, *folders("whole")).count("Convolutions are computed in float16, with scaled") == 1
    before, after = (variables(called.folder / "whole" / "c", step) for step in (2, 3))
    skipped = {name for name in before if name.startswith(("discriminator/", "d_optimizer/", "average_generator/"))}
    trained = {name for name in before if name.startswith("generator/") and "/moving_" not in name}
    assert skipped and trained and all((before[name] == after[name]).all() for name in skipped | trained)
    assert (after["step"], after["draw_index"]) == (3, 6)
    assert scales(called.folder / "whole" / "c", 6) == (START - 2 + STEP, START - 1 + 3 * STEP)
    for step in (3, 4):
        copy_until(called, "whole", str(step), step)
        called.train(*options, *folders(str(step)))
        assert_same_run(called, "whole", str(step), 6)


def test_an_old_checkpoint_starts_with_the_former_scale(called, on_gpu):
    """Other optional variables keep their values: the average lead of D."""
    options = ["--augment", "adaptive", *EVERY]
    called.train("--max_steps", "4", "--precision", "float32", *options, *folders("whole"))
    copy_until(called, "whole", "parts", 3)
    done = called.train("--max_steps", "4", "--precision", "float16", *options, *folders("parts"))
    assert "precision changed from float32 to float16" in done
    one, two = (variables(called.folder / name / "c", 4) for name in ("whole", "parts"))
    assert scales(called.folder / "parts" / "c", 4) == (START + STEP, START + STEP)
    assert two["balance/lead"] == pytest.approx(one["balance/lead"], rel=1e-6) and one["balance/lead"] != 0


def test_auto_keeps_float16_only_if_the_run_began_with_it_and_a_gpu_is_there(called, on_gpu, monkeypatch):
    assert "Convolutions are computed in float32." in called.train("--max_steps", "1", *folders("new"))
    called.train("--max_steps", "1", "--precision", "float16")
    out = called.train("--max_steps", "2")
    kept = "These defaults have changed since that run began; keeping its values: precision = float16.\n"
    assert kept in out and "Convolutions are computed in float16, with scaled losses." in out
    out = called.train("--max_steps", "3", "--precision", "float32")
    assert "precision changed from float16 to float32" in out
    called.train("--max_steps", "4", "--precision", "float16")
    monkeypatch.setattr(devices, "gpus", lambda: [])
    monkeypatch.setattr(devices, "processor_flags", set)
    out = called.train("--max_steps", "5")
    assert "precision changed from float16 to float32" in out and "Convolutions are computed in float32." in out


def test_overflows_at_every_scale_roll_the_run_back(called, on_gpu, monkeypatch):
    """From step 3 on, G's gradients overflow at every scale until the first rollback."""

    def is_faulty():
        values = counters()
        return tf.equal(values["rollbacks"], 0) & (values["draw_index"] > 4) & tf.equal(values["draw_index"] % 2, 1)

    overflow_if(monkeypatch, is_faulty, factors=(1e38, 1e38))
    done = called.run("--max_steps", "30", "--precision", "float16", *EVERY)
    back = re.findall(r"step (\d+): losses or weights are NaN or infinite; back to step (\d+), ", done.stderr)
    last = 2 + int(START)  # skipped updates lower the scale to 1
    assert (done.returncode, back) == (0, [(str(last + 1), str(last))]), done.stderr
