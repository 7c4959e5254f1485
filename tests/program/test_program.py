"""The program as a user runs it: `python main.py` in a copy, started from a different folder."""

import json
import os
import re
import sys
import time

import numpy as np
import pytest
from conftest import ENVIRONMENT, contents, in_this_process, succeeded
from PIL import Image
from runs import rows, state_of, steps_of

pytestmark = pytest.mark.slow


def test_train_resume_and_sample(program):
    """Train, resume and sample; the first training and the first sampling use fresh processes."""
    started = program
    options = ["--max_steps", "6", "--log_every", "2", "--sample_every", "4", "--checkpoint_every", "3"]
    output = program.train(*options, forks=False)
    assert "12 images in %s: blue 6, red 6" % (program.folder / "pics") in output
    assert "Training to step 6 on the images in %s\n" % (program.folder / "pics") in output
    assert "%s, every 4 steps\n" % (program.samples / "train_<step>.png") in output
    lines = [line for line in output.split("\n") if line.startswith("epoch ")]
    pattern = r"epoch \d step {}: D \d.\d\d G \d.\d+ D\(x\) 0.\d\d D\(G\(z\)\) 0.\d\d "
    pattern += r"\d+/s( wait \d+%)? \S+ left$"
    # Plain lines come after the third and the last step, and every ten seconds; log_every does not matter.
    assert len(lines) >= 2 and re.match(pattern.format(3), lines[-2]) and re.match(pattern.format(6), lines[-1])
    assert "Finished at step 6" in output

    # The files that the run wrote.
    grids = ["train_%08d.png" % step for step in (0, 4, 6)]
    assert sorted(contents(program.samples)) == ["reals.png", *grids]
    assert Image.open(str(program.samples / "reals.png")).size == (32, 32)
    assert steps_of(program.checkpoints) == [0, 3, 6]
    written = rows(program.checkpoints)
    assert [(row["step"], row["pictures_seen"]) for row in written] == [("2", "8"), ("4", "16"), ("6", "24")]
    assert list((program.checkpoints / "logs").glob("events*"))
    record = json.loads((program.checkpoints / "dcgan-6.json").read_text())
    assert record["step"] == 6 and record["network"]["filters"] == 4 and record["run"]["k"] == 1
    early = contents(program.samples)

    # Resuming with the same max_steps does not train further, and rewrites no file.
    program = in_this_process(program)
    assert "This run is finished: step 6, max_steps = 6." in program.train("--max_steps", "6")
    output = program.train("--max_steps", "8", "--log_every", "2", "--learning_rate", "0.001")
    assert "Resuming from step 6, %s" % (program.checkpoints / "dcgan-6") in output
    assert "to start a new run, set a different --checkpoints_dir and --samples_dir" in output
    assert "learning_rate changed from 0.0003 to 0.001" in output
    assert "images have changed" not in output
    assert [row["step"] for row in rows(program.checkpoints)] == ["2", "4", "6", "8"]
    late = contents(program.samples)
    assert set(late) - set(early) == {"train_00000008.png"} and all(late[name] == early[name] for name in early)

    # A different network or algorithm is rejected before any file is written.
    before = sorted(os.listdir(str(program.checkpoints)))
    line = program.refuse("--max_steps", "9", "--filters", "8", "--k", "2")
    assert "k changed from 1 to 2, filters changed from 4 to 8" in line and "start a new run" in line
    assert sorted(os.listdir(str(program.checkpoints))) == before

    # Sampling uses the network settings in the checkpoint, not those in the params files.
    options = ["--isTrain", "0", "--num_samples", "5", "--single", "1", "--filters", "32", "--image_size", "64"]
    output = started.train(*options, forks=False)
    assert "Sampling from step 8" in output
    made = {name: data for name, data in contents(program.samples).items() if name.startswith("sample_")}
    run = state_of(program, 8)["run_id"][:6]
    name = f"sample_00000008_seed0_run{run}"
    singles = [os.path.join(name + "_n5", f"{name}_{i:05d}.png") for i in range(5)]
    name += "_n5"
    assert sorted(made) == sorted([*singles, name + ".png"])
    sheet = np.asarray(Image.open(str(program.samples / (name + ".png"))))
    assert sheet.shape == (32, 48, 3)
    assert np.array_equal(sheet[16:, 16:32], np.asarray(Image.open(str(program.samples / singles[4]))))
    program.train(*options)
    assert {n: d for n, d in contents(program.samples).items() if n.startswith("sample_")} == made
    program.train(*options, "--sample_seed", "1", "--num_samples", "1")
    assert (program.samples / f"sample_00000008_seed1_run{run}_n1.png").read_bytes() != made[singles[0]]
    assert sorted(os.listdir(str(program.checkpoints))) == before


def test_epochs_decide_and_can_be_raised(called):
    # 12 images, batch size 4, k = 2: one and a half steps per epoch.
    output = called.train("--epochs", "2", "--k", "2", "--sample_every", "0", "--checkpoint_every", "0")
    assert "Finished at step 3" in output
    assert sorted(contents(called.samples)) == ["reals.png", "train_00000000.png", "train_00000003.png"]
    finished = "This run is finished: step 3, 24 images seen, and epochs = 2 of 12 images require 24. Increase epochs"
    assert finished in called.train("--epochs", "2", "--k", "2")
    output = called.train("--epochs", "4", "--k", "2", "--batch_size", "6")
    assert "batch_size changed from 4 to 6" in output and "Finished at step 5" in output


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
@pytest.mark.parametrize("columns, epoch", ((80, ""), (120, "epoch 10 ")))
def test_a_bar_on_a_terminal(program, monkeypatch, columns, epoch):
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    monkeypatch.setenv("COLUMNS", "90")  # pytest-xdist also sets it; only the terminal's own width counts
    process = program.start("--max_steps", "30", terminal=slave)
    os.close(slave)
    text, started = b"", time.time()
    while time.time() - started < 120:
        try:
            text += os.read(master, 4096)
        except OSError:  # the other end is closed
            break
    os.close(master)
    assert process.wait(timeout=60) == 0
    text = text.decode("utf-8")
    assert (
        "\r" in text
        and "100%|" in text
        and re.search(epoch + r"step 30: D .* D\(x\) .* D\(G\(z\)\) \S+ \d+/s(?: wait \d+%)?\W", text)
        and "Finished at step 30" in text
    )


def test_deterministic_mode(program):
    """In this mode TensorFlow rejects tf.timestamp and unseeded random operations. Uses a fresh process."""
    calls = (
        ["--max_steps", "2", "--metrics_every", "1", "--metrics_samples", "8"],
        ["--isTrain", "0", "--num_samples", "3"],
        ["--isTrain", "0", "--evaluate", "1", "--evaluate_samples", "8"],
    )
    trained, *_ = map(succeeded, program.run_in_turn(*calls, env=dict(ENVIRONMENT, TF_DETERMINISTIC_OPS="1")))
    assert "Finished at step 2" in trained
    waits = [float(row["data_wait"]) for row in rows(program.checkpoints)]
    assert waits and all(0 <= wait <= 1 for wait in waits)
