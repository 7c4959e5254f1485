"""Inspect the files that a run leaves, and wait for output and files."""

import csv
import itertools
import json
import shutil
import time

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image

from model import losses


def folders(name):
    """Return arguments that give a run its own folders inside the program's folder."""
    return ["--samples_dir", f"{name}/s", "--checkpoints_dir", f"{name}/c"]


def script_metric(monkeypatch, values):
    """Add a metric `scripted` (lower is better) in this process: each measurement returns the next of `values`."""
    from utils.metrics import features, registry

    values = iter(values)
    scripted = registry.Metric("scripted", lambda *_: next(values), registry.LOWER, 0.25, needs=(features.NONE,))
    monkeypatch.setattr(registry, "METRICS", (scripted, *registry.METRICS))


def limit_time(monkeypatch, steps):
    """Let max_minutes be over, in this process, after this number of steps, and from then on."""
    from utils.training.state import RunState

    trained = itertools.count(1)  # the program checks the time once per step
    monkeypatch.setattr(RunState, "is_time_up", property(lambda _: next(trained) >= steps))


def nan_at_step_8(monkeypatch):
    """Make the loss NaN at step 8 until the first rollback."""
    loss = losses.LOSSES["non_saturating"]

    def d(*arguments):
        counters = {variable.op.name: variable for variable in tf.global_variables()}
        fault = tf.equal(counters["rollbacks"], 0) & tf.equal(counters["step"], 7)
        return loss.d(*arguments) + tf.where(fault, float("nan"), 0.0)

    monkeypatch.setitem(losses.LOSSES, "non_saturating", loss._replace(d=d))


def copy_until(program, source, target, step):
    """Copy a run with its `folders` as it was after saving a step, as if it had been killed later."""
    shutil.copytree(str(program.folder / source), str(program.folder / target))
    checkpoints = program.folder / target / "c"
    for later in steps_of(checkpoints):
        for path in checkpoints.glob(f"dcgan-{later}.*"):
            if later > step:
                path.unlink()
    assert steps_of(checkpoints)[-1] == step


def read_until(stream, text, seconds=120):
    """Read lines up to one that contains `text`."""
    deadline = time.time() + seconds
    for line in stream:
        if text in line:
            return
        assert time.time() < deadline, f"no line contains {text!r}"
    raise AssertionError(f"the output ended without {text!r}")


def wait_for(process, condition, seconds=120):
    """Wait until condition() is true, while the process runs."""
    deadline = time.time() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.time() < deadline, "it did not happen in time"
        time.sleep(0.001)


def steps_of(folder):
    """Return the steps of the checkpoints in a folder."""
    return sorted(int(path.name[6:-5]) for path in folder.glob("dcgan-*.json"))


def state_of(program, step):
    """Return the `state` dict in a checkpoint's JSON file."""
    return json.loads((program.checkpoints / f"dcgan-{step}.json").read_text())["state"]


def rows(folder):
    """Return the rows of history.csv, each a dict of strings."""
    with open(str(folder / "history.csv"), newline="") as file:
        return list(csv.DictReader(file))


def last_step(folder):
    """Return the step of the last complete row of history.csv, even while it is being written; 0 if there is none."""
    try:
        return int((folder / "history.csv").read_bytes().rsplit(b"\n", 2)[1].split(b",")[0])
    except (OSError, IndexError, ValueError):
        return 0


def variables(folder, step):
    """Return {name: value} of all variables in a checkpoint."""
    reader = tf.train.load_checkpoint(str(folder / f"dcgan-{step}"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def untimed(folder):
    """Return the rows of history.csv without the columns that depend on the time a step took."""
    timed = {"pictures_per_second", "seconds", "data_wait"}
    return [{name: text for name, text in row.items() if name not in timed} for row in rows(folder)]


def assert_same_run(program, one, two, step):
    """Check that two runs, each in its `folders`, ended with bitwise equal variables, history and grids."""
    one, two = program.folder / one, program.folder / two
    first, second = variables(one / "c", step), variables(two / "c", step)
    assert set(first) == set(second)
    assert {"step", "draw_index", "pictures_seen", "generator/4x4/batch_norm/moving_mean"} < set(first)
    assert any("optimizer" in name and "kernel" in name for name in first)
    assert [name for name in first if not np.array_equal(first[name], second[name])] == []
    assert untimed(one / "c") == untimed(two / "c") != []
    assert pixels(one / "s") == pixels(two / "s") != {}


def pixels(folder):
    """Return {name: pixels} of the PNGs in a folder; the files of two runs differ in the run id in their metadata."""
    images = {path.name: Image.open(str(path)) for path in folder.glob("*.png")}
    return {name: (image.mode, image.size, image.tobytes()) for name, image in images.items()}
