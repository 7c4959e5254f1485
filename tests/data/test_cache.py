"""The cache with damage, full disks and concurrent runs: no wrong data is trained on, and all damage is repaired."""

import contextlib
import os
import shutil
import sqlite3
import threading

import numpy as np
import pytest
from conftest import gradient
from PIL import Image
from preparing import RECIPE, decode_here, in_cache, load, own_folders

from utils.data import cache, pool, prepare
from utils.errors import UserError

RECORD = 16 * 16 * 3  # bytes


@pytest.fixture
def run(tiny, pics, tmp_path):
    """Run settings for `pics`, with separate folders."""
    return own_folders(tiny.run, pics, tmp_path)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Decode in this process: see test_pool.py for decoding in child processes."""
    monkeypatch.setattr(pool, "decode_all", decode_here)


# --- Damage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", (0, 1, 5 * RECORD + 100))
def test_truncated_records_are_decoded_again(run, length, capsys):
    before, _ = load(run)
    os.truncate(in_cache(run, ".records"), length)
    after, summary = load(run)
    assert np.array_equal(before, after)
    assert summary.decoded == 12 - length // RECORD
    assert f".records was truncated; decoding {summary.decoded} images again.\n" in capsys.readouterr().out


def test_overwritten_records_are_never_used(run, capsys):
    before, _ = load(run)
    path = in_cache(run, ".records")
    with open(path, "r+b") as file:
        file.write(os.urandom(os.path.getsize(path)))
    dataset, summary = prepare.prepare_images(run, RECIPE)
    assert summary.decoded == 0
    assert np.array_equal(dataset.records.take(np.arange(12)), before)
    error = f"\nmain.py: {in_cache(run, '.sqlite')}: damaged records were found; rebuilding them\n"
    assert capsys.readouterr().err == error  # once
    assert np.array_equal(load(run)[0], before)
    assert capsys.readouterr().err == ""


def test_a_damaged_record_whose_image_is_gone_is_one_line(run, pics):
    dataset, _ = prepare.prepare_images(run, RECIPE)
    path = in_cache(run, ".records")
    with open(path, "r+b") as file:
        file.write(bytes(os.path.getsize(path)))
    shutil.rmtree(str(pics / "red"))
    with pytest.raises(UserError, match="an image to rebuild it from was removed or changed; run again to repair"):
        dataset.records.take(np.arange(12))
    assert len(load(run)[0]) == 6  # the suggested cure works


@pytest.mark.parametrize(
    "rubbish", (b"rubbish" * 1000, b"", b"SQLite format 3\0" + b"\xff" * 5000), ids=("text", "empty", "a header")
)
def test_an_overwritten_index_is_made_again(run, rubbish, capsys):
    before, _ = load(run)
    with open(in_cache(run, ".sqlite"), "wb") as file:
        file.write(rubbish)
    after, summary = load(run)
    assert summary.decoded == 12 and np.array_equal(before, after)
    assert summary.decoded == 12
    assert ("Cache rebuilt: " in capsys.readouterr().out) == bool(rubbish)


def test_an_index_damaged_inside_never_gives_a_wrong_image(run):
    """Damage each kilobyte of the index in turn."""
    before, _ = load(run)
    path = in_cache(run, ".sqlite")
    with open(path, "rb") as file:
        whole = file.read()
    for start in range(0, len(whole), 1024):
        with open(path, "wb") as file:
            file.write(whole[:start] + b"\x55" * 1024 + whole[start + 1024 :])
        assert np.array_equal(load(run)[0], before), start


@pytest.mark.slow
def test_a_flipped_bit_in_the_index_never_costs_an_image_nor_a_start(run):
    before, _ = load(run)
    path = in_cache(run, ".sqlite")
    with open(path, "rb") as file:
        whole = file.read()
    rng = np.random.RandomState(0)
    used = np.flatnonzero(np.frombuffer(whole, np.uint8))  # most of the file is zeros
    for place in [*range(100), *rng.choice(used, 100)]:
        with open(path, "wb") as file:
            file.write(whole[:place] + bytes([whole[place] ^ (1 << rng.randint(8))]) + whole[place + 1 :])
        records, summary = load(run)
        assert np.array_equal(records, before) and summary.unusable == [], place


def test_a_damaged_record_is_one_line_even_without_the_index(run):
    dataset, _ = prepare.prepare_images(run, RECIPE)
    with open(in_cache(run, ".records"), "r+b") as file:
        file.write(bytes(RECORD * 12))
    os.remove(in_cache(run, ".sqlite"))
    with pytest.raises(UserError, match="is damaged, and an image to rebuild it from was removed or changed"):
        dataset.records.take(np.arange(12))
    assert dataset.find_paths(0) == [] and len(load(run)[0]) == 12


def test_an_index_of_a_later_version_is_replaced(run, capsys):
    load(run)
    with sqlite3.connect(in_cache(run, ".sqlite")) as database:
        database.execute("PRAGMA user_version = 77")
    database.close()
    _, summary = load(run)
    assert summary.decoded == 12 and "another version of this program wrote it" in capsys.readouterr().out


def test_a_cache_folder_that_is_not_a_folder_is_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^cache_dir = .*file cannot be written \(Not a directory\)"):
        load(run._replace(cache_dir=str(tmp_path / "file")))


@pytest.mark.parametrize("message", cache._NO_DAMAGE)
def test_an_index_that_is_not_damaged_is_kept(run, monkeypatch, message):
    """A full disk, a lock or a read error causes one line, and nothing is removed."""
    load(run)

    def fail(self, files):
        raise sqlite3.OperationalError(f"{message} (5)")

    with monkeypatch.context() as patch:
        patch.setattr(cache.Cache, "compare", fail)
        with pytest.raises(UserError, match=r"cannot be written \(.*\); free some space or choose another folder"):
            load(run)
    assert load(run)[1].decoded == 0


# --- Space -----------------------------------------------------------------------------------------------------------


def touch(pics, seconds):
    """Change the modification time of all images, so that they are decoded again."""
    for path in pics.rglob("*.jpg"):
        os.utime(str(path), (seconds, seconds))


def test_unused_records_are_removed_in_the_end(run, pics, monkeypatch):
    """The records file is rewritten when most of it is unused; a reader of the old file continues."""
    monkeypatch.setattr(cache, "SLACK", 10)
    dataset, _ = prepare.prepare_images(run, RECIPE)
    before, paths = dataset.records.take(np.arange(12)), set()
    for i in range(5):
        paths.add(in_cache(run, ".records"))
        for path in pics.rglob("1.jpg"):
            path.unlink()
        touch(pics, i)
        records, _ = load(run)
        assert np.array_equal(records, before[[0, 2, 3, 4, 5, 6, 8, 9, 10, 11]])
    size = os.path.getsize(in_cache(run, ".records"))
    assert len(paths) > 1 and size <= (3 * 10 + 10 + 10) * RECORD
    monkeypatch.setattr(dataset.records, "_rebuild", None)  # called only if a record was overwritten
    assert np.array_equal(dataset.records.take(np.arange(12)), before)


def test_a_cache_with_mostly_unused_records_is_made_again(run, pics, monkeypatch, capsys):
    monkeypatch.setattr(cache, "SLACK", 0)
    before, _ = load(run)
    for path in sorted(pics.rglob("*.jpg"))[:9]:
        path.unlink()
    after, summary = load(run)
    assert np.array_equal(before[9:], after) and summary.decoded == 3
    assert "(most of its images were removed or changed); decoding all images again.\n" in capsys.readouterr().out
    assert os.path.getsize(in_cache(run, ".records")) == 3 * RECORD
    assert load(run)[1].decoded == 0


def test_files_without_records_do_not_make_a_cache_again(run, pics, monkeypatch):
    """A file that is not an image also takes a slot; an image with more than 8 bits per channel takes two."""
    monkeypatch.setattr(cache, "SLACK", 0)
    for path in pics.rglob("*.jpg"):
        for i in range(3):
            (path.parent / f"{path.stem} {i}.txt").write_text("about it")
        Image.fromarray(np.uint16(gradient(20, 20)[..., 0]) << 4).save(str(path.parent / f"{path.stem}.png"))
    assert load(run)[1].decoded == 12 * 5
    assert load(run)[1].decoded == 0


# --- Several runs ----------------------------------------------------------------------------------------------------


def test_two_runs_preparing_at_once_both_end_right(run, capsys):
    results = []
    threads = [threading.Thread(target=lambda: results.append(load(run))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (one, first), (two, second) = results
    assert np.array_equal(one, two) and len(one) == 12
    assert sorted([first.decoded, second.decoded]) == [0, 12]


def test_waiting_for_another_run_is_said(run, monkeypatch, capsys):
    @contextlib.contextmanager
    def busy(path, on_wait):
        assert path.startswith(run.cache_dir) and path.endswith(".lock")
        on_wait()
        yield

    monkeypatch.setattr(cache, "locked", busy)
    load(run)
    assert capsys.readouterr().out.startswith("Another run is preparing these images; waiting for it.\n")


def test_a_reader_is_not_disturbed_by_the_next_run(run, pics, monkeypatch):
    dataset, _ = prepare.prepare_images(run, RECIPE)
    before = dataset.records.take(np.arange(12))
    for path in pics.rglob("*.jpg"):
        Image.fromarray(gradient(20, 20, (0.1, 0.1, 0.1))).save(str(path))
    assert load(run)[1].decoded == 12
    monkeypatch.setattr(dataset.records, "_rebuild", None)  # called only if a record was overwritten
    assert np.array_equal(dataset.records.take(np.arange(12)), before)


# --- Windows: a file that another run has open cannot be removed -----------------------------------------------------


@pytest.fixture
def open_elsewhere(monkeypatch):
    """Return a set of paths whose removal fails as on Windows while another process has them open."""
    paths, remove = set(), os.remove

    def refuse(path):
        if path in paths:
            # On Windows, the fourth argument is winerror, and winerror 32 sets errno to 13.
            raise PermissionError(13, "The process cannot access the file because it is being used", path, 32)
        remove(path)

    monkeypatch.setattr(os, "remove", refuse)
    return paths


def test_compacting_under_a_reader_on_windows(run, pics, monkeypatch, open_elsewhere):
    monkeypatch.setattr(cache, "SLACK", 0)
    dataset, _ = prepare.prepare_images(run, RECIPE)
    before, old = dataset.records.take(np.arange(12)), in_cache(run, ".records")
    open_elsewhere.add(old)
    for seconds in (1, 2, 3, 4):
        touch(pics, seconds)
        assert np.array_equal(load(run)[0], before)
    names = [name for name in os.listdir(run.cache_dir) if name.endswith(".records")]
    assert len(names) == 2 and os.path.basename(old) in names  # the old file and the file in use
    monkeypatch.setattr(dataset.records, "_rebuild", None)
    assert np.array_equal(dataset.records.take(np.arange(12)), before)
    open_elsewhere.clear()  # the reader has exited: the next run removes the old file
    assert np.array_equal(load(run)[0], before) and in_cache(run, ".records") != old


def test_a_damaged_index_under_a_reader_on_windows(run, monkeypatch, open_elsewhere, capsys):
    """The next run starts a new index, and does not overwrite the records that it could not remove."""
    dataset, _ = prepare.prepare_images(run, RECIPE)
    before, path = dataset.records.take(np.arange(12)), in_cache(run, ".records")
    with open(in_cache(run, ".sqlite"), "wb") as file:
        file.write(b"rubbish" * 1000)
    open_elsewhere.add(path)
    with open(path, "r+b") as file:
        content = file.read()
    records, summary = load(run)
    assert summary.decoded == 12 and "cannot be used" in capsys.readouterr().out and np.array_equal(records, before)
    with open(path, "rb") as file:
        assert file.read(len(content)) == content
    monkeypatch.setattr(dataset.records, "_rebuild", None)
    assert np.array_equal(dataset.records.take(np.arange(12)), before)


def test_a_damaged_index_that_is_open_on_windows_is_one_line(run, open_elsewhere):
    load(run)
    path = in_cache(run, ".sqlite")
    with open(path, "wb") as file:
        file.write(b"rubbish" * 1000)
    open_elsewhere.add(path)
    with pytest.raises(UserError, match=r"^cache_dir = .* cannot be written \(.*being used.*\)"):
        load(run)
    open_elsewhere.clear()
    assert load(run)[1].decoded == 12
