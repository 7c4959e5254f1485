"""Signals, second signals, a closed terminal, and a process that exits while it reads the output."""

import re
import signal
import subprocess
import time

import pytest
from conftest import in_this_process
from hanging import HANGING, hang_in_a_step
from runs import last_step, read_until, rows, steps_of, wait_for

from utils.checkpoints import select

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
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
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
