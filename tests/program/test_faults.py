"""A run that is killed, starved, damaged or goes wrong by itself: what was learnt stays, and going on is exact."""

import csv
import os
import random
import re
import shutil
import signal
import socket
import sys
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import contents

from utils.checkpoints import store as checkpoint

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's limits")


def wait_for(process, condition, seconds=120):
    """Wait until condition() is true, while the process lives."""
    deadline = time.time() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.time() < deadline, "it did not come to pass"
        time.sleep(0.001)


def last_step(folder):
    """Return the step of the last whole row of history.csv."""
    try:
        return int((folder / "history.csv").read_bytes().rsplit(b"\n", 2)[1].split(b",")[0])
    except (OSError, IndexError, ValueError):
        return 0


def history(folder):
    """Return the rows of history.csv, but for the columns that tell of time."""
    with open(str(folder / "history.csv"), newline="") as file:
        return [row[:7] + row[10:] for row in csv.reader(file)]


def steps_of(folder):
    return sorted(int(path.name[6:-5]) for path in folder.glob("dcgan-*.json"))


def variables(folder, step):
    reader = tf.train.load_checkpoint(str(folder / ("dcgan-%d" % step)))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_same_run(program, one, two, step):
    """Two runs, each in folders of its own, ended alike: every variable bit for bit, history, and grids."""
    one, two = program.folder / one, program.folder / two
    first, second = variables(one / "c", step), variables(two / "c", step)
    assert set(first) == set(second) and {"step", "draw_index", "pictures_seen"} < set(first)
    assert [name for name in first if not np.array_equal(first[name], second[name])] == []
    assert history(one / "c") == history(two / "c")
    assert contents(one / "s") == contents(two / "s")


def folders(name):
    return ["--samples_dir", name + "/s", "--checkpoints_dir", name + "/c"]


def test_killed_again_and_again_it_ends_as_if_never_killed(program):
    options = ["--max_steps", "300", "--log_every", "1", "--sample_every", "40", "--checkpoint_every", "7", "--k", "2"]
    options += ["--crop", "random", "--mirror", "1", "--metrics_every", "30", "--metrics_samples", "8"]
    options += ["--conditional", "1", "--loss", "hinge", "--d_norm", "spectral", "--rate_decay_from", "0.5"]
    options += ["--gradient_penalty", "r1", "--penalty_every", "3"]
    program.train(*options, *folders("whole"))
    killed = program.folder / "killed" / "c"
    rng = random.Random(5)
    while_saving = 0
    process = program.start(*options, *folders("killed"))  # and once between the first checkpoint and the first grid
    try:
        wait_for(process, (killed / "dcgan-0.json").exists)
    finally:
        process.kill()
        process.communicate()
    assert not (program.folder / "killed" / "s" / "train_00000000.png").exists()
    for kill in range(6):
        process = program.start(*options, *folders("killed"))
        try:
            goal = last_step(killed) + rng.randint(10, 40)
            wait_for(process, lambda goal=goal: last_step(killed) >= goal)
            if kill % 2:  # while a checkpoint is being written
                wait_for(process, (killed / ".saving").exists)
            else:
                time.sleep(rng.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
        finally:
            process.kill()
        while_saving += (killed / ".saving").exists()
        assert process.returncode == -signal.SIGKILL and last_step(killed) < 300
    done = program.run(*options, *folders("killed"))
    assert done.returncode == 0 and "Finished at step 300" in done.stdout and "Traceback" not in done.stderr
    assert not (killed / ".saving").exists()
    assert_same_run(program, "whole", "killed", 300)
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
    assert done.returncode == 0 and "Going on from step 8" in done.stdout
    assert_same_run(program, "whole", "damaged", 14)


def test_no_good_checkpoint_is_one_line_and_nothing_is_touched(program):
    program.train("--max_steps", "2", "--checkpoint_every", "1")
    for path in program.checkpoints.glob("dcgan-*.data*"):
        path.write_bytes(b"")
    before = {path.name: path.read_bytes() for path in program.checkpoints.glob("dcgan-*")}
    for options in (["--max_steps", "3"], ["--isTrain", "0"]):
        line = program.refuse(*options)
        assert "none of the 3 checkpoints in checkpoints_dir = %s is good: " % program.checkpoints in line
        assert "bring one back from a backup, or start a new run" in line
    assert {path.name: path.read_bytes() for path in program.checkpoints.glob("dcgan-*")} == before


def test_one_writer(program):
    """The second run is refused; sampling is not; and a killed run leaves nothing to clear away."""
    process = program.start("--max_steps", "1000000", "--checkpoint_every", "5", "--sample_every", "0")
    try:
        wait_for(process, lambda: 5 in steps_of(program.checkpoints) or len(steps_of(program.checkpoints)) == 3)
        line = program.refuse("--max_steps", "3")
        who = "process %d on %s" % (process.pid, socket.gethostname())
        assert "checkpoints_dir = %s is in use by another training run (%s); wait" % (program.checkpoints, who) in line
        assert process.poll() is None
        done = program.run("--isTrain", "0", "--num_samples", "1")
        assert done.returncode == 0 and "Sampling from step" in done.stdout
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    finally:
        process.kill()
    step = steps_of(program.checkpoints)[-1]
    assert "Finished at step %d" % (step + 1) in program.train("--max_steps", str(step + 1))


@linux
@pytest.mark.parametrize("lifted", (True, False))
def test_a_full_disk_while_training(program, lifted):
    """Every write fails from some step on: each is one warning; what was saved stays; and the next try may succeed."""
    import resource

    process = program.start(
        "--max_steps", "600", "--checkpoint_every", "100", "--sample_every", "100", "--log_every", "50"
    )
    try:
        wait_for(process, lambda: 100 in steps_of(program.checkpoints))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        lines = [process.stderr.readline() for _ in range(8)]
        if lifted:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        output, error = process.communicate(timeout=120)
    finally:
        process.kill()
    error = "".join(lines) + error
    assert "Traceback" not in error
    for what in ("the checkpoint of step", "the grid of step", "the log of step"):
        assert "main.py: %s" % what in error
    assert "File too large" in error and "Graph execution error" not in error
    for line in error.strip().split("\n"):
        assert (
            line == "" or line.endswith(("; training goes on", "; what was saved before is safe")) or "is safe" in line
        )
    found = checkpoint.newest_good(str(program.checkpoints))
    if lifted:
        assert process.returncode == 0 and "Finished at step 600" in output and found.checkpoint.step == 600
    else:
        assert process.returncode == 1 and found.checkpoint.step < 600 and found.damaged == []
        safe = "the checkpoint of step %d is safe, in %s" % (found.checkpoint.step, program.checkpoints)
        assert safe in error.strip().split("\n")[-1]
    assert "Finished at step 601" in program.train("--max_steps", "601")


def test_a_changed_picture_set_is_announced(program):
    program.train("--max_steps", "1")
    announced = (
        "What it trains on has changed (pictures: 12 before, 11 now): it goes on, but not exactly as it would have."
    )
    assert announced not in program.train("--max_steps", "2")
    next((program.folder / "pics").rglob("*.jpg")).unlink()
    assert announced in program.train("--max_steps", "3")
    assert announced not in program.train("--max_steps", "4")


# --- Runs that go wrong by themselves -------------------------------------------------------------------------------

WILD = ["--optimizer", "sgd", "--learning_rate", "1000000", "--checkpoint_every", "1", "--log_every", "1"]


def test_losses_that_are_no_numbers_stop_the_run_if_wanted(program):
    done = program.run("--max_steps", "300", "--on_nan", "stop", *WILD)
    found = re.fullmatch(
        r"main.py: step (\d+): losses or weights are no longer numbers; nothing was saved of it, and the checkpoint of "
        r"step (\d+) is good. (\S.*post-mortem.txt) says more; lower learning_rate = 1e\+06 in params.py\n",
        done.stderr,
    )
    assert done.returncode == 1 and found, done.stderr
    good = checkpoint.newest_good(str(program.checkpoints))
    assert good.checkpoint.step == int(found.group(2)) < int(found.group(1))
    assert all(np.isfinite(value).all() for value in variables(program.checkpoints, good.checkpoint.step).values())


def test_three_rollbacks_and_no_more_however_often_it_is_started(program):
    done = program.run("--max_steps", "3000", *WILD)
    back = re.findall(
        r"main.py: step (\d+): losses or weights are no longer numbers; back to step (\d+), with other noise and "
        r"learning_rate = (\S+) \(rollback (\d) of at most 3\)",
        done.stderr,
    )
    assert done.returncode == 1
    assert [(rate, number) for _, _, rate, number in back] == [("500000", "1"), ("250000", "2"), ("125000", "3")]
    assert "no longer numbers, after 3 rollbacks; nothing was saved of it" in done.stderr.split("\n")[-2]
    text = (program.checkpoints / "post-mortem.txt").read_text()
    assert "learning_rate = 125000" in text and "rollback 3: from step %s, learning_rate = 250000" % back[2][0] in text
    assert "step, d_loss, g_loss, D(x), D(G(z))" in text
    assert len(re.findall(r"^(?:red|blue)%s\d\.jpg$" % re.escape(os.sep), text, re.M)) == 4  # batch_size, k = 1
    again = program.run("--max_steps", "3000", *WILD)
    assert again.returncode == 1 and "rollback 1" not in again.stderr and "after 3 rollbacks" in again.stderr


def test_after_a_rollback_the_run_goes_on_and_a_kill_changes_nothing(program):
    """A loss that is no number, at step 20 and only if there was no rollback yet, is put into the copy's graph."""
    path, line = (
        program.folder / "model" / "train_graph.py",
        "            d_real = tf.reduce_mean(tf.nn.sigmoid(real_logits))\n",
    )
    fault = "            d_loss += tf.where(tf.equal(rollbacks, 0) & tf.equal(step, 19), float('nan'), 0.0)\n"
    assert line in path.read_text()
    path.write_text(path.read_text().replace(line, fault + line))
    options = ["--log_every", "1", "--checkpoint_every", "6", "--sample_every", "10", "--metrics_every", "4"]
    options += ["--metrics_samples", "8"]
    done = program.run("--max_steps", "60", *options, *folders("whole"))
    assert done.returncode == 0 and done.stderr.count("(rollback 1 of at most 3)") == 1, done.stderr
    assert done.stderr.count("rollback") == 1 and "Finished at step 60" in done.stdout
    assert [int(row[0]) for row in history(program.folder / "whole" / "c")[1:]] == list(range(1, 61))
    assert "step 20: losses or weights are no longer numbers; back to step 18, with other noise" in done.stderr
    program.run("--max_steps", "28", *options, *folders("parts"))
    done = program.run("--max_steps", "60", *options, *folders("parts"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "It went wrong at 20 before, and goes by 0.5 of its learning rates." in done.stdout
    (program.folder / "parts" / "s" / "train_00000028.png").unlink()
    assert_same_run(program, "whole", "parts", 60)


def test_weights_that_are_no_numbers_are_noticed_and_not_saved(graph, tiny):
    from model import train_graph as gan

    images = tf.random_uniform([4, 16, 16, 3], -1, 1)
    ends = gan.build_train_graph(images, tiny.network, tiny.run, 40)
    names = ("generator/4x4/batch_norm/moving_mean", "discriminator/logit/dense/bias", "generator/16x16/conv/kernel")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(ends.sound)
        for name in names:
            (variable,) = [v for v in tf.global_variables() if v.op.name == name]
            value = session.run(variable)
            for wrong in (np.nan, np.inf, -np.inf):
                broken = value.copy()
                broken.flat[-1] = wrong
                variable.load(broken, session)
                assert not session.run(ends.sound), (name, wrong)
            variable.load(value, session)
        assert session.run(ends.sound)


def test_a_rollback_changes_the_noise_and_halves_the_rate(graph, tiny):
    from model import noise as draws
    from model import train_graph as gan

    draw = tf.constant(3, tf.int64)
    with tf.Session() as session:
        zs = [session.run(draws.uniform([4, 6], 0, "z", draw, rollbacks)) for rollbacks in range(3)]
        assert np.array_equal(zs[0], session.run(draws.uniform([4, 6], 0, "z", draw)))
    assert len({z.tobytes() for z in zs}) == 3
    run = tiny.run._replace(optimizer="adam", learning_rate=1e-3)  # whose first update is the rate itself, up or down
    moved = []
    images = tf.random.stateless_uniform([4, 16, 16, 3], [1, 2])
    ends = gan.build_train_graph(images, tiny.network, run, 40)
    (bias,) = [v for v in tf.global_variables() if v.op.name == "discriminator/logit/dense/bias"]
    with tf.Session() as session:
        for rollbacks in (0, 1, 2):
            session.run(tf.global_variables_initializer())
            ends.rollbacks.load(rollbacks, session)
            before = session.run(bias)
            session.run(ends.d_updates[0])
            moved.append(abs(float((session.run(bias) - before)[0])))
    assert moved == pytest.approx([1e-3, 5e-4, 2.5e-4], rel=1e-2)


def test_a_folder_that_vanishes_takes_the_lock_with_it(program):
    """The next save brings the folder back, and the lock; a second run is refused as before."""
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


def test_a_first_save_that_fails_is_said_and_nothing_is_trained(program):
    program.checkpoints.mkdir()
    (program.checkpoints / ".saving").write_text("a file where a folder is to be")
    done = program.run("--max_steps", "3")
    assert done.returncode == 1 and "Traceback" not in done.stderr and "training goes on" not in done.stderr
    assert "main.py: the checkpoint of step 0 cannot be written (" in done.stderr


# --- Signals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number, code", ((signal.SIGINT, 130), (signal.SIGTERM, 143)))
def test_a_second_signal_quits_even_inside_a_session_run(program, number, code):
    heavy = ["--batch_size", "1500", "--image_size", "64", "--filters", "32", "--sample_every", "0"]
    process = program.start("--max_steps", "100", *heavy)
    try:
        wait_for(process, (program.samples / "train_00000000.png").exists)
        time.sleep(3)  # now it is in its first update, which takes many seconds
        started = time.time()
        process.send_signal(number)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
        assert process.returncode == code and time.time() - started < 5
    finally:
        process.kill()
    assert "interrupt again to quit without saving" in error
    assert "stopped without saving this step; the last checkpoint is intact" in error
    assert checkpoint.newest_good(str(program.checkpoints)).checkpoint.step == 0


def test_a_second_signal_quits_when_nobody_reads_any_more(program):
    """As with `python main.py 2>&1 | tee log`, of which Ctrl-C ends tee first."""
    heavy = ["--batch_size", "1500", "--image_size", "64", "--filters", "32", "--sample_every", "0"]
    process = program.start("--max_steps", "100", *heavy)
    try:
        wait_for(process, (program.samples / "train_00000000.png").exists)
        process.stdout.close()
        process.stderr.close()
        time.sleep(3)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        assert process.wait(timeout=10) == 130
    finally:
        process.kill()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP")
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
