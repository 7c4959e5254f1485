"""Runs whose losses or weights become NaN or infinite roll back to the last checkpoint, at most three times."""

import os
import re

import numpy as np
import pytest
from conftest import hold
from runs import assert_same_run, copy_until, folders, limit_time, nan_at_step_8, rows, variables

from utils.checkpoints import select
from utils.training import health

pytestmark = pytest.mark.slow

WILD = ["--optimizer", "sgd", "--learning_rate", "1000000", "--checkpoint_every", "1", "--log_every", "1"]


def test_on_nan_stop_ends_the_run(called):
    done = called.run("--max_steps", "300", "--on_nan", "stop", *WILD)
    found = re.fullmatch(
        r"main.py: step (\d+): losses or weights are NaN or infinite; not saved; last good checkpoint: step (\d+). "
        r"See \S.*post-mortem.txt; lower learning_rate = 1e\+06 in params.py\n",
        done.stderr,
    )
    assert done.returncode == 1 and found, done.stderr
    report = (called.checkpoints / "report.html").read_text(encoding="utf-8")
    assert f"<li>{done.stderr[len('main.py: ') : -1]}</li>" in report
    good = select.newest_good(str(called.checkpoints))
    assert good.checkpoint.step == int(found.group(2)) < int(found.group(1))
    assert all(np.isfinite(value).all() for value in variables(called.checkpoints, good.checkpoint.step).values())


def test_three_rollbacks_and_no_more_however_often_it_is_started(called):
    done = called.run("--max_steps", "3000", *WILD)
    back = re.findall(
        r"main.py: step (\d+): losses or weights are NaN or infinite; back to step (\d+), with different noise and "
        r"learning_rate = (\S+) \(rollback (\d) of at most 3\)",
        done.stderr,
    )
    assert done.returncode == 1
    assert [(rate, number) for _, _, rate, number in back] == [("500000", "1"), ("250000", "2"), ("125000", "3")]
    assert "NaN or infinite, after 3 rollbacks; not saved; last" in done.stderr.split("\n")[-2]
    text = (called.checkpoints / "post-mortem.txt").read_text()
    assert "learning_rate = 125000" in text and "rollback 3: from step %s, learning_rate = 250000" % back[2][0] in text
    assert "step, d_loss, g_loss, D(x), D(G(z))" in text
    assert len(re.findall(r"^(?:red|blue)%s\d\.jpg$" % re.escape(os.sep), text, re.M)) == 4  # batch_size, k = 1
    again = called.run("--max_steps", "3000", *WILD)
    assert again.returncode == 1 and "rollback 1" not in again.stderr and "after 3 rollbacks" in again.stderr


def test_after_a_rollback_the_run_continues_and_resumes_exactly(called, monkeypatch):
    nan_at_step_8(monkeypatch)
    options = ["--log_every", "1", "--checkpoint_every", "6", "--sample_every", "10", "--metrics_every", "4"]
    options += ["--metrics_samples", "8", "--max_steps", "24", "--keep_checkpoints", "9"]
    done = called.run(*options, *folders("whole"))
    assert done.returncode == 0 and done.stderr.count("(rollback 1 of at most 3)") == 1, done.stderr
    assert done.stderr.count("rollback") == 1 and "Finished at step 24" in done.stdout
    assert [int(row["step"]) for row in rows(called.folder / "whole" / "c")] == list(range(1, 25))
    assert "step 8: losses or weights are NaN or infinite; back to step 6, with different noise" in done.stderr
    copy_until(called, "whole", "parts", 18)
    done = called.run(*options, *folders("parts"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "It diverged at step 8; learning rates are now scaled by 0.5." in done.stdout
    assert_same_run(called, "whole", "parts", 24)


def test_time_that_is_up_when_the_run_diverges(called, monkeypatch):
    """The run trains one step after the rollback, so that repeated commands progress."""
    nan_at_step_8(monkeypatch)
    limit_time(monkeypatch, 8)
    options = ["--max_steps", "8", "--checkpoint_every", "6"]
    done = called.run(*options)
    assert done.returncode == 0 and "step 8: losses or weights are NaN or infinite; back to step 6" in done.stderr
    assert "Stopped by max_minutes at step 7, saved in " in done.stdout
    assert "Finished at step 8." in called.train(*options)


def test_a_run_that_diverges_while_another_program_holds_history_csv_keeps_its_rows(called, monkeypatch):
    nan_at_step_8(monkeypatch)
    held = {"history.csv"}
    hold(monkeypatch, held)
    done = called.run("--max_steps", "9", "--log_every", "1", "--sample_every", "0", "--on_nan", "stop")
    assert done.returncode == 1 and "lacks 7 rows, kept in history.csv.pending until it can be written" in done.stderr
    lines = (called.checkpoints / "history.csv.pending").read_text().split("\n")
    assert [line.split(",")[0] for line in lines] == ["step", *map(str, range(1, 8)), ""]


def test_rollback_when_d_has_won(called, monkeypatch):
    """A G that hardly learns loses soon; the run rolls back twice, prints each rollback, and trains to its end."""
    monkeypatch.setattr(health, "WINDOW", 40)
    options = ["--g_learning_rate", "0.000001", "--d_learning_rate", "0.01", "--augment", "none"]
    options += ["--checkpoint_every", "0", "--log_every", "1"]
    done = called.run("--max_steps", "200", "--on_lost_game", "rollback", *options)
    assert done.returncode == 0 and "Finished at step 200." in done.stdout, done.stderr
    warnings = done.stdout.count("D has won: in the last 40 steps D(x) was ")
    assert warnings == 3  # one before each rollback, and one after both
    back = re.findall(r"step (\d+): D has won; back to step 0, .*\(rollback (\d) of at most 3\)", done.stderr)
    assert [number for _, number in back] == ["1", "2"] and all(40 <= int(step) < 200 for step, _ in back)
    assert [row["step"] for row in rows(called.checkpoints)] == [str(step) for step in range(1, 201)]
