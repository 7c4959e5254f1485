"""Image folders: a stop while preparing, a cache damaged during training, a folder with a single image."""

import glob
import os
import signal

import numpy as np
import odd_files
import pytest
from PIL import Image
from runs import folders, last_step, read_until, wait_for

from utils.config import settings
from utils.data import index, scan
from utils.data.decode import DecodeOptions, decode
from utils.errors import UserError


def overwrite_records(program):
    """Overwrite all records in the cache with random bytes."""
    (path,) = glob.glob(str(program.checkpoints / "cache" / "*.records"))
    with open(path, "r+b") as file:
        file.write(os.urandom(os.path.getsize(path)))


def assert_reals_show(program, recipe):
    """Check that samples/reals.png shows the record of each file in pics/ once, in any order."""
    sheet = np.asarray(Image.open(str(program.samples / "reals.png")).convert("RGB"))
    rows, columns = sheet.shape[0] // 16, sheet.shape[1] // 16
    shown = sheet.reshape(rows, 16, columns, 16, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 16, 16, 3)
    paths = [path for path in (program.folder / "pics").rglob("*.*") if path.is_file()]
    assert sorted(p.tobytes() for p in shown) == sorted(decode(str(path), recipe, {})[0].tobytes() for path in paths)


@pytest.mark.slow
def test_ctrl_c_while_preparing_is_one_line(program):
    first = program.folder / "pics" / "red" / "slow 0.png"
    first.write_bytes(odd_files.saved(Image.fromarray(np.zeros((4000, 4000, 3), np.uint8)), "PNG", compress_level=1))
    for i in range(1, 40):
        os.link(str(first), str(first.parent / f"slow {i}.png"))

    def is_decoding():
        """Return whether the first image has been decoded; from then on, the slow images are being decoded."""
        paths = glob.glob(str(program.checkpoints / "cache" / "*.records"))
        return any(os.path.getsize(path) for path in paths)

    process = program.start("--max_steps", "1")
    try:
        read_until(process.stdout, "Preparing")
        wait_for(process, is_decoding)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, error) == (130, "main.py: stopped\n")


@pytest.mark.slow
def test_a_cache_damaged_during_training(program):
    """While the images exist, the cache is repaired with a warning; if they are gone, the run ends with one line."""
    options = ["--max_steps", "100000", "--log_every", "1", "--train_samples", "12"]
    process = program.start(*options)
    try:
        read_until(process.stdout, "step 3:")
        assert_reals_show(program, DecodeOptions(16, 3, "center", (255, 255, 255)))
        overwrite_records(program)
        assert process.stderr.readline() == "\n"
        warning = process.stderr.readline()
        step = last_step(program.checkpoints)
        wait_for(process, lambda: last_step(program.checkpoints) > step)
        for path in (program.folder / "pics").rglob("*.jpg"):
            path.unlink()
        overwrite_records(program)
        output, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert warning.startswith("main.py: ") and warning.endswith(
        ".sqlite: damaged records were found; rebuilding them\n"
    )
    lines = error.strip().split("\n")
    assert process.returncode == 2 and len(lines) == 1, output + error
    assert lines[0].startswith("main.py: the cache ") and "was removed or changed; run again" in lines[0]


@pytest.mark.slow
def test_a_single_image_trains_as_the_settings_show_it(called):
    for path in (called.folder / "pics").rglob("*.jpg"):
        path.unlink()
    Image.new("RGBA", (40, 20), (0, 0, 0, 0)).save(str(called.folder / "pics" / "a.png"))
    output = called.train("--max_steps", "3", "--background", "#102030", "--crop", "pad")
    assert f"1 image in {called.folder / 'pics'}: no class 1\n" in output and "Finished at step 3" in output
    assert output.count("Fewer images than batch_size = 4: batches repeat images; add images or lower it.") == 1
    assert_reals_show(called, DecodeOptions(16, 3, "pad", (16, 32, 48)))
    image = np.asarray(Image.open(str(called.samples / "reals.png")))
    assert np.unique(image.reshape(-1, 3), axis=0).tolist() == [[16, 32, 48]]


@pytest.mark.slow
def test_a_link_to_the_own_samples_is_refused_at_each_start(called):
    link = called.folder / "pics" / "red" / "more"
    for arguments in (["--max_steps", "2"], ["--max_steps", "4"]):  # a new run, and a run to resume
        os.symlink(os.path.join("..", "..", "samples"), str(link))
        assert called.refuse(*arguments) == (
            f"main.py: {link} is a link to {called.samples}; the run would train on its own files in samples_dir = "
            f"{called.samples}; remove the link"
        )
        link.unlink()
        called.train(*arguments)


@pytest.mark.slow
def test_a_run_from_a_version_that_read_more(called, monkeypatch):
    """Its classes stay; changed images are explained once. (The earlier version is imitated.)"""
    pics = called.folder / "pics"
    for i, name in enumerate(("@eaDir", "red/@eaDir")):
        (pics / name).mkdir()
        (pics / name / "x.png").write_bytes(odd_files.saved(odd_files.motif(20 + i), "PNG"))
    with monkeypatch.context() as earlier:
        earlier.setattr(scan, "_SYSTEM_FOLDERS", ())
        earlier.setattr(index, "VERSION", 4)
        called.train("--max_steps", "1", *folders("any"))
        called.train("--max_steps", "1", "--conditional", "1", *folders("conditional"))
    changed = (
        "The training images have changed (14 before, {} now; new in this version: system folders are ignored); "
        "resuming, but not bit-exactly.\n"
    )
    output = called.train("--max_steps", "2", *folders("any"))
    assert changed.format(12) in output and "Ignored: 2 folders (@eaDir 2).\n" in output
    assert "images have changed" not in called.train("--max_steps", "3", *folders("any"))
    (pics / "red" / "0.jpg").unlink()
    assert "(12 before, 11 now); resuming" in called.train("--max_steps", "4", *folders("any"))
    for step in ("2", "3"):
        output = called.train("--max_steps", step, "--conditional", "1", *folders("conditional"))
        assert ": @eaDir 1, blue 6, red 5\n" in output and (changed.format(12) in output) == (step == "2")


def test_no_usable_image_is_one_line(called):
    for path in (called.folder / "pics").rglob("*.jpg"):
        path.write_bytes(b"no")
    line = called.refuse()
    assert "holds no usable images, 12 unusable (such as blue/0.jpg: not in a format that Pillow" in line
    assert len((called.checkpoints / "skipped.csv").read_text().splitlines()) == 13


@pytest.mark.parametrize(
    "arguments, text",
    (
        (["--background", "whit"], "background = 'whit'"),
        (["--cache_dir", "pics/cache"], "is inside pics_dir"),
        (["--crop", "random", "--load_size", "10"], "load_size = 10"),
    ),
    ids=("background", "cache_dir", "load_size"),
)
def test_settings_that_are_refused(arguments, text):
    with pytest.raises(UserError) as raised:
        settings.resolve(arguments)
    assert text in str(raised.value)
