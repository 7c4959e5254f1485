"""The program as a user runs it: `python main.py` in a copy, from another folder, on a plain terminal."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ENVIRONMENT, contents
from PIL import Image


def rows(program):
    with open(str(program.checkpoints / "history.csv"), newline="") as file:
        return list(csv.DictReader(file))


def test_train_go_on_and_sample(program):
    output = program.train("--max_steps", "6", "--log_every", "2", "--sample_every", "4", "--checkpoint_every", "3")
    assert "12 pictures in %s: blue 6, red 6" % (program.folder / "pics") in output
    assert "Training to step 6 on the pictures in %s\n" % (program.folder / "pics") in output
    assert "%s, every 4 steps\n" % (program.samples / "train_<step>.png") in output
    lines = [line for line in output.split("\n") if line.startswith("epoch ")]
    pattern = r"epoch \d step {}, loss D \d.\d\d G \d.\d\d, D\(x\) 0.\d\d D\(G\(z\)\) 0.\d\d, "
    pattern += r"\d+ pictures/s, waited for data \d+%, \S+ left"
    assert len(lines) == 3 and all(re.match(pattern.format(2 * i + 2), line) for i, line in enumerate(lines))
    assert "Finished at step 6" in output

    # What is there afterwards.
    grids = ["train_%08d.png" % step for step in (0, 4, 6)]
    assert sorted(contents(program.samples)) == ["reals.png", *grids]
    assert Image.open(str(program.samples / "reals.png")).size == (32, 32)
    steps = sorted(int(p.name[6:-5]) for p in program.checkpoints.glob("dcgan-*.json"))
    assert steps == [0, 3, 6]
    assert [(row["step"], row["pictures_seen"]) for row in rows(program)] == [("2", "8"), ("4", "16"), ("6", "24")]
    assert list((program.checkpoints / "logs").glob("events*"))
    record = json.loads((program.checkpoints / "dcgan-6.json").read_text())
    assert record["step"] == 6 and record["network"]["filters"] == 4 and record["run"]["k"] == 1
    early = contents(program.samples)

    # Going on: the same total for the same setting, nothing written again.
    assert "This run is finished: step 6, max_steps = 6." in program.train("--max_steps", "6")
    output = program.train("--max_steps", "8", "--log_every", "2", "--learning_rate", "0.001")
    assert "Going on from step 6, %s" % (program.checkpoints / "dcgan-6") in output
    assert "other --checkpoints_dir and --samples_dir start a new run" in output
    assert "learning_rate is 0.0003 there and 0.001 now" in output
    assert [row["step"] for row in rows(program)] == ["2", "4", "6", "8"]
    late = contents(program.samples)
    assert set(late) - set(early) == {"train_00000008.png"} and all(late[name] == early[name] for name in early)

    # Another network or algorithm is refused before anything is written.
    before = sorted(os.listdir(str(program.checkpoints)))
    line = program.refuse("--max_steps", "9", "--filters", "8", "--k", "2")
    assert "k is 1 there and 2 now, filters is 4 there and 8 now" in line and "start a new run" in line
    assert sorted(os.listdir(str(program.checkpoints))) == before

    # Sampling has its network from the checkpoint, whatever the settings say.
    options = ["--isTrain", "0", "--num_samples", "5", "--single", "1", "--filters", "32", "--image_size", "64"]
    output = program.train(*options)
    assert "Sampling from step 8" in output
    made = {name: data for name, data in contents(program.samples).items() if name.startswith("sample_")}
    name = "sample_00000008_seed0"
    singles = [os.path.join(name, "%s_%05d.png" % (name, i)) for i in range(5)]
    assert sorted(made) == sorted([*singles, name + ".png"])
    sheet = np.asarray(Image.open(str(program.samples / (name + ".png"))))
    assert sheet.shape == (32, 48, 3)
    assert np.array_equal(sheet[16:, 16:32], np.asarray(Image.open(str(program.samples / singles[4]))))
    program.train(*options)
    assert {n: d for n, d in contents(program.samples).items() if n.startswith("sample_")} == made
    program.train(*options, "--sample_seed", "1", "--num_samples", "1")
    assert (program.samples / "sample_00000008_seed1.png").read_bytes() != made[singles[0]]
    assert sorted(os.listdir(str(program.checkpoints))) == before


def test_epochs_decide_and_can_be_raised(program):
    # 12 pictures, batches of 4, k = 2: one and a half steps an epoch.
    output = program.train("--epochs", "2", "--k", "2", "--sample_every", "0", "--checkpoint_every", "0")
    assert "Finished at step 3" in output
    assert sorted(contents(program.samples)) == ["reals.png", "train_00000000.png", "train_00000003.png"]
    assert "This run is finished: step 3, epochs = 2" in program.train("--epochs", "2", "--k", "2")
    output = program.train("--epochs", "4", "--k", "2", "--batch_size", "6")
    assert "batch_size is 4 there and 6 now" in output and "Finished at step 5" in output


@pytest.mark.parametrize("number, code", ((signal.SIGINT, 130), (signal.SIGTERM, 143)))
def test_a_signal_saves_and_the_same_command_goes_on(program, number, code):
    arguments = ["--max_steps", "100000", "--log_every", "1"]
    process = program.start(*arguments)
    try:
        for line in process.stdout:
            if line.startswith("epoch") and "step 5," in line:
                break
        process.send_signal(number)
        output, error = process.communicate(timeout=60)
    finally:
        process.kill()
    told = "main.py: finishing this step, then saving; interrupt again to quit without saving"
    assert (process.returncode, error.strip()) == (code, told)
    step = int(
        re.search(r"Stopped at step (\d+), saved in (.*); the same command goes on from there.", output).group(1)
    )
    assert step >= 5 and (program.checkpoints / ("dcgan-%d.json" % step)).exists()
    output = program.train("--max_steps", str(step + 2), "--log_every", "1")
    assert "Going on from step %d" % step in output
    assert [row["step"] for row in rows(program)] == [str(i + 1) for i in range(step + 2)]


def test_a_run_in_two_parts_is_the_run_in_one(program):
    """Bit for bit: the same grids and the same numbers, time aside."""
    options = ["--log_every", "1", "--k", "2", "--crop", "random", "--mirror", "1"]
    whole = ["--samples_dir", "whole/s", "--checkpoints_dir", "whole/c", *options]
    parts = ["--samples_dir", "parts/s", "--checkpoints_dir", "parts/c", *options]
    program.train("--max_steps", "7", *whole)
    program.train("--max_steps", "3", *parts)
    program.train("--max_steps", "7", *parts)
    one, two = contents(program.folder / "whole" / "s"), contents(program.folder / "parts" / "s")
    two.pop("train_00000003.png")
    assert one == two
    histories = []
    for name in ("whole", "parts"):
        with open(str(program.folder / name / "c" / "history.csv"), newline="") as file:
            histories.append([row[:7] for row in csv.reader(file)])
    assert histories[0] == histories[1] and len(histories[0]) == 8
    # ... and every variable: both nets, averages, the optimizers' slots, the counters.
    one, two = (tf.train.load_checkpoint(str(program.folder / name / "c" / "dcgan-7")) for name in ("whole", "parts"))
    shapes = one.get_variable_to_shape_map()
    assert {"step", "draw_index", "pictures_seen", "generator/4x4/batch_norm/moving_mean"} < set(shapes)
    assert any("d_optimizer" in name and "kernel" in name for name in shapes)
    assert [name for name in shapes if not np.array_equal(one.get_tensor(name), two.get_tensor(name))] == []


def test_a_new_run_does_not_touch_what_another_left(program):
    program.samples.mkdir()
    (program.samples / "train_00000700.png").write_bytes(b"dear")
    line = program.refuse("--max_steps", "1")
    assert "holds train_00000700.png of an earlier run, but there is no checkpoint in" in line
    assert "--samples_dir and --checkpoints_dir" in line
    (program.samples / "train_00000700.png").unlink()
    program.checkpoints.mkdir()
    (program.checkpoints / "history.csv").write_text("dear")
    assert "holds history.csv of an earlier run" in program.refuse("--max_steps", "1")
    assert (program.checkpoints / "history.csv").read_text() == "dear"


def test_mistakes_are_one_line(program):
    assert "did you mean batch_size?" in program.refuse("--batchsize", "3")
    assert "did you mean sampling?" in program.refuse("--help", "samplin")
    assert "no checkpoint in checkpoints_dir = %s" % program.checkpoints in program.refuse("--isTrain", "0")
    assert "pics_dir = %s does not exist" % (program.folder / "pisc") in program.refuse("--pics_dir", "pisc")
    (program.folder / "file").write_text("")
    assert "samples_dir = %s cannot be written" % (program.folder / "file") in program.refuse("--samples_dir", "file")
    text = (program.folder / "params.py").read_text()
    (program.folder / "params.py").write_text(text.replace("epochs =", "epoch ="))
    assert re.search(r"params.py line \d+: unknown setting epoch; did you mean epochs\?", program.refuse())


def test_help_and_mistakes_do_not_import_tensorflow(program, tmp_path):
    (tmp_path / "bad" / "tensorflow").mkdir(parents=True)
    (tmp_path / "bad" / "tensorflow" / "__init__.py").write_text("raise SystemExit('TensorFlow was imported')")
    environment = dict(ENVIRONMENT, PYTHONPATH=str(tmp_path / "bad"))
    done = program.run("--help", env=environment)
    assert done.returncode == 0 and "--batch_size" in done.stdout and done.stderr == ""
    done = program.run("--help", "sampling", env=environment)
    assert done.returncode == 0 and "--num_samples" in done.stdout and done.stderr == ""
    assert program.run("--batchsize", "3", env=environment).returncode == 2
    assert program.run("--help", "samplin", env=environment).returncode == 2
    assert "TensorFlow was imported" in program.run(env=environment).stderr  # the trap works


def test_no_tensorflow_is_one_line(program, tmp_path):
    (tmp_path / "bad" / "tensorflow").mkdir(parents=True)
    (tmp_path / "bad" / "tensorflow" / "__init__.py").write_text("raise ImportError('no such thing')")
    done = program.run(env=dict(ENVIRONMENT, PYTHONPATH=str(tmp_path / "bad")))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "TensorFlow cannot be imported (no such thing); `pip install -r requirements.txt`" in done.stderr


def test_tensorflows_notices_come_when_asked_for(program):
    done = program.run("--max_steps", "1", env=dict(ENVIRONMENT, TF_CPP_MIN_LOG_LEVEL="0"))
    assert done.returncode == 0 and done.stderr != ""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_too_little_memory_names_batch_size(program):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))

    arguments = ("--max_steps", "1", "--batch_size", "50000", "--image_size", "256")
    done = program.run(*arguments, preexec_fn=limit)
    lines = done.stderr.strip().split("\n")
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert lines[0].startswith("main.py: out of memory with batch_size = 50000")


def test_grey_pictures(program):
    program.train("--max_steps", "2", "--channels", "1")
    program.train("--isTrain", "0", "--num_samples", "3")
    assert Image.open(str(program.samples / "reals.png")).mode == "L"
    assert Image.open(str(program.samples / "sample_00000002_seed0.png")).mode == "L"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("columns, epoch", ((80, ""), (120, "epoch 10 ")))
def test_a_bar_on_a_terminal(program, columns, epoch):
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(program.command("--max_steps", "30"), stdout=slave, stderr=slave, env=ENVIRONMENT)
    os.close(slave)
    text, started = b"", time.time()
    while time.time() - started < 120:
        try:
            text += os.read(master, 4096)
        except OSError:  # the other side is closed
            break
    os.close(master)
    assert process.wait(timeout=60) == 0
    text = text.decode("utf-8")
    assert (
        "\r" in text
        and "100%|" in text
        and re.search(epoch + r"step 30: D .* D\(x\) .* D\(G\(z\)\) \S+ \d+/s wait \d+%", text)
        and "Finished at step 30" in text
    )


def test_a_reader_that_leaves_does_not_end_training(program):
    """`python main.py | head -n 3`, and `| tee` which Ctrl-C ends first."""
    process = program.start("--max_steps", "100000", "--log_every", "1")
    try:
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        process.stdout.close()
        while len(rows(program)) < 20:
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
    assert max(int(path.name[6:-5]) for path in program.checkpoints.glob("dcgan-*.json")) >= 20


def test_a_second_signal_stops_at_once(program):
    process = program.start("--max_steps", "100000", "--log_every", "1", "--checkpoint_every", "5")
    try:
        for line in process.stdout:
            if "step 7," in line:
                break
        process.send_signal(signal.SIGINT)
        assert (
            process.stderr.readline() == "\n" and "interrupt again to quit without saving" in process.stderr.readline()
        )
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (143, 130)  # 130: the step was done before the second came
    assert "Going on from step" in program.train("--max_steps", "5")


def test_a_run_of_another_folder_is_not_mixed_in(program):
    program.train("--max_steps", "2", "--samples_dir", "1/s", "--checkpoints_dir", "1/c")
    program.train("--max_steps", "2", "--samples_dir", "2/s", "--checkpoints_dir", "2/c")
    line = program.refuse("--max_steps", "4", "--samples_dir", "1/s", "--checkpoints_dir", "2/c")
    assert "1/s holds grids of another run; those of this one are in" in line
    os.rename(str(program.folder / "2"), str(program.folder / "moved"))
    output = program.train("--max_steps", "4", "--samples_dir", "moved/s", "--checkpoints_dir", "moved/c")
    assert "Finished at step 4" in output


def test_a_folder_that_vanishes_is_a_warning(program):
    process = program.start("--max_steps", "12", "--log_every", "1", "--sample_every", "2")
    try:
        for line in process.stdout:
            if "step 1," in line:
                process.send_signal(signal.SIGSTOP)
                for path in program.samples.iterdir():
                    path.unlink()
                program.samples.rmdir()
                process.send_signal(signal.SIGCONT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and (program.checkpoints / "dcgan-12.json").exists()
    assert "the grid of step 12 cannot be written" in error and "Traceback" not in error
