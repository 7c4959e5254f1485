"""The program as a user runs it: metrics, sampling from the best checkpoint, evaluation, classes, and init_from."""

import csv
import itertools
import json
import shutil

import numpy as np
import pytest
from conftest import CalledProgram
from PIL import Image
from runs import script_metric, state_of, variables

from utils.checkpoints import store
from utils.metrics.measure import Measurer
from utils.training import health

pytestmark = pytest.mark.slow

OPTIONS = ["--max_steps", "12", "--metrics_every", "4", "--metrics_samples", "8", "--keep_checkpoints", "1"]
OPTIONS += ["--conditional", "1", "--checkpoint_every", "5", "--log_every", "6", "--train_samples", "6"]
FROZEN = [*OPTIONS, "--init_from", "checkpoints", "--freeze_d", "1"]
FROZEN += ["--samples_dir", "frozen/s", "--checkpoints_dir", "frozen/c"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A program that has trained a conditional network on three classes for twelve steps."""
    folder = tmp_path_factory.mktemp("trained")
    for c, name in enumerate(("blue", "green", "red")):
        (folder / "some pics" / name).mkdir(parents=True)
        for i in range(4):
            colors = np.full((16, 16, 3), 40 + 10 * i, np.uint8)
            colors[..., 2 - c] = 200
            Image.fromarray(colors).save(str(folder / "some pics" / name / ("%d.png" % i)))
    program = CalledProgram(folder / "a copy", folder / "some pics")
    with pytest.MonkeyPatch.context() as monkeypatch:  # the second of three measurements is the best
        script_metric(monkeypatch, [9.0, 7.0, 9.0])
        program.output = program.train(*OPTIONS)
    return program


@pytest.fixture
def worse(monkeypatch):
    """Make every measurement worse than the best of `trained`."""
    script_metric(monkeypatch, itertools.repeat(9.0))


@pytest.fixture(scope="module")
def frozen(trained):
    """The output of a one-step run in frozen/, from the weights of `trained`, with one layer of D frozen."""
    return trained.train(*FROZEN, "--max_steps", "1", "--keep_checkpoints", "2")


def test_what_was_measured_is_written(trained):
    with open(str(trained.checkpoints / "history.csv"), newline="") as file:
        rows = {row["step"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["4", "6", "8", "12"]
    assert [rows[step]["scripted"] for step in rows] == ["9", "", "7", "9"]
    assert 0 < float(rows["4"]["ms_ssim"]) <= 1 and rows["4"]["fid"] == ""
    assert (
        "step 3: " in trained.output
        and "quality at step 4: scripted 9\n" in trained.output
        and "Finished at step 12 (scripted 9)." in trained.output
    )
    best = state_of(trained, 12)["best"]
    assert (best["step"], best["metric"], best["value"], best["least"], best["least_step"]) == (8, "scripted", 7, 7, 8)
    left = {int(path.stem.split("-")[1]) for path in trained.checkpoints.glob("dcgan-*.json")}
    assert left == {8, 12}  # the newest (keep_checkpoints = 1) and the best, saved although none was due at its step
    assert state_of(trained, 12)["classes"] == ["blue", "green", "red"]


def test_films(trained):
    """Make the training time-lapse at the end and again later, and a walk from class to class."""
    assert f"Time-lapse of training: {trained.samples / 'timelapse.gif'}" in trained.output
    with Image.open(str(trained.samples / "timelapse.gif")) as film:
        assert film.n_frames >= 2 and film.size[1] == 3 * 16 + 12
    output = trained.train("--isTrain", "0", "--timelapse", "1")
    assert "Time-lapse of training: " in output
    output = trained.train("--isTrain", "0", "--walk", "3", "--picks", "red:1,green:1,blue:2")
    assert "A walk with 9 frames (0.36 s): " in output
    (strip,) = trained.samples.glob("sample_00000008_*_walk3_*_strip.png")
    frames = np.asarray(Image.open(str(strip))).reshape(16, 9, 16, 3).transpose(1, 0, 2, 3)
    trained.train("--isTrain", "0", "--picks", "red:1,green:1,blue:2")
    key = [np.asarray(Image.open(str(next(trained.samples.glob(f"*/*_{name}.png"))))) for name in
           ("red_00001", "green_00001", "blue_00002")]  # fmt: skip
    assert all(np.array_equal(frames[3 * i], image) for i, image in enumerate(key))
    assert len({frame.tobytes() for frame in frames}) == 9
    output = trained.train("--isTrain", "0", "--arithmetic", "red:1 - green:1 + blue:2")
    assert "red:1 - green:1 + blue:2 in " in output and ", its result in " in output
    line = trained.refuse("--isTrain", "0", "--picks", "red:1,2")
    assert line == "main.py: picks: '2' (character 7) needs a class, such as red:2"


def test_grids_have_a_row_for_each_class(trained):
    with Image.open(str(trained.samples / "train_00000012.png")) as grid:
        assert grid.size == (2 * 16, 3 * 16)


def test_classes_choose(trained):
    output = trained.train("--isTrain", "0", "--classes", "red,blue", "--num_samples", "8", "--single", "1")
    assert "8 samples in" in output
    both = np.asarray(Image.open(str(next(trained.samples.glob("sample_00000008_*_n8_red+blue.png")))))
    assert both.shape == (2 * 16, 4 * 16, 3)
    trained.train("--isTrain", "0", "--num_samples", "12")
    every = np.asarray(Image.open(str(next(trained.samples.glob("sample_00000008_*_n12.png")))))
    assert np.array_equal(every[32:], both[:16]) and np.array_equal(every[:16], both[16:])
    assert not np.array_equal(every[:16], every[32:])
    # A pick depends only on its class and number, not on the other picks.
    trained.train("--isTrain", "0", "--picks", "red:3,blue:1")
    (folder,) = [path for path in trained.samples.glob("sample_00000008_*_picks_red_3*") if path.is_dir()]
    names = {path.name.split("_")[-2]: np.asarray(Image.open(str(path))) for path in folder.iterdir()}
    assert np.array_equal(names["red"], both[:16, 48:]) and np.array_equal(names["blue"], both[16:, 16:32])
    line = trained.refuse("--isTrain", "0", "--classes", "bleu")
    assert line == "main.py: classes: no class 'bleu'; did you mean blue?"


def test_which_checkpoint(trained):
    output = trained.train("--isTrain", "0", "--num_samples", "3")
    assert "Sampling from step 8 (the best by scripted, 7; the latest is step 12)" in output
    output = trained.train("--isTrain", "0", "--checkpoint", "latest", "--num_samples", "3")
    assert "Sampling from step 12 (the latest)" in output
    output = trained.train("--isTrain", "0", "--checkpoint", "12", "--num_samples", "3")
    assert "Sampling from step 12 (as requested)" in output
    assert "lacks that step; it has 8, 12" in trained.refuse("--isTrain", "0", "--checkpoint", "7")
    assert "expected best, latest, or a step" in trained.refuse("--isTrain", "0", "--checkpoint", "last")


def test_if_the_best_is_damaged_it_is_the_latest(trained):
    path = trained.checkpoints / "dcgan-8.index"
    whole = path.read_bytes()
    path.write_bytes(b"rubbish")
    try:
        done = trained.run("--isTrain", "0", "--num_samples", "3")
        assert done.returncode == 0 and "Sampling from step 12 (the latest)" in done.stdout
        assert "main.py: the best checkpoint: " in done.stderr and "dcgan-8 is damaged" in done.stderr
        assert "dcgan-8 is damaged" in trained.refuse("--isTrain", "0", "--checkpoint", "8")
    finally:
        path.write_bytes(whole)


def test_evaluate(trained, worse):
    output = trained.train("--isTrain", "0", "--evaluate", "1", "--evaluate_samples", "10")
    assert "N = 10 samples against 10 images, 16x16, crop = center, mirror = 0; MS-SSIM over 1 scale" in output
    assert "scripted             9.0000   (lower is better)" in output and "ms_ssim" in output
    assert "inception_graph must name the file" in output and "nothing is downloaded" in output
    assert "These are not the images" not in output
    with Image.open(str(next(trained.samples.glob("nearest_00000008_run*.png")))) as sheet:
        assert sheet.size == (2 * (5 * 16 + 4), 5 * 16)


def test_a_conditional_run_goes_on_with_its_classes_alone(trained):
    red = trained.folder / "pics" / "red"
    red.rename(trained.folder / "red")
    try:
        line = trained.refuse(*OPTIONS, "--max_steps", "14")
        assert (
            "the classes in pics_dir" in line
            and "are blue, green, but this run was trained on blue, green, red" in line
        )
    finally:
        (trained.folder / "red").rename(red)
    (trained.folder / "pics" / "stray.png").write_bytes((red / "0.png").read_bytes())
    try:
        assert "1 of 13 are directly in pics_dir" in trained.refuse(*OPTIONS, "--max_steps", "14")
    finally:
        (trained.folder / "pics" / "stray.png").unlink()


def test_one_class_is_nothing_to_tell_apart(called):
    shutil.rmtree(str(called.folder / "pics" / "red"))
    assert "requires at least two class folders, but" in called.refuse("--conditional", "1")


def test_a_run_from_the_weights_of_another(trained, frozen, called):
    source = ["--init_from", str(trained.checkpoints)]
    line = called.refuse(*source, "--activation", "elu", "--filters", "6")
    assert "has a different network: activation is leaky_relu in init_from and elu in this run; use" in line
    assert "no checkpoint in init_from = " in called.refuse("--init_from", str(called.folder / "pics"))
    assert "New run, from the weights at step 8 (the best by scripted, 7; the latest is step 12)" in frozen
    theirs, ours = variables(trained.checkpoints, 8), variables(trained.folder / "frozen" / "c", 0)
    for name in ("generator/8x8/conv/kernel", "generator/4x4/batch_norm/moving_mean", "discriminator/8x8/conv/kernel"):
        assert np.array_equal(theirs[name], ours[name])
    name = "generator/8x8/conv/kernel"
    assert np.array_equal(ours["average_" + name], theirs[name])
    assert ours["step"] == ours["pictures_seen"] == 0


def test_frozen_layers_keep_the_weights_of_another_run(trained, frozen):
    assert "dcgan-8. Not trained: D 16x16.\n" in frozen
    trained.train(*FROZEN, "--max_steps", "2")
    theirs, ours = variables(trained.checkpoints, 8), variables(trained.folder / "frozen" / "c", 2)
    for name, is_frozen in (("16x16/conv/kernel", True), ("16x16/conv/bias", True), ("8x8/conv/kernel", False)):
        assert np.array_equal(ours["discriminator/" + name], theirs["discriminator/" + name]) == is_frozen
    line = trained.refuse(*FROZEN, "--max_steps", "3", "--freeze_d", "0")
    assert "freeze_d changed from 1 to 0" in line
    none = ["--samples_dir", "none/s", "--checkpoints_dir", "none/c"]
    line = trained.refuse(*FROZEN, *none, "--channels", "1")
    assert "freeze_d = 1 freezes D 16x16, which cannot be copied from init_from = " in line


def test_a_run_from_the_weights_of_one_with_other_classes_and_colors(trained):
    """The original run has the classes green and red; the new run is gray and also has teal."""
    pics = trained.folder / "other pics"
    for name in ("green", "red"):
        shutil.copytree(str(trained.folder / "pics" / name), str(pics / name))
    shutil.copytree(str(trained.folder / "pics" / "blue"), str(pics / "teal"))
    new_run = ["--init_from", str(trained.checkpoints), "--pics_dir", str(pics), "--channels", "1", "--max_steps", "1"]
    new_run += ["--samples_dir", "gray/s", "--checkpoints_dir", "gray/c"]
    done = trained.train(*OPTIONS, *new_run, "--keep_checkpoints", "2")
    assert (
        "Copied: G 4x4, G 8x8, G 16x16, D 8x8, D logit. "
        "Initialized (missing or different shape): G output, D 16x16, class teal.\n" in done
    )
    theirs, ours = variables(trained.checkpoints, 8), variables(trained.folder / "gray" / "c", 0)
    for name in ("generator/8x8/batch_norm/gamma", "discriminator/logit/classes/kernel"):
        assert np.array_equal(ours[name][:2], theirs[name][1:])
    assert np.array_equal(ours["average_generator/8x8/batch_norm/beta"], ours["generator/8x8/batch_norm/beta"])
    saved = json.loads((trained.folder / "gray" / "c" / "dcgan-1.json").read_text())
    assert (saved["state"]["classes"], saved["network"]["channels"]) == (["green", "red", "teal"], 1)
    teal = ["--isTrain", "0", "--num_samples", "1", "--classes", "teal", "--checkpoints_dir", "gray/c"]
    assert "1 sample in" in trained.train(*teal, "--samples_dir", "gray/s")
    for name in ("reals.png", "sample_00000001_seed0_run*_n1_teal.png"):
        assert Image.open(str(next((trained.folder / "gray" / "s").glob(name)))).mode == "L"
    none = ["--filters", "6", "--samples_dir", "none/s", "--checkpoints_dir", "none/c"]
    line = trained.refuse(*OPTIONS, *new_run, *none)
    assert "has no layer that fits: channels is 3 in init_from and 1 in this run, filters is 4 in init_from" in line


def test_a_metric_that_fails_ends_nothing_and_what_goes_wrong_is_said(called, monkeypatch):
    """Make measuring fail, and make D win after three steps."""

    def fail(*_):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(Measurer, "__call__", fail)
    monkeypatch.setattr(health, "WINDOW", 3)
    for threshold in ("WON_FROM", "OVER_BELOW"):
        monkeypatch.setattr(health, threshold, -1.0)
    done = called.run("--max_steps", "6", "--metrics_every", "4", "--metrics_samples", "8")
    assert done.returncode == 0 and "Finished at step 6." in done.stdout
    assert [line for line in done.stderr.split("\n") if line] == [
        "main.py: the quality at step %d cannot be measured (out of luck); training continues" % step for step in (4, 6)
    ]
    assert done.stdout.count("D has won: in the last 3 steps D(x) was ") == 1


def test_a_best_that_is_gone_is_chosen_anew(trained, worse):
    copy = trained.folder / "without best"
    shutil.copytree(str(trained.checkpoints), str(copy))
    for path in copy.glob("dcgan-8.*"):
        path.unlink()
    there = ["--checkpoints_dir", "without best", "--samples_dir", "samples without"]
    done = trained.run(*OPTIONS, *there, "--max_steps", "16")
    assert done.returncode == 0 and "choosing a new one" in done.stderr
    state = json.loads((copy / "dcgan-16.json").read_text())["state"]
    assert (state["best"]["step"], state["best"]["value"]) == (16, 9)


def test_another_comparison_takes_nothing_from_the_best_so_far(trained, worse):
    copy = trained.folder / "another"
    shutil.copytree(str(trained.checkpoints), str(copy))
    there = ["--checkpoints_dir", "another", "--samples_dir", "another samples"]
    trained.train(*OPTIONS, *there, "--max_steps", "16", "--metrics_samples", "6")
    state = json.loads((copy / "dcgan-16.json").read_text())["state"]
    assert state["best"]["step"] == 16 and state["former"] == [8]
    assert sorted(int(path.stem.split("-")[1]) for path in copy.glob("dcgan-*.json")) == [8, 16]


def test_a_best_that_cannot_be_saved_is_not_the_best(trained, monkeypatch):
    """While the disk is full, the previous best checkpoint is kept and reported as the best."""
    copy = trained.folder / "full"
    shutil.copytree(str(trained.checkpoints), str(copy))
    publish = store._publish

    def fail_at_16(temporary, checkpoint):
        if checkpoint.step == 16:
            raise OSError("no room")
        publish(temporary, checkpoint)

    monkeypatch.setattr(store, "_publish", fail_at_16)
    script_metric(monkeypatch, [1.0, 9.0])
    there = ["--checkpoints_dir", "full", "--samples_dir", "full samples"]
    done = trained.run(*OPTIONS, *there, "--max_steps", "20")
    assert done.returncode == 0 and "the checkpoint at step 16 cannot be written (no room)" in done.stderr
    assert json.loads((copy / "dcgan-20.json").read_text())["state"]["best"]["step"] == 8
    assert (copy / "dcgan-8.json").exists()
