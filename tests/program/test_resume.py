"""Resuming is exact, whatever stopped the run, and never mixes two runs."""

import os
import random
import re
import shutil
import signal
import time

import pytest
from runs import assert_same_run, folders, last_step, rows, variables, wait_for

pytestmark = pytest.mark.slow


def test_a_run_in_two_parts_is_the_run_in_one(program):
    """Bit for bit, with all that a run has to remember; the run in one is a real start, the parts are forks."""
    options = ["--log_every", "1", "--k", "2", "--crop", "random", "--mirror", "1", "--conditional", "1"]
    options += ["--loss", "hinge", "--d_norm", "spectral", "--gradient_penalty", "r1", "--penalty_every", "3"]
    program.train("--max_steps", "7", *options, *folders("whole"), forks=False)
    program.train("--max_steps", "3", *options, *folders("parts"))
    program.train("--max_steps", "7", *options, *folders("parts"))
    (program.folder / "parts" / "s" / "train_00000003.png").unlink()
    assert_same_run(program, "whole", "parts", 7)
    assert len(rows(program.folder / "parts" / "c")) == 7


def kill_before_the_first_grid(program, options, name):
    """Kill a new run between its first checkpoint and its first grid."""
    for _ in range(5):
        process = program.start(*options, *folders(name))
        try:
            wait_for(process, (program.folder / name / "c" / "dcgan-0.json").exists)
        finally:
            process.kill()
            process.communicate()
        if not (program.folder / name / "s" / "train_00000000.png").exists():
            return
        shutil.rmtree(str(program.folder / name))
    raise AssertionError("the grid always came first")


def test_killed_again_and_again_it_ends_as_if_never_killed(program):
    options = ["--max_steps", "200", "--log_every", "1", "--sample_every", "40", "--checkpoint_every", "7", "--k", "2"]
    options += ["--crop", "random", "--mirror", "1", "--metrics_every", "30", "--metrics_samples", "8"]
    options += ["--conditional", "1", "--rate_decay_from", "0.5"]
    program.train(*options, *folders("whole"))
    kill_before_the_first_grid(program, options, "killed")
    killed = program.folder / "killed" / "c"
    rng = random.Random(5)
    while_saving = 0
    for kill in range(4):
        process = program.start(*options, *folders("killed"))
        try:
            goal = last_step(killed) + rng.randint(10, 25)
            wait_for(process, lambda goal=goal: last_step(killed) >= goal)
            if kill:  # while a checkpoint is being written
                wait_for(process, (killed / ".saving").exists)
            else:
                time.sleep(rng.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        finally:
            process.kill()
        while_saving += (killed / ".saving").exists()
        assert process.returncode == -signal.SIGKILL and last_step(killed) < 200
    done = program.run(*options, *folders("killed"))
    assert done.returncode == 0 and "Finished at step 200" in done.stdout and "Traceback" not in done.stderr
    assert not (killed / ".saving").exists()
    assert_same_run(program, "whole", "killed", 200)
    assert while_saving >= 1


def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_one_before(program):
    options = ["--checkpoint_every", "4", "--log_every", "1", "--sample_every", "6", "--keep_checkpoints", "1"]
    options += ["--keep_every", "4"]
    program.train("--max_steps", "14", *options, *folders("whole"))
    program.train("--max_steps", "12", *options, *folders("damaged"))
    data = program.folder / "damaged" / "c" / "dcgan-12.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-100] + os.urandom(100))
    done = program.run("--isTrain", "0", "--num_samples", "1", *folders("damaged"))
    assert done.returncode == 0 and "Sampling from step 8" in done.stdout
    for path in (program.folder / "damaged" / "s").glob("sample_*"):
        path.unlink()
    done = program.run("--max_steps", "14", *options, *folders("damaged"))
    (line,) = done.stderr.strip().split("\n")
    assert re.match(r"main.py: .*dcgan-12 is damaged \(.+\); going back to .*dcgan-8$", line)
    assert done.returncode == 0 and "Resuming from step 8" in done.stdout
    assert_same_run(program, "whole", "damaged", 14)


def test_no_good_checkpoint_is_one_line_and_nothing_is_touched(program):
    program.train("--max_steps", "2", "--checkpoint_every", "1")
    for path in program.checkpoints.glob("dcgan-*.data*"):
        path.write_bytes(b"")
    before = {path.name: path.read_bytes() for path in program.checkpoints.glob("dcgan-*")}
    for options in (["--max_steps", "3"], ["--isTrain", "0"]):
        line = program.refuse(*options)
        assert "none of the 3 checkpoints in checkpoints_dir = %s is good: " % program.checkpoints in line
        assert "restore one from a backup, or start a new run" in line
    assert {path.name: path.read_bytes() for path in program.checkpoints.glob("dcgan-*")} == before


def test_two_runs_are_not_mixed_and_a_run_can_be_moved(program):
    program.train("--max_steps", "2", *folders("1"))
    program.train("--max_steps", "2", *folders("2"))
    line = program.refuse("--max_steps", "4", "--samples_dir", "1/s", "--checkpoints_dir", "2/c")
    assert "1/s holds train_00000002.png of another run than the checkpoints in " in line
    os.rename(str(program.folder / "2"), str(program.folder / "moved"))
    assert "Finished at step 4" in program.train("--max_steps", "4", *folders("moved"))


def test_a_changed_image_set_is_announced_once(program):
    program.train("--max_steps", "1")
    announced = "The training images have changed (12 before, 11 now); resuming, but not bit-exactly."
    next((program.folder / "pics").rglob("*.jpg")).unlink()
    assert announced in program.train("--max_steps", "2")
    assert "images have changed" not in program.train("--max_steps", "3")


def test_a_run_keeps_the_defaults_that_it_began_with(program):
    """One of version 0.7, resumed and sampled by this version; and what is chosen now is not overruled."""
    before = ["--augment", "auto", "--d_width", "1", "--output_filters", "0", "--log_every", "1"]
    program.train("--max_steps", "8", *before, *folders("whole"))
    program.train("--max_steps", "4", *before, *folders("parts"))
    done = program.train("--max_steps", "8", "--log_every", "1", *folders("parts"))
    kept = "These defaults have changed since that run began; keeping its values: "
    assert kept + "augment = auto, d_width = 1.0, output_filters = 0." in done.split("\n")
    (program.folder / "parts" / "s" / "train_00000004.png").unlink()
    assert_same_run(program, "whole", "parts", 8)
    line = program.refuse("--max_steps", "9", "--output_filters", "16", *folders("parts"))
    assert "output_filters changed from 0 to 16" in line and "augment" not in line
    tuned = program.train("--init_from", "parts/c", "--max_steps", "1", *folders("tuned"))
    assert kept + "d_width = 1.0, output_filters = 0." in tuned.split("\n")
    assert "Sampling from step 8" in program.train("--isTrain", "0", *folders("parts"))


def test_adaptive_augmentation_can_be_taken_up_and_given_up(program):
    """Its share is a variable, which the checkpoint of a run without it lacks."""
    program.train("--max_steps", "2", "--augment", "none")
    done = program.train("--max_steps", "4", "--augment", "adaptive")
    assert "max_steps changed from 2 to 4, augment changed from none to adaptive" in done
    assert "balance/augmented" in variables(program.checkpoints, 4)
    program.train("--max_steps", "6", "--augment", "cutout")
    assert "balance/augmented" not in variables(program.checkpoints, 6)
    program.train("--max_steps", "8", "--augment", "adaptive")
