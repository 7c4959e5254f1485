"""Runs whose losses or weights become NaN or infinite: back to the last checkpoint, three times at most."""

import os
import re

import numpy as np
import pytest
from runs import assert_same_run, folders, rows, variables

from utils.checkpoints import select

pytestmark = pytest.mark.slow

WILD = ["--optimizer", "sgd", "--learning_rate", "1000000", "--checkpoint_every", "1", "--log_every", "1"]


def test_on_nan_stop_ends_the_run(program):
    done = program.run("--max_steps", "300", "--on_nan", "stop", *WILD)
    found = re.fullmatch(
        r"main.py: step (\d+): losses or weights are NaN or infinite; not saved; last good checkpoint: step (\d+). "
        r"See \S.*post-mortem.txt; lower learning_rate = 1e\+06 in params.py\n",
        done.stderr,
    )
    assert done.returncode == 1 and found, done.stderr
    report = (program.checkpoints / "report.html").read_text(encoding="utf-8")
    assert f"<li>{done.stderr[len('main.py: ') : -1]}</li>" in report
    good = select.newest_good(str(program.checkpoints))
    assert good.checkpoint.step == int(found.group(2)) < int(found.group(1))
    assert all(np.isfinite(value).all() for value in variables(program.checkpoints, good.checkpoint.step).values())


def test_three_rollbacks_and_no_more_however_often_it_is_started(program):
    done = program.run("--max_steps", "3000", *WILD)
    back = re.findall(
        r"main.py: step (\d+): losses or weights are NaN or infinite; back to step (\d+), with different noise and "
        r"learning_rate = (\S+) \(rollback (\d) of at most 3\)",
        done.stderr,
    )
    assert done.returncode == 1
    assert [(rate, number) for _, _, rate, number in back] == [("500000", "1"), ("250000", "2"), ("125000", "3")]
    assert "NaN or infinite, after 3 rollbacks; not saved; last" in done.stderr.split("\n")[-2]
    text = (program.checkpoints / "post-mortem.txt").read_text()
    assert "learning_rate = 125000" in text and "rollback 3: from step %s, learning_rate = 250000" % back[2][0] in text
    assert "step, d_loss, g_loss, D(x), D(G(z))" in text
    assert len(re.findall(r"^(?:red|blue)%s\d\.jpg$" % re.escape(os.sep), text, re.M)) == 4  # batch_size, k = 1
    again = program.run("--max_steps", "3000", *WILD)
    assert again.returncode == 1 and "rollback 1" not in again.stderr and "after 3 rollbacks" in again.stderr


def test_after_a_rollback_the_run_continues_and_resumes_exactly(program):
    """The copy's graph gets a loss that is NaN at step 20, as long as there was no rollback."""
    path, line = (
        program.folder / "model" / "train_graph.py",
        "        d_real = tf.reduce_mean(tf.nn.sigmoid(real_logits))\n",
    )
    fault = "        fault = tf.equal(context.counters.rollbacks, 0) & tf.equal(context.counters.step, 19)\n"
    fault += "        d_loss += tf.where(fault, float('nan'), 0.0)\n"
    assert line in path.read_text()
    path.write_text(path.read_text().replace(line, fault + line))
    options = ["--log_every", "1", "--checkpoint_every", "6", "--sample_every", "10", "--metrics_every", "4"]
    options += ["--metrics_samples", "8"]
    done = program.run("--max_steps", "40", *options, *folders("whole"))
    assert done.returncode == 0 and done.stderr.count("(rollback 1 of at most 3)") == 1, done.stderr
    assert done.stderr.count("rollback") == 1 and "Finished at step 40" in done.stdout
    assert [int(row["step"]) for row in rows(program.folder / "whole" / "c")] == list(range(1, 41))
    assert "step 20: losses or weights are NaN or infinite; back to step 18, with different noise" in done.stderr
    program.run("--max_steps", "28", *options, *folders("parts"))
    done = program.run("--max_steps", "40", *options, *folders("parts"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "It diverged at step 20; learning rates are now scaled by 0.5." in done.stdout
    (program.folder / "parts" / "s" / "train_00000028.png").unlink()
    assert_same_run(program, "whole", "parts", 40)


def test_rollback_when_d_has_won(program):
    """A G that hardly learns loses within 250 steps; the run returns twice, warns each time, and then continues."""
    path = program.folder / "utils" / "training" / "health.py"
    path.write_text(path.read_text().replace("WINDOW = 250", "WINDOW = 40"))
    options = ["--g_learning_rate", "0.000001", "--d_learning_rate", "0.01", "--augment", "none"]
    options += ["--checkpoint_every", "0", "--log_every", "1"]
    done = program.run("--max_steps", "200", "--on_lost_game", "rollback", *options)
    assert done.returncode == 0 and "Finished at step 200." in done.stdout, done.stderr
    warnings = done.stdout.count("D has won: in the last 40 steps D(x) was ")
    assert warnings == 3  # before each of the two rollbacks, and once after them
    back = re.findall(r"step (\d+): D has won; back to step 0, .*\(rollback (\d) of at most 3\)", done.stderr)
    assert [number for _, number in back] == ["1", "2"] and all(40 <= int(step) < 200 for step, _ in back)
    assert [row["step"] for row in rows(program.checkpoints)] == [str(step) for step in range(1, 201)]
    warned = program.run("--max_steps", "200", *options, *folders("warned"))
    assert warned.returncode == 0 and warned.stderr == "" and warned.stdout.count("D has won") == 1
