"""Resuming is exact after any kind of stop and never mixes two runs."""

import os
import random
import re
import shutil
import signal
import time

import pytest
from conftest import CalledProgram, save_pics
from runs import assert_same_run, copy_until, folders, last_step, rows, variables, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A program that has trained for two steps, with `folders` in trained/; tests continue copies of them."""
    folder = tmp_path_factory.mktemp("trained")
    program = CalledProgram(folder / "a copy", save_pics(folder / "some pics"))
    program.train("--max_steps", "2", "--checkpoint_every", "1", *folders("trained"))
    return program


def test_a_run_in_two_parts_is_the_run_in_one(program):
    """Compare bit for bit, with many settings; the uninterrupted run is a fresh process, the two parts are forks."""
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
    options = ["--max_steps", "100", "--log_every", "1", "--sample_every", "40", "--checkpoint_every", "7", "--k", "2"]
    options += ["--crop", "random", "--mirror", "1", "--metrics_every", "30", "--metrics_samples", "8"]
    options += ["--conditional", "1", "--rate_decay_from", "0.5"]
    program.train(*options, *folders("whole"))
    kill_before_the_first_grid(program, options, "killed")
    killed = program.folder / "killed" / "c"
    rng = random.Random(5)
    while_saving = 0
    for kill in range(2):
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
        assert process.returncode == -signal.SIGKILL and last_step(killed) < 100
    done = program.run(*options, *folders("killed"))
    assert done.returncode == 0 and "Finished at step 100" in done.stdout and "Traceback" not in done.stderr
    assert not (killed / ".saving").exists()
    assert_same_run(program, "whole", "killed", 100)
    assert while_saving >= 1


def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_one_before(called):
    options = ["--checkpoint_every", "4", "--log_every", "1", "--sample_every", "6", "--keep_checkpoints", "1"]
    options += ["--keep_every", "4", "--max_steps", "10"]
    called.train(*options, *folders("whole"))
    copy_until(called, "whole", "damaged", 10)
    data = called.folder / "damaged" / "c" / "dcgan-10.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-100] + os.urandom(100))
    done = called.run("--isTrain", "0", "--num_samples", "1", *folders("damaged"))
    assert done.returncode == 0 and "Sampling from step 8" in done.stdout
    for path in (called.folder / "damaged" / "s").glob("sample_*"):
        path.unlink()
    done = called.run(*options, *folders("damaged"))
    (line,) = done.stderr.strip().split("\n")
    assert re.match(r"main.py: .*dcgan-10 is damaged \(.+\); going back to .*dcgan-8$", line)
    assert done.returncode == 0 and "Resuming from step 8" in done.stdout
    assert_same_run(called, "whole", "damaged", 10)


def test_no_good_checkpoint_is_one_line_and_nothing_is_touched(trained):
    copy_until(trained, "trained", "bad", 2)
    checkpoints = trained.folder / "bad" / "c"
    for path in checkpoints.glob("dcgan-*.data*"):
        path.write_bytes(b"")
    before = {path.name: path.read_bytes() for path in checkpoints.glob("dcgan-*")}
    for options in (["--max_steps", "3"], ["--isTrain", "0"]):
        line = trained.refuse(*options, *folders("bad"))
        assert "none of the 3 checkpoints in checkpoints_dir = %s is good: " % checkpoints in line
        assert "restore one from a backup, or start a new run" in line
    assert {path.name: path.read_bytes() for path in checkpoints.glob("dcgan-*")} == before


def test_two_runs_are_not_mixed_and_a_run_can_be_moved(trained):
    copy_until(trained, "trained", "1", 2)
    trained.train("--max_steps", "2", *folders("2"))
    line = trained.refuse("--max_steps", "4", "--samples_dir", "1/s", "--checkpoints_dir", "2/c")
    assert "1/s contains train_00000002.png from a different run than the checkpoints in " in line
    os.rename(str(trained.folder / "2"), str(trained.folder / "moved"))
    assert "Finished at step 3" in trained.train("--max_steps", "3", *folders("moved"))


def test_a_changed_image_set_is_announced_once(trained):
    copy_until(trained, "trained", "changed", 2)
    announced = "The training images have changed (12 before, 11 now); resuming, but not bit-exactly."
    image = next((trained.folder / "pics").rglob("*.jpg"))
    image.rename(trained.folder / image.name)
    try:
        assert announced in trained.train("--max_steps", "3", *folders("changed"))
        again = trained.train("--max_steps", "3", *folders("changed"))
        assert "This run is finished" in again and "images have changed" not in again
    finally:
        (trained.folder / image.name).rename(image)


def test_a_run_keeps_the_defaults_that_it_began_with(called):
    """This version resumes and samples a run from version 0.7; explicit settings take precedence over its defaults."""
    before = ["--augment", "auto", "--d_width", "1", "--output_filters", "0", "--skip_excitation", "0"]
    before += ["--log_every", "1"]
    called.train("--max_steps", "4", "--checkpoint_every", "2", *before, *folders("whole"))
    copy_until(called, "whole", "parts", 2)
    done = called.train("--max_steps", "4", "--checkpoint_every", "2", "--log_every", "1", *folders("parts"))
    kept = "These defaults have changed since that run began; keeping its values: "
    assert kept + "augment = auto, d_width = 1.0, output_filters = 0, skip_excitation = 0." in done.split("\n")
    assert_same_run(called, "whole", "parts", 4)
    line = called.refuse("--max_steps", "9", "--output_filters", "16", *folders("parts"))
    assert "output_filters changed from 0 to 16" in line and "augment" not in line
    tuned = called.train("--init_from", "parts/c", "--max_steps", "1", *folders("tuned"))
    assert kept + "d_width = 1.0, output_filters = 0, skip_excitation = 0." in tuned.split("\n")
    assert "Sampling from step 4" in called.train("--isTrain", "0", *folders("parts"))


def test_adaptive_augmentation_can_be_taken_up_and_given_up(trained):
    """The augmentation probability is a variable that checkpoints from runs without 'adaptive' lack."""
    copy_until(trained, "trained", "adaptive", 2)
    checkpoints = trained.folder / "adaptive" / "c"
    assert "balance/augmented" in variables(checkpoints, 2)
    trained.train("--max_steps", "3", "--augment", "cutout", *folders("adaptive"))
    assert "balance/augmented" not in variables(checkpoints, 3)
    done = trained.train("--max_steps", "4", "--augment", "adaptive", *folders("adaptive"))
    assert "max_steps changed from 3 to 4, augment changed from cutout to adaptive" in done
    assert "balance/augmented" in variables(checkpoints, 4)
