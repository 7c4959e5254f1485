"""The program on a file system that does not support locks, folder syncing and memory maps: warnings, but no error."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ENVIRONMENT
from runs import steps_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD and /proc on Linux"),
    pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler"),
]
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lacking.c")


@pytest.fixture
def lacking(program, tmp_path):
    """The environment in which the file system of the program's folder does not support these features."""
    library = str(tmp_path / "lacking.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return dict(ENVIRONMENT, LD_PRELOAD=library, LACKING=str(program.folder))


def warnings_of(done):
    """Check that a call succeeded; return the unsupported feature that each line on standard error names."""
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split(" does not support ")[1].split(" (")[0] for line in done.stderr.splitlines()]


def test_training_resuming_and_sampling(program, lacking):
    options = ["--checkpoint_every", "1", "--keep_checkpoints", "2", "--sample_every", "0"]
    calls = [["--max_steps", "3", *options], ["--max_steps", "6", *options], ["--isTrain", "0", "--num_samples", "2"]]
    trained, resumed, sampled = program.run_in_turn(*calls, env=lacking)
    assert sorted(warnings_of(trained)) == sorted(warnings_of(resumed)) == ["locks", "syncing folders"]
    assert warnings_of(sampled) == []
    assert "Finished at step 3" in trained.stdout and "Finished at step 6" in resumed.stdout
    assert steps_of(program.checkpoints) == [5, 6] and "Sampling from step 6" in sampled.stdout
