"""Signals, a closed terminal, a process that exits while it reads the output, and a time limit (max_minutes)."""

import os
import re
import signal
import subprocess
import time

import pytest
from conftest import ENVIRONMENT, in_this_process
from hanging import HANGING, hang_in_a_step
from runs import (
    assert_same_run,
    folders,
    last_step,
    limit_time,
    read_until,
    rows,
    script_metric,
    steps_of,
    wait_for,
)

from utils.checkpoints import select, store

pytestmark = pytest.mark.slow

FINISHING = "finishing this step, then saving; interrupt again to quit without saving"


@pytest.mark.parametrize("number, code", ((signal.SIGINT, 130), (signal.SIGTERM, 143)))
def test_a_signal_saves_and_the_same_command_resumes(program, number, code):
    process = program.start("--max_steps", "100000", "--log_every", "1")
    try:
        wait_for(process, lambda: last_step(program.checkpoints) >= 5)
        process.send_signal(number)
        output, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, error.strip()) == (code, f"main.py: {FINISHING}")
    step = int(re.search(r"Stopped at step (\d+), saved in (.*); the same command resumes it.", output).group(1))
    assert step >= 5 and (program.checkpoints / ("dcgan-%d.json" % step)).exists()
    output = in_this_process(program).train("--max_steps", str(step + 2), "--log_every", "1")
    assert "Resuming from step %d" % step in output
    assert [row["step"] for row in rows(program.checkpoints)] == [str(i + 1) for i in range(step + 2)]


def test_a_second_signal_quits_without_saving(program):
    process = program.start("--max_steps", "100000", "--log_every", "1", "--checkpoint_every", "5")
    try:
        wait_for(process, lambda: last_step(program.checkpoints) >= 7)
        process.send_signal(signal.SIGINT)
        assert (
            process.stderr.readline() == "\n" and "interrupt again to quit without saving" in process.stderr.readline()
        )
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (143, 130)  # 130: the step was finished before the second signal arrived
    assert "Resuming from step" in in_this_process(program).train("--max_steps", "5")


@pytest.mark.parametrize("number, code", ((signal.SIGINT, 130), (signal.SIGTERM, 143)))
def test_a_second_signal_quits_even_inside_a_session_run(program, number, code):
    process = program.start("--max_steps", "100", before=hang_in_a_step)
    try:
        read_until(process.stdout, HANGING)
        process.send_signal(number)
        assert process.stderr.readline() == "\n"
        assert "interrupt again to quit without saving" in process.stderr.readline()
        assert process.poll() is None
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
        assert process.returncode == code
    finally:
        process.kill()
    assert "stopped without saving this step; the last checkpoint is intact" in error
    assert select.newest_good(str(program.checkpoints)).checkpoint.step == 0


def test_a_second_signal_quits_when_nobody_reads_any_more(program):
    """In `python main.py 2>&1 | tee log`, Ctrl-C ends tee first."""
    process = program.start("--max_steps", "100", before=hang_in_a_step)
    try:
        read_until(process.stdout, HANGING)
        process.stdout.close()
        process.stderr.close()
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()


def test_a_reader_that_leaves_does_not_end_training(program):
    """Close the pipe as in `python main.py | head -n 3`. Uses a fresh process."""
    process = program.start("--max_steps", "100000", "--log_every", "1", forks=False)
    try:
        read_until(process.stdout, "epoch")
        process.stdout.close()
        wait_for(process, lambda: last_step(program.checkpoints) >= 20)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    finally:
        process.kill()
    assert max(steps_of(program.checkpoints)) >= 20


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_what_a_script_ignores_does_not_end_training(program):
    """Start as `(trap '' INT; exec nohup python main.py) &` does. SIGTERM still saves and stops."""
    command = ["sh", "-c", 'trap "" INT HUP; exec "$@"', "sh", *program.command("--max_steps", "100000")]
    command += ["--log_every", "1"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, universal_newlines=True, env=ENVIRONMENT)
    try:
        read_until(process.stdout, f"To stop:       kill {process.pid} saves and stops; the same command resumes")
        for number in (signal.SIGINT, signal.SIGHUP) * 2:
            process.send_signal(number)  # while it starts, and while it trains
            step = last_step(program.checkpoints)
            wait_for(process, lambda step=step: last_step(program.checkpoints) > step)
        process.send_signal(signal.SIGTERM)
        output, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143 and "Stopped at step" in output
    assert error.split("\n") == ["", f"main.py: {FINISHING}", ""]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_a_closed_terminal_does_not_end_training(program):
    process = program.start("--max_steps", "2000", "--log_every", "1")
    try:
        wait_for(process, lambda: last_step(program.checkpoints) >= 3)
        process.send_signal(signal.SIGHUP)
        wait_for(process, lambda: last_step(program.checkpoints) >= 20)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143


# --- max_minutes ----------------------------------------------------------------------------------------------------

STOPPED = "Stopped by max_minutes at step "


def test_max_minutes_stops_by_the_clock_and_the_resumed_run_is_exact(program):
    """Stop a process after 3 s; the uninterrupted run is a different process."""
    started = time.time()
    output = program.train("--max_steps", "100000", "--max_minutes", "0.05", "--log_every", "1", *folders("parts"))
    assert time.time() - started > 3
    text = re.escape(str(program.folder / "parts" / "c"))
    (step,) = re.findall(f"^{STOPPED}(\\d+), saved in {text}; the same command resumes it.$", output, re.MULTILINE)
    step = int(step)
    assert steps_of(program.folder / "parts" / "c")[-1] == step and "Time-lapse" not in output
    options = ["--max_steps", str(step + 5), "--log_every", "1"]
    resumed = program.train(*options, "--max_minutes", "1000000", *folders("parts"))
    assert f"Resuming from step {step}, " in resumed and "max_minutes changed" not in resumed
    program.train(*options, *folders("whole"))
    assert_same_run(program, "whole", "parts", step + 5)


def test_time_that_is_over_before_the_first_step(called):
    """Reading the images may take longer. Each command trains one step, until the run is finished."""
    options = ["--max_steps", "3", "--max_minutes", "0.000001", "--log_every", "1"]
    for step in (1, 2):
        assert f"{STOPPED}{step}, saved in " in called.train(*options)
    assert "Finished at step 3." in called.train(*options)
    assert "This run is finished: step 3" in called.train(*options)
    assert [row["step"] for row in rows(called.checkpoints)] == ["1", "2", "3"]


def test_the_last_step_of_max_minutes_is_measured(called, monkeypatch):
    """As after Ctrl-C, there is no grid; the report shows the time left of the whole run."""
    script_metric(monkeypatch, [9.0, 8.0])
    limit_time(monkeypatch, 3)
    options = ["--metrics_every", "100", "--metrics_samples", "8", "--max_steps", "100"]
    assert f"{STOPPED}3 (scripted 9), saved in " in called.train(*options)
    (row,) = rows(called.checkpoints)
    assert (row["step"], row["scripted"]) == ("3", "9")
    assert sorted(path.name for path in called.samples.iterdir()) == ["reals.png", "train_00000000.png"]
    report = (called.checkpoints / "report.html").read_text("utf-8")
    assert "<dd>3 of 100</dd>" in report and "none (finished)" not in report
    limit_time(monkeypatch, 2)
    assert f"{STOPPED}5 (scripted 8), saved in " in called.train(*options)


@pytest.mark.parametrize(
    "options, values, step",
    ((["--max_steps", "2"], [9.0], 2), (["--metrics_every", "2", "--stop_when_stale", "1"], [9.0, 9.0], 4)),
)
def test_a_run_that_ends_when_the_time_is_up_is_finished(called, monkeypatch, options, values, step):
    script_metric(monkeypatch, values)
    limit_time(monkeypatch, step)
    output = called.train("--max_steps", "100", "--metrics_every", "100", "--metrics_samples", "8", *options)
    assert f"Finished at step {step} (scripted 9). The grids are in " in output and "Time-lapse of training: " in output
    assert (called.samples / ("train_%08d.png" % step)).exists()


def test_a_signal_while_the_last_step_of_max_minutes_is_saved(called, monkeypatch):
    save = store.save

    def interrupted(session, saver, checkpoint, *arguments):
        if checkpoint.step:
            os.kill(os.getpid(), signal.SIGTERM)
        save(session, saver, checkpoint, *arguments)

    monkeypatch.setattr(store, "save", interrupted)
    output = called.train("--max_steps", "100", "--max_minutes", "0.000001")
    assert f"{STOPPED}1, saved in " in output and steps_of(called.checkpoints) == [0, 1]


def test_max_minutes_without_a_place_to_save(called, monkeypatch):
    save = store.save

    def full(session, saver, checkpoint, *arguments):
        if checkpoint.step:
            raise OSError("No space left on device")
        save(session, saver, checkpoint, *arguments)

    monkeypatch.setattr(store, "save", full)
    done = called.run("--max_steps", "100", "--max_minutes", "0.000001")
    assert done.returncode == 1 and "steps after 0 were not saved; last good checkpoint: step 0" in done.stderr
    assert "Stopped" not in done.stdout
