"""The program before messy folders: killed while preparing, a cache gone bad under it, a handful of pictures."""

import contextlib
import glob
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import odd_files
import pytest
from conftest import ENVIRONMENT, contents, gradient
from PIL import Image


def cache_file(program, ending):
    (path,) = glob.glob(str(program.checkpoints / "cache" / ("*" + ending)))
    return path


def count_prepared(program):
    """Return how many pictures the database knows for good, while another process writes it."""
    with contextlib.suppress(ValueError, sqlite3.Error):
        database = sqlite3.connect("file:%s?mode=ro" % cache_file(program, ".sqlite"), uri=True)
        with contextlib.closing(database):
            return database.execute("SELECT COUNT(*) FROM files").fetchone()[0]
    return 0


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are Unix's")
def test_killed_while_preparing(program):
    noise = np.random.RandomState(0).randint(0, 256, (1500, 1500, 3)).astype(np.uint8)
    slow = odd_files.saved(Image.fromarray(noise), "PNG", compress_level=1)
    for i in range(60):
        (program.folder / "pics" / "red" / ("slow %d.png" % i)).write_bytes(slow)
    process = subprocess.Popen(
        program.command("--max_steps", "1"), stdout=subprocess.DEVNULL, env=ENVIRONMENT, start_new_session=True
    )
    try:
        deadline = time.time() + 120
        while not count_prepared(program):
            assert process.poll() is None and time.time() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    deadline = time.time() + 30  # its workers end by themselves
    with contextlib.suppress(ProcessLookupError):
        while time.time() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
        raise AssertionError("processes were left behind")
    done = count_prepared(program)
    assert 0 < done < 72
    output = program.train("--max_steps", "1")
    assert "Preparing %d files" % (72 - done) in output and "72 pictures in" in output
    assert "Preparing" not in program.train("--max_steps", "2")


def test_ctrl_c_while_preparing_is_one_line(program):
    (program.folder / "pics" / "red" / "slow.png").write_bytes(
        odd_files.saved(Image.fromarray(np.zeros((9000, 9000, 3), np.uint8)), "PNG", compress_level=1)
    )
    process = program.start("--max_steps", "1")
    try:
        for line in process.stdout:
            if line.startswith("Preparing"):
                break
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, error) == (130, "main.py: stopped\n")


def test_a_cache_that_goes_bad_changes_nothing_but_is_said(program):
    options = ["--max_steps", "8", "--log_every", "8"]
    program.train(*options)
    before = contents(program.samples)
    for path in program.samples.iterdir():
        path.unlink()
    for path in program.checkpoints.glob("dcgan-*"):
        path.unlink()
    os.remove(str(program.checkpoints / "history.csv"))
    for path in (program.checkpoints / "logs").iterdir():
        path.unlink()
    (program.checkpoints / "logs").rmdir()
    with open(cache_file(program, ".records"), "r+b") as file:
        file.write(os.urandom(os.path.getsize(file.name)))
    done = program.run(*options)
    assert done.returncode == 0
    assert re.fullmatch(r"\nmain.py: \S.*\.sqlite: damaged records were found; they are made again .*\n", done.stderr)
    assert contents(program.samples) == before


def test_a_picture_lost_with_its_record_ends_the_run_in_one_line(program):
    process = program.start("--max_steps", "100000", "--log_every", "1", "--checkpoint_every", "1")
    try:
        for line in process.stdout:
            if "step 3," in line:
                break
        for path in (program.folder / "pics").rglob("*.jpg"):
            path.unlink()
        with open(cache_file(program, ".records"), "r+b") as file:
            file.write(os.urandom(os.path.getsize(file.name)))
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    lines = error.strip().split("\n")
    assert process.returncode == 2 and len(lines) == 2
    assert "a picture it was made of is gone or changed; run again" in lines[1]


@pytest.mark.parametrize("n", (1, 2))
def test_a_handful_of_pictures_trains(program, n):
    for path in sorted((program.folder / "pics").rglob("*.jpg"))[n:]:
        path.unlink()
    output = program.train("--max_steps", "3")
    assert ("1 picture in" if n == 1 else "2 pictures in") in output and "Finished at step 3" in output
    advice = "Fewer pictures than batch_size = 4: a batch holds some twice; add pictures or lower it."
    assert output.count("Fewer") == 1 and advice in output
    assert Image.open(str(program.samples / "reals.png")).size == (16 * n, 16)


def test_reals_show_what_the_networks_get(program):
    program.train("--max_steps", "1", "--train_samples", "12")
    sheet = np.asarray(Image.open(str(program.samples / "reals.png")))
    shown = sheet.reshape(3, 16, 4, 16, 3).transpose(0, 2, 1, 3, 4).reshape(12, 16, 16, 3)
    from utils.data.decode import Recipe, decode

    recipe = Recipe(16, 3, "center", (255, 255, 255))
    files = [decode(str(path), recipe) for path in (program.folder / "pics").rglob("*.jpg")]
    assert sorted(p.tobytes() for p in shown) == sorted(p.tobytes() for p in files)
    # Another picture comes in: the next run shows it.
    Image.fromarray(gradient(20, 20, (0, 1, 0))).save(str(program.folder / "pics" / "new.png"))
    program.train("--max_steps", "2", "--train_samples", "13")
    assert np.asarray(Image.open(str(program.samples / "reals.png"))).shape != sheet.shape


def test_background_and_crop_reach_the_pictures(program):
    for path in (program.folder / "pics").rglob("*.jpg"):
        path.unlink()
    Image.new("RGBA", (40, 20), (0, 0, 0, 0)).save(str(program.folder / "pics" / "a.png"))
    colours = {}
    for i, options in enumerate((["--background", "#102030"], ["--background", "red", "--crop", "pad"])):
        folders = ["--samples_dir", "s%d" % i, "--checkpoints_dir", "c%d" % i]
        program.train("--max_steps", "1", *folders, *options)
        picture = np.asarray(Image.open(str(program.folder / ("s%d" % i) / "reals.png")))
        colours[i] = np.unique(picture.reshape(-1, 3), axis=0).tolist()
    assert colours == {0: [[16, 32, 48]], 1: [[255, 0, 0]]}


def test_mistakes_are_one_line(program):
    assert "background = 'whit' is invalid; expected a colour without transparency" in program.refuse(
        "--background", "whit"
    )
    assert "is inside pics_dir" in program.refuse("--cache_dir", "pics/cache")
    assert "load_size = 10 is less than image_size = 16" in program.refuse("--crop", "random", "--load_size", "10")
    (program.folder / "file").write_text("")
    assert "cache_dir = %s cannot be written" % (program.folder / "file") in program.refuse("--cache_dir", "file")
    for path in (program.folder / "pics").rglob("*.jpg"):
        path.write_bytes(b"no")
    line = program.refuse()
    assert "no picture that can be used, 12 that cannot (such as blue/0.jpg: not in a format that Pillow" in line
    assert len((program.checkpoints / "skipped.csv").read_text().splitlines()) == 13


@pytest.mark.skipif(sys.platform == "win32", reason="limits are those of Unix")
def test_a_full_disk_while_preparing_is_one_line(program):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (12000, 12000))

    done = program.run("--max_steps", "1", preexec_fn=limit)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "cache_dir = %s cannot be written (" % (program.checkpoints / "cache") in done.stderr
    program.train("--max_steps", "1")
