"""A folder that is in use, full or removed causes one line, and earlier checkpoints remain."""

import errno
import os
import re
import shutil
import signal
import socket
import sys

import pytest
import tensorflow.compat.v1 as tf
from conftest import failing, hold, in_this_process, succeeded
from runs import folders, last_step, rows, steps_of, untimed, wait_for

from utils.checkpoints import select
from utils.output import files
from utils.runtime import filesystem
from utils.training.state import RunState

pytestmark = pytest.mark.slow


def test_one_writer(program):
    """A second run is refused, but sampling is not; a killed run leaves no lock."""
    process = program.start("--max_steps", "1000000", "--checkpoint_every", "5", "--sample_every", "0")
    try:
        wait_for(process, lambda: 5 in steps_of(program.checkpoints) or len(steps_of(program.checkpoints)) == 3)
        line = program.refuse("--max_steps", "3")
        who = "process %d on %s" % (process.pid, socket.gethostname())
        assert "checkpoints_dir = %s is in use by another training run (%s); wait" % (program.checkpoints, who) in line
        assert process.poll() is None
        done = in_this_process(program).run("--isTrain", "0", "--num_samples", "1")
        assert done.returncode == 0 and "Sampling from step" in done.stdout
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    finally:
        process.kill()
    step = steps_of(program.checkpoints)[-1]
    done = in_this_process(program).run("--max_steps", str(step + 1))
    assert done.returncode == 0 and "Finished at step %d" % (step + 1) in done.stdout
    assert done.stderr == "" or "is incomplete" in done.stderr  # it was killed while saving


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux resource limits")
def test_a_full_disk_while_training(program):
    """Each failed write causes one warning, and the next may succeed; if the last save fails, the exit code is 1."""
    import resource

    def limit(size):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    every = ["--checkpoint_every", "20", "--sample_every", "20", "--log_every", "10"]
    process = program.start("--max_steps", "1000000", *every)
    lines = []
    try:
        wait_for(process, lambda: 20 in steps_of(program.checkpoints))
        limit(100)
        lines += [process.stderr.readline() for _ in range(8)]
        saved = steps_of(program.checkpoints)[-1]
        limit(resource.RLIM_INFINITY)
        wait_for(process, lambda: steps_of(program.checkpoints)[-1] > saved)
        while "history.csv is written again" not in lines[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], "".join(lines)  # it has exited
        limit(100)
        while "the checkpoint at step" not in lines[-1] or len(lines) <= 8:
            lines.append(process.stderr.readline())
            assert lines[-1], "".join(lines)  # it has exited
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=120)
    finally:
        process.kill()
    error = "".join(lines) + error
    assert "Traceback" not in error
    for what in ("the checkpoint at step", "the grid at step", "the log at step", "history.csv at step"):
        assert "main.py: %s" % what in error
    assert "File too large" in error and "Graph execution error" not in error
    consequences = (
        "; training continues",
        "; earlier checkpoints are intact",
        "lost",
        "until it can be written",
        "possible",
        "again",
        "all rows",
    )
    others = [line for line in error.split("\n") if line and not line.endswith(consequences)]
    assert len(others) == 2 and "finishing this step, then saving" in others[0]
    found = select.newest_good(str(program.checkpoints))
    assert process.returncode == 1 and found.checkpoint.step > saved and found.damaged == ()
    assert "last good checkpoint: step %d, in %s" % (found.checkpoint.step, program.checkpoints) in others[1]
    step = found.checkpoint.step + 1
    assert "Finished at step %d" % step in in_this_process(program).train("--max_steps", str(step))
    steps = [int(row["step"]) for row in rows(program.checkpoints)]
    assert steps == list(range(10, found.checkpoint.step + 1, 10))


def test_a_samples_folder_that_vanishes_is_a_warning(program):
    process = program.start("--max_steps", "60", "--log_every", "1", "--sample_every", "20")
    try:
        wait_for(process, lambda: last_step(program.checkpoints) >= 1)
        process.send_signal(signal.SIGSTOP)
        for path in program.samples.iterdir():
            path.unlink()
        program.samples.rmdir()
        process.send_signal(signal.SIGCONT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and (program.checkpoints / "dcgan-60.json").exists()
    assert "the grid at step 60 cannot be written" in error and "Traceback" not in error


def test_a_checkpoints_folder_that_vanishes_takes_the_lock_with_it(program):
    """The next save recreates the folder and the lock, and a second run is still refused."""
    process = program.start("--max_steps", "1000000", "--checkpoint_every", "5", "--sample_every", "0")
    try:
        wait_for(process, lambda: len(steps_of(program.checkpoints)) == 3)
        process.send_signal(signal.SIGSTOP)
        shutil.rmtree(str(program.checkpoints))
        process.send_signal(signal.SIGCONT)
        wait_for(process, lambda: steps_of(program.checkpoints))
        assert "is in use by another training run (process %d on" % process.pid in program.refuse("--max_steps", "3")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143


def test_a_first_save_that_fails_is_an_error_and_nothing_is_trained(called):
    called.checkpoints.mkdir()
    (called.checkpoints / ".saving").write_text("a file where a folder is to be")
    done = called.run("--max_steps", "3")
    assert done.returncode == 1 and "Traceback" not in done.stderr and "training continues" not in done.stderr
    assert "main.py: the checkpoint at step 0 cannot be written (" in done.stderr


def test_history_csv_that_another_program_holds(called, monkeypatch):
    """Nothing else fails, one line says so, and another that all rows are written: at the end, or by the next start."""
    every = ["--log_every", "1", "--sample_every", "4", "--checkpoint_every", "4"]
    whole = succeeded(called.run("--max_steps", "12", *every, *folders("whole")))
    held, advance = {"history.csv"}, RunState.advance
    hold(monkeypatch, held)
    free_at = 7

    def advance_and_free(state, *values):
        advance(state, *values)
        if state.step == free_at:
            held.clear()

    monkeypatch.setattr(RunState, "advance", advance_and_free)
    done = called.run("--max_steps", "8", *every, *folders("held"))
    path = called.folder / "held" / "c" / "history.csv"
    held_line = (
        f"history.csv at step 1 cannot be written ([Errno 13] Permission denied: '{path}'); its rows are kept, and "
    )
    assert [line for line in done.stderr.split("\n") if line] == [
        f"main.py: {held_line}written as soon as possible",
        "main.py: history.csv is written again, with all rows",
    ]
    report = (path.parent / "report.html").read_text("utf-8")
    assert "Since this process started: 2<" in report and "history.csv is written again, with all rows" in report
    assert tags_at(path.parent, 3) == tags_at(called.folder / "whole" / "c", 3) != set()
    assert "samples" in tags_at(path.parent, 4)

    held.add("history.csv")
    free_at = None
    done = called.run("--max_steps", "12", *every, *folders("held"))
    assert done.returncode == 0 and "lacks 4 rows, kept in history.csv.pending until it can be written" in done.stderr
    assert len(rows(path.parent)) == 8
    assert "4 rows, kept in history.csv.pending" in (path.parent / "report.html").read_text("utf-8")
    held.clear()
    done = called.run("--max_steps", "12", *every, *folders("held"))
    assert "This run is finished: step 12" in succeeded(done)
    assert untimed(path.parent) == untimed(called.folder / "whole" / "c") and len(rows(path.parent)) == 12
    assert not (path.parent / "history.csv.pending").exists() and whole.split("\n")[-2].startswith(
        "Finished at step 12"
    )


def test_history_csv_that_a_spreadsheet_saved_with_decimal_commas(called):
    every = ["--log_every", "1", "--sample_every", "0"]
    called.train("--max_steps", "3", *every)
    path = called.checkpoints / "history.csv"
    saved = path.read_text().replace(",", ";").replace(".", ",")
    path.write_text(saved)
    done = called.run("--max_steps", "5", *every)
    (line,) = done.stderr.strip().split("\n")
    (kept,) = called.checkpoints.glob("history-unreadable-*.csv")
    assert done.returncode == 0 and kept.read_text() == saved
    assert line.startswith(f"main.py: {path} has 4 unreadable lines, such as 'step;epoch;pictures_seen;")
    assert line.endswith(f"; the file is kept as {kept.name}, and training continues with 0 readable rows")
    assert [row["step"] for row in rows(called.checkpoints)] == ["4", "5"]


def test_a_file_system_without_locks_is_in_the_report(called, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    monkeypatch.setattr(filesystem, "_warned", {})
    done = called.run("--max_steps", "1")
    warning = f"the file system of {called.checkpoints} does not support locks (No locks available); do not start two"
    assert done.returncode == 0 and done.stderr.startswith(f"main.py: {warning}")
    report = (called.checkpoints / "report.html").read_text("utf-8")
    assert "Since this process started: 1<" in report and warning in report


def test_files_that_replace_earlier_ones_are_on_disk_first(called, monkeypatch):
    """Otherwise, a power failure shortly after the rename could leave an empty file."""
    called.train("--max_steps", "4", "--log_every", "1", "--conditional", "1", "--checkpoint_every", "2")
    synced, fsync_file = set(), files.fsync_file
    monkeypatch.setattr(files, "fsync_file", lambda path: (synced.add(os.path.basename(path)), fsync_file(path)))
    for path in list(called.checkpoints.glob("dcgan-4.*")):
        path.unlink()  # as if killed after step 2, so that history.csv is truncated
    called.train("--max_steps", "4", "--log_every", "1", "--conditional", "1", "--checkpoint_every", "2")
    synced = {re.sub(r"\.[0-9a-f]{8}\.part$", "", name) for name in synced}
    rewritten = {"history.csv", "report.html", "reals.png", "classes.csv", "train_00000004.png", "skipped.csv"}
    assert rewritten | {"timelapse.gif", "dcgan-4.json", "dcgan-4.index"} <= synced


def tags_at(checkpoints, step):
    """Return the tags of TensorBoard's points and grids at a step."""
    found = set()
    for path in (checkpoints / "logs").iterdir():
        for event in tf.train.summary_iterator(str(path)):
            found.update(value.tag for value in event.summary.value if event.step == step)
    return found
