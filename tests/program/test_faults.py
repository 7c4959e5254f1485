"""A folder that is in use, full or removed causes one line, and earlier checkpoints remain."""

import shutil
import signal
import socket
import sys

import pytest
from conftest import in_this_process
from runs import last_step, steps_of, wait_for

from utils.checkpoints import select

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
    for what in ("the checkpoint at step", "the grid at step", "the log at step"):
        assert "main.py: %s" % what in error
    assert "File too large" in error and "Graph execution error" not in error
    consequences = ("; training continues", "; earlier checkpoints are intact")
    others = [line for line in error.split("\n") if line and not line.endswith(consequences)]
    assert len(others) == 2 and "finishing this step, then saving" in others[0]
    found = select.newest_good(str(program.checkpoints))
    assert process.returncode == 1 and found.checkpoint.step > saved and found.damaged == ()
    assert "last good checkpoint: step %d, in %s" % (found.checkpoint.step, program.checkpoints) in others[1]
    step = found.checkpoint.step + 1
    assert "Finished at step %d" % step in in_this_process(program).train("--max_steps", str(step))


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
