"""Decoding in processes: every file has one result, and a file that crashes its process affects no other file."""

import contextlib
import gc
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import odd_files
import pytest
from conftest import ROOT, gradient
from PIL import Image
from preparing import RECIPE, decode_alone, decode_here, in_cache, load, own_folders, refused, skipped

from utils.data import decoder, pool, prepare, report
from utils.data.records import checksums, record_bytes, to_record

# Run by every Python process at startup: opening one of these files kills the process.
CRASH = """
import os
from PIL import Image

opened = Image.open

def crash(file, *more):
    if os.path.basename(os.fsencode(file.name)) in {names!r}:
        os.kill(os.getpid(), 11)
    return opened(file, *more)

Image.open = crash
"""


@pytest.fixture
def run(tiny, pics, tmp_path):
    """Run settings for `pics`, with separate folders."""
    return own_folders(tiny.run, pics, tmp_path)


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Decode in a single process: starting one takes most of a test's time."""
    monkeypatch.setattr(pool, "cores", lambda: 1)


@pytest.fixture
def in_this_process(monkeypatch):
    """Decode in the test's process."""
    monkeypatch.setattr(pool, "decode_all", decode_here)


@pytest.fixture
def at_start(tmp_path, monkeypatch):
    """A function that makes new processes run Python code at startup."""

    def write(code):
        (tmp_path / "start").mkdir()
        (tmp_path / "start" / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "start"))

    return write


@pytest.mark.slow
def test_every_file_is_answered_once_though_some_crash(tmp_path, at_start):
    """There are more files than fit in the chunks in flight; the first, a middle and the last file crash."""
    names, records = [b"%03d.bmp" % i for i in range(150)], tmp_path / "records"
    for i, name in enumerate(names):
        Image.fromarray(gradient(8, 8, (i / 150.0, 0.5, 0.5))).save(os.path.join(str(tmp_path), os.fsdecode(name)))
    crashing = {names[0], names[70], names[149]}
    at_start(CRASH.format(names=crashing))
    records.write_bytes(b"")
    options = RECIPE._replace(size=8)
    tasks = [decoder.Task(name, 100, 0, "", 2 * i) for i, name in enumerate(names)]
    results = dict(pool.decode_all(iter(tasks), decoder.Job(str(tmp_path), str(records), options, {}), 2))
    assert set(results) == set(tasks)
    content = np.zeros((300, record_bytes((8, 8, 3))), np.uint8)
    content.ravel()[: records.stat().st_size] = np.frombuffer(records.read_bytes(), np.uint8)
    for task, outcome in results.items():
        if task.path in crashing:
            assert outcome == decoder.Outcome("unread", "decoding it crashed (signal 11)")
            continue
        record = to_record(decode_alone(os.path.join(str(tmp_path), os.fsdecode(task.path)), options))
        assert np.array_equal(content[task.slot], record)
        assert outcome == decoder.Outcome("picture", "", checksums(record[None])[0])
    assert multiprocessing.active_children() == []


def test_a_decoder_that_crashes_costs_one_image(run, at_start, monkeypatch):
    """The image is in the second of two chunks. Finished processes exit, and the signal mask is restored."""
    monkeypatch.setattr(pool, "_CHUNK_FILES", 4)
    at_start(CRASH.format(names={b"4.jpg"}))
    shutil.rmtree(os.path.join(run.pics_dir, "red"))
    records, summary = load(run)
    assert len(records) == 5 and len(summary.unusable) == 1
    assert skipped(run) == {os.path.join("blue", "4.jpg"): "decoding it crashed (signal 11)"}
    deadline = time.time() + 60
    while multiprocessing.active_children() and time.time() < deadline:
        time.sleep(0.05)
    assert multiprocessing.active_children() == []
    if hasattr(signal, "pthread_sigmask"):
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.skipif(sys.platform == "win32", reason="signals are ignored as on Unix")
def test_a_decoder_ends_even_if_this_process_ignores_sigterm(run, at_start, tmp_path):
    """Scripts can start the program like this; a decoder that hangs would then never end."""
    at_start("import time\nfrom PIL import Image\nImage.open = lambda *_: time.sleep(30)\n")
    (tmp_path / "records").write_bytes(b"")
    former = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        process = pool._Process(decoder.Job(run.pics_dir, str(tmp_path / "records"), RECIPE, {}))
        assert process.pipe.recv() == []
        process.pipe.send([decoder.Task(b"red/0.jpg", 100, 0, "", 0)])
        assert process.end() == "signal 15"
    finally:
        signal.signal(signal.SIGTERM, former)


def test_processes_that_cannot_start_are_not_blamed_on_the_images(run, at_start, monkeypatch):
    at_start("import os\nos._exit(7)\n")
    assert refused(run) == "decoding processes exit immediately (exit code 7); out of memory?"
    monkeypatch.setattr(pool, "decode_all", decode_here)
    assert load(run)[1].decoded == 12


def test_odd_files_are_sorted_out(run, pics, in_this_process):
    for path in pics.rglob("*.jpg"):
        path.unlink()
    usable, unusable, others = odd_files.usable(), odd_files.unusable(), odd_files.others()
    for folder, files in (("good", usable), ("bad", unusable), ("other", others)):
        (pics / folder).mkdir(parents=True)
        for name, content in files.items():
            (pics / folder / name).write_bytes(content[0] if isinstance(content, tuple) else content)
    os.symlink("nowhere", str(pics / "dead.jpg"))
    (pics / ".hidden").write_bytes(b"")
    dataset, summary = prepare.prepare_images(run, RECIPE)
    assert dataset.n == dataset.records.shape[0] == len(usable) and dataset.classes == ["good"]
    assert sum(summary.ignored.values()) == len(others) and summary.hidden == 1
    reasons = skipped(run)
    assert set(reasons) == {os.path.join("bad", name) for name in unusable} | {"dead.jpg"}
    assert all(unusable[os.path.basename(path)][1] in reason for path, reason in reasons.items() if "bad" in path)
    text = report.describe(dataset, summary, run)
    assert f"Unusable, left out: {len(unusable) + 1}\n" in text
    assert "  dead.jpg: broken link\n" in text and text.count("  bad") == 4 and "... all are listed in" in text
    assert "Ignored: 5 other files (" in text and ".txt 1" in text and "1 hidden" in text
    # The next run reads all results from the cache and lists the unusable files again.
    _, summary = prepare.prepare_images(run, RECIPE)
    assert summary.decoded == 0 and len(summary.unusable) == len(unusable) + 1 and skipped(run) == reasons


def test_names_that_are_not_text(run, pics, in_this_process):
    folder = os.path.join(os.fsencode(str(pics)), b"\xff\xfe class")
    os.mkdir(folder)
    for name, content in ((b"\xfd.jpg", odd_files.saved(odd_files.motif(), "JPEG")), (b"\xfc\n.jpg", b"no")):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    dataset, summary = prepare.prepare_images(run, RECIPE)
    assert dataset.n == 13 and dataset.classes[-1] == "\udcff\udcfe class"
    assert list(skipped(run)) == [os.path.join("\\udcff\\udcfe class", "\\udcfc\n.jpg")]
    report.describe(dataset, summary, run).encode("utf-8", "backslashreplace")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource limits")
@pytest.mark.parametrize("limit", (3000, 30000))
def test_a_full_disk_is_one_line_and_no_partial_record_is_used(run, limit, capsys, in_this_process):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        line = refused(run if limit == 3000 else more_images(run))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"cache_dir = {run.cache_dir} cannot be written (" in line and "free some space" in line
    gc.collect()  # the traceback keeps the database open
    records, _ = load(run)
    for record, path in zip(records, sorted(os.listdir(os.path.join(run.pics_dir, "blue")))):
        assert np.array_equal(record, decode_alone(os.path.join(run.pics_dir, "blue", path), RECIPE))
    assert "Cache repaired" not in capsys.readouterr().out


def more_images(run):
    for i in range(60):
        Image.fromarray(gradient(10 + i, 20)).save(os.path.join(run.pics_dir, "red", f"more {i}.png"))
    return run


# --- The life of the processes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes, processes",
    [([], 0), ([9], 1), ([9] * 32, 1), ([9] * 800, 25), ([300000] * 5, 5), ([9] * 33 + [300000], 2), ([9] * 9000, 128)],
)
def test_not_more_processes_than_chunks_of_work_and_cores(monkeypatch, sizes, processes):
    monkeypatch.setattr(pool, "cores", lambda: 128)
    tasks = [decoder.Task(b"", size, 0, "", i) for i, size in enumerate(sizes)]
    planned, number = pool.plan(iter(tasks))
    assert number == processes and list(planned) == tasks
    monkeypatch.setattr(pool, "_MAX_PROCESSES", 60)  # as on Windows, which cannot wait for more
    assert pool.plan(tasks)[1] == min(processes, 60)


# Do what the program does until the images are prepared, on two cores: more would be too fast for the test.
LOAD = """
import sys
from utils import data
from utils.config import settings
from utils.data import pool

pool.cores = lambda: 2

if __name__ == "__main__":
    data.load(settings.resolve(sys.argv[1:]))
"""


def count_prepared(run):
    """Return the number of files committed to the index while a different process writes to it."""
    with contextlib.suppress(ValueError, sqlite3.Error):
        database = sqlite3.connect(f"file:{in_cache(run, '.sqlite')}?mode=ro", uri=True)
        with contextlib.closing(database):
            return database.execute("SELECT COUNT(*) FROM files").fetchone()[0]
    return 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups exist only on Unix")
def test_killed_while_preparing(run, pics, tmp_path):
    noise = np.random.RandomState(0).randint(0, 256, (1000, 1000, 3)).astype(np.uint8)
    first = pics / "red" / "slow 0.png"
    first.write_bytes(odd_files.saved(Image.fromarray(noise), "PNG", compress_level=1))
    for i in range(1, 150):
        os.link(str(first), str(pics / "red" / f"slow {i}.png"))
    script = tmp_path / "load.py"
    script.write_text(LOAD)
    folders = ["--pics_dir", run.pics_dir, "--checkpoints_dir", run.checkpoints_dir, "--cache_dir", run.cache_dir]
    process = subprocess.Popen(
        [sys.executable, str(script), "--image_size", "16", *folders],
        stdout=subprocess.DEVNULL,
        env=dict(os.environ, PYTHONPATH=ROOT),
        start_new_session=True,
    )
    try:
        deadline = time.time() + 120
        while not count_prepared(run):
            assert process.poll() is None and time.time() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    deadline = time.time() + 30  # the decoding processes exit on their own
    with contextlib.suppress(ProcessLookupError):
        while time.time() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
        raise AssertionError("processes were left behind")
    prepared = count_prepared(run)
    assert 0 < prepared < 162
    dataset, summary = prepare.prepare_images(run, RECIPE)
    assert dataset.n == 162 and summary.decoded == 162 - prepared
    assert prepare.prepare_images(run, RECIPE)[1].decoded == 0


# A parent that is killed while its children call decoder._is_orphan and write the results to files.
PARENT = """
import multiprocessing, os, sys, time
from utils.data import decoder

def watch(path, windows):
    decoder.WINDOWS = windows
    parent = os.getppid()
    before = decoder._is_orphan(parent)
    with open(path, "w") as file:
        file.write("started")
    deadline = time.time() + 30
    while not decoder._is_orphan(parent) and time.time() < deadline:
        time.sleep(0.02)
    with open(path, "w") as file:
        file.write(f"{before} then {decoder._is_orphan(parent)}")

if __name__ == "__main__":
    for path, windows in zip(sys.argv[1:], (False, True)):
        multiprocessing.get_context("spawn").Process(target=watch, args=(path, windows)).start()
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL exists only on Unix")
def test_children_notice_that_their_parent_was_killed(tmp_path):
    """Detect it by the parent's process id and, from Python 3.8 on, also by the method used on Windows."""
    script = tmp_path / "parent.py"
    results = [tmp_path / name for name in ("by id", "as on windows")[: 1 + hasattr(multiprocessing, "parent_process")]]
    script.write_text(PARENT)
    environment = dict(os.environ, PYTHONPATH=ROOT)
    parent = subprocess.Popen([sys.executable, str(script), *map(str, results)], env=environment)
    try:
        for result in results:
            wait_for(result, "started")
    finally:
        parent.kill()
        parent.wait()
    for result in results:
        wait_for(result, "False then True")


def wait_for(path, text):
    deadline = time.time() + 30
    while not path.exists() or path.read_text() != text:
        assert time.time() < deadline, path.read_text() if path.exists() else "nothing was written"
        time.sleep(0.02)
