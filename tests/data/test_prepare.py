"""From a folder to the pictures of a run, through the cache: each file decoded once, and nothing wrong trained on."""

import csv
import os
import shutil
import sqlite3
import sys
import threading
import time

import numpy as np
import odd_files
import pytest
from conftest import gradient
from PIL import Image

from utils.data import cache, prepare
from utils.data import pool as workers
from utils.data.decode import Recipe, decode
from utils.errors import UserError

RECIPE = Recipe(size=16, channels=3, crop="center", background=(255, 255, 255))


@pytest.fixture
def run(tiny, pics, tmp_path):
    """Run settings for `pics`, with folders of their own."""
    for name in ("checkpoints", "cache"):
        (tmp_path / name).mkdir()
    return tiny.run._replace(
        pics_dir=str(pics), checkpoints_dir=str(tmp_path / "checkpoints"), cache_dir=str(tmp_path / "cache")
    )


def load(run, recipe=RECIPE):
    """Return the pictures as an array, and the report."""
    pictures, report = prepare.load(run, recipe)
    return pictures.records.take(np.arange(len(pictures.records))), report


def refused(run):
    with pytest.raises(UserError) as raised:
        prepare.load(run, RECIPE)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def skipped(run):
    with open(os.path.join(run.checkpoints_dir, "skipped.csv"), newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["path", "reason"]
    return dict(rows)


def in_cache(run, ending):
    (name,) = [name for name in os.listdir(run.cache_dir) if name.endswith(ending)]
    return os.path.join(run.cache_dir, name)


def test_every_picture_is_there_in_the_order_of_paths_with_its_label(run, pics):
    Image.fromarray(gradient(20, 20)).save(str(pics / "lone.png"))
    Image.fromarray(gradient(20, 20)).save(str(pics / "blue" / "0.jpg.png"))
    (pics / "red" / "deep" / "er").mkdir(parents=True)
    Image.fromarray(gradient(20, 20)).save(str(pics / "red" / "deep" / "er" / "x.png"))
    pictures, report = prepare.load(run, RECIPE)
    paths = sorted(os.path.relpath(str(path), str(pics)) for path in pics.rglob("*.*"))
    assert pictures.records.shape == (15, 16, 16, 3)
    for record, path in zip(pictures.records.take(np.arange(15)), paths):
        assert np.array_equal(record, decode(os.path.join(str(pics), path), RECIPE)), path
    assert pictures.classes == ["blue", "red"]
    assert pictures.labels.tolist() == [0] * 7 + [-1] + [1] * 7
    text = prepare.describe(pictures, report, run)
    assert "15 pictures in %s: blue 7, red 7, in no class 1" % pics in text and "Prepared 15 files in" in text


def test_classes_are_sorted_whatever_is_in_their_names(run, pics):
    os.rename(str(pics / "red"), str(pics / "blue-er"))
    pictures, _ = prepare.load(run, RECIPE)
    assert pictures.classes == ["blue", "blue-er"] and pictures.labels.tolist() == [1] * 6 + [0] * 6


def test_each_file_is_decoded_once(run, pics):
    before, report = load(run)
    assert report.prepared == 12
    again, report = load(run)
    assert report.prepared == 0 and np.array_equal(before, again)

    Image.fromarray(gradient(20, 24, (0.1, 0.9, 0.1))).save(str(pics / "blue" / "2.jpg"))  # changed
    Image.fromarray(gradient(20, 24, (0.9, 0.9, 0.1))).save(str(pics / "blue" / "9.jpg"))  # added
    (pics / "red" / "5.jpg").unlink()  # removed
    after, report = load(run)
    assert report.prepared == 2 and len(after) == 12
    assert np.array_equal(after[[0, 1, 3, 4, 5]], before[[0, 1, 3, 4, 5]])
    assert np.array_equal(after[2], decode(str(pics / "blue" / "2.jpg"), RECIPE))
    assert np.array_equal(after[6], decode(str(pics / "blue" / "9.jpg"), RECIPE))
    assert np.array_equal(after[7:], before[6:11])
    # A file that has only become older or younger counts as changed, too.
    os.utime(str(pics / "red" / "0.jpg"), (1, 1))
    assert load(run)[1].prepared == 1


def test_every_setting_that_changes_a_record_has_a_cache_of_its_own(run):
    variants = [RECIPE._replace(**change) for change in (
        {}, {"size": 8}, {"channels": 1}, {"crop": "pad"}, {"background": (0, 0, 0)}
    )]  # fmt: skip
    for _ in range(2):
        prepared = [load(run, variant)[1].prepared for variant in variants]
        assert prepared == ([12] * 5 if _ == 0 else [0] * 5)


def test_pictures_and_cache_can_be_moved_together(run, tmp_path):
    load(run)
    (tmp_path / "new").mkdir()
    for name in ("some pics", "cache", "checkpoints"):
        shutil.move(str(tmp_path / name), str(tmp_path / "new" / name))
    moved = {name: getattr(run, name).replace(str(tmp_path), str(tmp_path / "new")) for name in run._fields
             if name in ("pics_dir", "cache_dir", "checkpoints_dir")}  # fmt: skip
    assert load(run._replace(**moved))[1].prepared == 0


def test_what_is_odd_is_sorted_out(run, pics):
    shutil.rmtree(str(pics))
    usable, unusable, others = odd_files.usable(), odd_files.unusable(), odd_files.others()
    for folder, files in (("good", usable), ("bad", unusable), ("other", others)):
        (pics / folder).mkdir(parents=True)
        for name, content in files.items():
            (pics / folder / name).write_bytes(content[0] if isinstance(content, tuple) else content)
    os.symlink("nowhere", str(pics / "dead.jpg"))
    (pics / ".hidden").write_bytes(b"")
    pictures, report = prepare.load(run, RECIPE)
    assert len(pictures.records) == len(usable) and pictures.classes == ["good"]
    assert sum(report.others.values()) == len(others) and report.hidden == 1
    reasons = skipped(run)
    assert set(reasons) == {os.path.join("bad", name) for name in unusable} | {"dead.jpg"}
    assert all(unusable[os.path.basename(path)][1] in reason for path, reason in reasons.items() if "bad" in path)
    text = prepare.describe(pictures, report, run)
    assert "Left out, because they cannot be used: %d\n" % (len(unusable) + 1) in text
    assert "  dead.jpg: a link that leads nowhere\n" in text and text.count("  bad") == 4 and "... all are in" in text
    assert "Passed over: 5 other files (" in text and ".txt 1" in text and "1 hidden" in text
    # The next run knows all that without looking, and lists it again.
    _, report = prepare.load(run, RECIPE)
    assert report.prepared == 0 and report.bad == len(unusable) + 1 and skipped(run) == reasons


def test_names_that_are_no_text(run, pics):
    folder = os.path.join(os.fsencode(str(pics)), b"\xff\xfe class")
    os.mkdir(folder)
    for name, content in ((b"\xfd.jpg", odd_files.saved(odd_files.motif(), "JPEG")), (b"\xfc\n.jpg", b"no")):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    pictures, report = prepare.load(run, RECIPE)
    assert len(pictures.records) == 13 and pictures.classes[-1] == "\udcff\udcfe class"
    assert list(skipped(run)) == ["\\udcff\\udcfe class%s\\udcfc\n.jpg" % os.sep]
    prepare.describe(pictures, report, run).encode("utf-8", "backslashreplace")


def test_nothing_usable_names_folder_kinds_and_layout(run, pics):
    for path in pics.rglob("*.jpg"):
        path.unlink()
    assert refused(
        run
    ) == "pics_dir = %s holds no picture that can be used; pictures belong in it as <class>/<n>.jpg" % (pics)
    for name in ("a.txt", "b.txt", "c.mp4", ".x"):
        (pics / name).write_bytes(b"x")
    assert "no picture that can be used, 3 other files (.txt 2, .mp4 1), 1 hidden; pictures belong" in refused(run)
    (pics / "red" / "1.jpg").write_bytes(b"<html>")
    line = refused(run)
    assert "no picture that can be used, 1 that cannot (such as red/1.jpg: not in a format" in line
    assert "skipped.csv lists why; pictures belong in it as <class>/<n>.jpg" in line
    assert list(skipped(run)) == ["red/1.jpg"]


def test_more_bad_ones_than_max_bad(run, pics):
    for i in range(4):
        (pics / "red" / ("bad %d.jpg" % i)).write_bytes(b"no")
    assert load(run._replace(max_bad=0.25))[1].bad == 4  # of 16: not more than a quarter
    line = refused(run._replace(max_bad=0.24))
    assert "holds 12 pictures that can be used, 4 that cannot (such as red/bad 0.jpg: " in line
    assert "that is more than max_bad = 0.24; " in line and "skipped.csv lists why" in line
    assert refused(run._replace(max_bad=0.0))


def test_a_file_that_could_not_be_read_is_tried_again(run, pics):
    if not os.path.exists("/proc/self/mem"):
        pytest.skip("needs a file that is there and gives an error when read")
    os.symlink("/proc/self/mem", str(pics / "red" / "odd.jpg"))  # for permissions do not stop root
    assert load(run)[1].bad == 1 and skipped(run) == {"red/odd.jpg": "Input/output error"}
    assert load(run)[1].prepared == 1


def test_what_one_pillow_cannot_read_another_may(run, pics, monkeypatch):
    (pics / "red" / "new.jxl").write_bytes(b"no")
    assert load(run)[1].bad == 1
    assert load(run)[1].prepared == 0
    monkeypatch.setattr(cache.PIL, "__version__", "99.0")
    assert load(run)[1].prepared == 1


def test_a_decoder_that_crashes_costs_one_picture(run, pics, monkeypatch):
    script = pics.parent / "crash"
    script.mkdir()
    (script / "sitecustomize.py").write_text(
        "import os\n"
        "from PIL import Image\n"
        "opened = Image.open\n"
        "def crash(file, *more):\n"
        "    if os.path.basename(os.fsencode(file.name)) in (b'1.jpg', b'4.jpg'):\n"
        "        os.kill(os.getpid(), 11)\n"
        "    return opened(file, *more)\n"
        "Image.open = crash\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(script))
    records, report = load(run)
    assert len(records) == 8 and report.bad == 4
    assert set(skipped(run).values()) == {"decoding it ended the process (signal 11)"}


def test_a_picture_that_vanishes_midway(run, pics, monkeypatch):
    compare = cache.Cache.compare

    def vanish(self, files):
        found = compare(self, files)
        (pics / "blue" / "3.jpg").unlink()
        return found

    monkeypatch.setattr(cache.Cache, "compare", vanish)
    records, _ = load(run)
    assert len(records) == 11 and skipped(run) == {"blue/3.jpg": "No such file or directory"}


# --- Damage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", (0, 1, 5 * 768 + 100))
def test_records_cut_short_are_made_again(run, length):
    before, _ = load(run)
    os.truncate(in_cache(run, ".records"), length)
    after, report = load(run)
    assert np.array_equal(before, after)
    assert report.prepared == 12 - length // 768 and "was cut short; %d pictures" % report.prepared in report.damage


def test_records_overwritten_with_rubbish_are_never_used(run, capsys):
    before, _ = load(run)
    path = in_cache(run, ".records")
    with open(path, "r+b") as file:
        file.write(os.urandom(os.path.getsize(path)))
    pictures, report = prepare.load(run, RECIPE)
    assert report.prepared == 0
    assert np.array_equal(pictures.records.take(np.arange(12)), before)
    assert capsys.readouterr().err.count("damaged records were found; they are made again from their pictures") == 1
    assert np.array_equal(load(run)[0], before)
    assert capsys.readouterr().err == ""


def test_a_damaged_record_whose_picture_is_gone_is_one_line(run, pics):
    pictures, _ = prepare.load(run, RECIPE)
    path = in_cache(run, ".records")
    with open(path, "r+b") as file:
        file.write(bytes(os.path.getsize(path)))
    shutil.rmtree(str(pics / "red"))
    with pytest.raises(UserError, match="is damaged, and a picture it was made of is gone"):
        pictures.records.take(np.arange(12))
    assert len(load(run)[0]) == 6  # and the cure works


@pytest.mark.parametrize(
    "rubbish", (b"rubbish" * 1000, b"", b"SQLite format 3\0" + b"\xff" * 5000), ids=("words", "nothing", "a header")
)
def test_a_database_overwritten_with_rubbish_is_made_again(run, rubbish):
    before, _ = load(run)
    with open(in_cache(run, ".sqlite"), "wb") as file:
        file.write(rubbish)
    after, report = load(run)
    assert report.prepared == 12 and np.array_equal(before, after)
    assert ("is damaged" in report.damage) == bool(rubbish)


def test_a_database_damaged_inside_never_gives_a_wrong_picture(run, pics):
    """Every kilobyte of it in turn."""
    before, _ = load(run)
    path = in_cache(run, ".sqlite")
    with open(path, "rb") as file:
        whole = file.read()
    for start in range(0, len(whole), 1024):
        with open(path, "wb") as file:
            file.write(whole[:start] + b"\x55" * 1024 + whole[start + 1024 :])
        assert np.array_equal(load(run)[0], before), start


def test_a_flipped_bit_in_the_database_never_costs_a_picture_nor_a_start(run):
    before, _ = load(run)
    path = in_cache(run, ".sqlite")
    with open(path, "rb") as file:
        whole = file.read()
    rng = np.random.RandomState(0)
    used = np.flatnonzero(np.frombuffer(whole, np.uint8))  # most of the file is zeros
    for place in [*range(100), *rng.choice(used, 100)]:
        with open(path, "wb") as file:
            file.write(whole[:place] + bytes([whole[place] ^ (1 << rng.randint(8))]) + whole[place + 1 :])
        records, report = load(run)
        assert np.array_equal(records, before) and report.bad == 0, place


def test_a_damaged_record_is_one_line_even_without_its_database(run):
    pictures, _ = prepare.load(run, RECIPE)
    with open(in_cache(run, ".records"), "r+b") as file:
        file.write(bytes(768 * 12))
    os.remove(in_cache(run, ".sqlite"))
    with pytest.raises(UserError, match="is damaged, and a picture it was made of is gone"):
        pictures.records.take(np.arange(12))
    assert pictures.paths_of(0) == [] and len(load(run)[0]) == 12


def test_processes_that_cannot_start_are_no_fault_of_the_pictures(run, monkeypatch, tmp_path):
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "sitecustomize.py").write_text("import os\nos._exit(7)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "script"))
    assert "the processes that decode pictures end at once (exit code 7)" in refused(run)
    monkeypatch.undo()
    assert load(run)[1].prepared == 12


def test_a_cache_that_cannot_be_compacted_is_used_as_it_is(run, pics, monkeypatch):
    monkeypatch.setattr(cache, "SLACK", 0)
    load(run)
    for path in list(pics.rglob("*.jpg"))[:8]:
        path.unlink()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.Cache, "_copy", full)
    assert len(load(run)[0]) == 4


def test_a_list_of_the_skipped_that_cannot_be_written_is_named(run):
    os.mkdir(os.path.join(run.checkpoints_dir, "skipped.csv"))
    assert "skipped.csv in checkpoints_dir = %s cannot be written (" % run.checkpoints_dir in refused(run)


def test_a_cache_of_a_later_version_is_made_anew(run):
    load(run)
    with sqlite3.connect(in_cache(run, ".sqlite")) as database:
        database.execute("PRAGMA user_version = 77")
    database.close()
    _, report = load(run)
    assert report.prepared == 12 and "another version" in report.damage


# --- Several runs, full disks ----------------------------------------------------------------------------------------


def test_two_runs_preparing_at_once_both_end_right(run):
    results = []
    threads = [threading.Thread(target=lambda: results.append(load(run))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (one, first), (two, second) = results
    assert np.array_equal(one, two) and len(one) == 12
    assert sorted([first.prepared, second.prepared]) == [0, 12]


def test_a_reader_is_not_disturbed_by_the_next_run(run, pics, monkeypatch):
    pictures, _ = prepare.load(run, RECIPE)
    before = pictures.records.take(np.arange(12))
    for path in pics.rglob("*.jpg"):
        Image.fromarray(gradient(20, 20, (0.1, 0.1, 0.1))).save(str(path))
    assert load(run)[1].prepared == 12
    monkeypatch.setattr(pictures.records, "_remake", None)  # which would be called for a record written over
    assert np.array_equal(pictures.records.take(np.arange(12)), before)


def test_records_nobody_wants_are_cleared_away_in_the_end(run, pics, monkeypatch):
    """The file of records is written anew when most of it is dead, and a reader of the old one goes on."""
    monkeypatch.setattr(cache, "SLACK", 10)
    pictures, _ = prepare.load(run, RECIPE)
    before, paths = pictures.records.take(np.arange(12)), set()
    for i in range(4):
        paths.add(in_cache(run, ".records"))
        for path in pics.rglob("1.jpg"):
            path.unlink()
        for path in pics.rglob("*.jpg"):
            os.utime(str(path), (i, i))
        records, _ = load(run)
        assert np.array_equal(records, before[[0, 2, 3, 4, 5, 6, 8, 9, 10, 11]])
    size = os.path.getsize(in_cache(run, ".records"))
    assert len(paths) > 1 and size <= (2 * 10 + 10 + 10) * 768
    monkeypatch.setattr(pictures.records, "_remake", None)
    assert np.array_equal(pictures.records.take(np.arange(12)), before)


@pytest.mark.skipif(sys.platform == "win32", reason="limits are those of Unix")
@pytest.mark.parametrize("limit", (3000, 30000))
def test_a_full_disk_is_one_line_and_nothing_half_is_taken(run, limit):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        line = refused(run if limit == 3000 else more_pictures(run))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cache_dir = %s cannot be written (" % run.cache_dir in line and "make room there" in line
    records, report = load(run)
    for record, path in zip(records, sorted(os.listdir(os.path.join(run.pics_dir, "blue")))):
        assert np.array_equal(record, decode(os.path.join(run.pics_dir, "blue", path), RECIPE))
    assert report.damage == ""


def more_pictures(run):
    for i in range(60):
        Image.fromarray(gradient(10 + i, 20)).save(os.path.join(run.pics_dir, "red", "more %d.png" % i))
    return run


def test_ctrl_c_while_preparing_keeps_what_was_done(run, monkeypatch):
    done = workers.decode_all

    def interrupted(*arguments):
        for i, each in enumerate(done(*arguments)):
            if i == 5:
                raise KeyboardInterrupt
            yield each

    monkeypatch.setattr(workers, "decode_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare.load(run, RECIPE)
    monkeypatch.setattr(workers, "decode_all", done)
    assert load(run)[1].prepared == 7


def test_workers_do_not_outlive_their_work(run):
    import multiprocessing

    load(run)
    deadline = time.time() + 10
    while multiprocessing.active_children() and time.time() < deadline:
        time.sleep(0.05)
    assert multiprocessing.active_children() == []
