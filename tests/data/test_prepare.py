"""From a folder to the images of a run: each file is decoded once, with the right label, and odd files are listed."""

import os
import pathlib
import re
import shutil
import sys

import numpy as np
import odd_files
import pytest
from conftest import gradient
from PIL import Image
from preparing import RECIPE, decode_alone, decode_here, in_cache, load, own_folders, skipped

from utils import data
from utils.data import cache, index, pool, prepare
from utils.data.decode import DecodeOptions


@pytest.fixture
def run(tiny, pics, tmp_path):
    """Run settings for `pics`, with separate folders."""
    return own_folders(tiny.run, pics, tmp_path)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Decode in this process: see test_pool.py for decoding in child processes."""
    monkeypatch.setattr(pool, "decode_all", decode_here)


def test_images_are_in_path_order_with_their_labels(run, pics):
    Image.fromarray(gradient(20, 20)).save(str(pics / "lone.png"))
    Image.fromarray(gradient(20, 20)).save(str(pics / "blue" / "0.jpg.png"))
    (pics / "red" / "deep" / "er").mkdir(parents=True)
    Image.fromarray(gradient(20, 20)).save(str(pics / "red" / "deep" / "er" / "x.png"))
    dataset, _ = prepare.prepare_images(run, RECIPE)
    paths = sorted(os.path.relpath(str(path), str(pics)) for path in pics.rglob("*.*"))
    assert dataset.n == 15 and dataset.records.shape == (15, 16, 16, 3)
    for record, path in zip(dataset.records.take(np.arange(15)), paths):
        assert np.array_equal(record, decode_alone(os.path.join(str(pics), path), RECIPE)), path
    assert dataset.classes == ["blue", "red"]
    assert dataset.labels.tolist() == [0] * 7 + [-1] + [1] * 7
    # Three files have the same content: every path of a shared record is listed.
    assert set(dataset.find_paths(7)) == {"lone.png", "blue/0.jpg.png", "red/deep/er/x.png"}


def test_load_prints_what_was_found_and_returns_the_images(tiny, run, capsys):
    settings = tiny._replace(run=run)
    dataset = data.load(settings)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Preparing 12 files on ") and lines[0].endswith((" core.", " cores."))
    assert lines[1] == f"12 images in {run.pics_dir}: blue 6, red 6"
    assert lines[2].startswith("Prepared 12 files in ") and lines[2].endswith(f" s; the cache is in {run.cache_dir}.")
    assert len(lines) == 3 and dataset.n == 12 and skipped(run) == {}
    os.remove(os.path.join(run.checkpoints_dir, "skipped.csv"))
    again = data.load(settings, listing=False)
    assert capsys.readouterr().out.splitlines() == lines[1:2] and again.fingerprint == dataset.fingerprint
    assert os.listdir(run.checkpoints_dir) == []


def test_the_recipe_follows_from_the_settings(tiny):
    def options(**run):
        return prepare.decode_options(tiny._replace(run=tiny.run._replace(**run)))

    assert options() == DecodeOptions(16, 3, "center", (255, 255, 255))
    assert options(crop="pad", background="#102030") == DecodeOptions(16, 3, "pad", (16, 32, 48))
    assert options(crop="random") == DecodeOptions(18, 3, "center", (255, 255, 255))
    assert options(crop="random", load_size=20) == DecodeOptions(20, 3, "center", (255, 255, 255))
    tiny = tiny._replace(network=tiny.network._replace(image_size="24x16"))
    assert options().size == "24x16" and options().shape == (24, 16, 3)
    assert options(crop="random").size == "27x18"
    assert options(crop="random", load_size=20).size == "30x20"  # the shorter side


def test_classes_are_sorted_by_name_not_by_path(run, pics):
    os.rename(str(pics / "red"), str(pics / "blue-er"))
    dataset, _ = prepare.prepare_images(run, RECIPE)
    assert dataset.classes == ["blue", "blue-er"] and dataset.labels.tolist() == [1] * 6 + [0] * 6


def test_the_fingerprint_changes_with_images_and_labels(run, pics):
    def fingerprint():
        return prepare.prepare_images(run, RECIPE)[0].fingerprint

    first = fingerprint()
    assert first == fingerprint() and first.startswith("12 ")
    (pics / "red" / "5.jpg").rename(pics / "red" / "6.jpg")  # the same records in the same order
    assert fingerprint() == first
    (pics / "red" / "0.jpg").rename(pics / "blue" / "9.jpg")  # the same records, with a different label
    assert fingerprint() != first


def test_fingerprints_of_images_are_of_their_pixels_and_of_their_files(run, pics):
    def fingerprints(options=RECIPE):
        return prepare.prepare_images(run, options)[0].fingerprints

    first = fingerprints()
    assert first.shape == (12, 2) and first.dtype == np.uint32 and len(np.unique(first)) == 24
    changed = fingerprints(RECIPE._replace(size=32))
    assert np.array_equal(changed[:, 1], first[:, 1]) and not np.isin(changed[:, 0], first[:, 0]).any()
    (pics / "red" / "0.jpg").rename(pics / "blue" / "9.jpg")
    moved = fingerprints()
    assert np.array_equal(np.sort(moved[:, 0]), np.sort(first[:, 0]))
    assert np.isin(moved[:, 1], first[:, 1]).sum() == 11


def test_each_file_is_decoded_once(run, pics):
    before, summary = load(run)
    assert summary.decoded == 12
    again, summary = load(run)
    assert summary.decoded == 0 and np.array_equal(before, again)

    Image.fromarray(gradient(20, 24, (0.1, 0.9, 0.1))).save(str(pics / "blue" / "2.jpg"))  # changed
    Image.fromarray(gradient(20, 24, (0.9, 0.9, 0.1))).save(str(pics / "blue" / "9.jpg"))  # added
    (pics / "red" / "5.jpg").unlink()  # removed
    after, summary = load(run)
    assert summary.decoded == 2 and len(after) == 12
    assert np.array_equal(after[[0, 1, 3, 4, 5]], before[[0, 1, 3, 4, 5]])
    assert np.array_equal(after[2], decode_alone(str(pics / "blue" / "2.jpg"), RECIPE))
    assert np.array_equal(after[6], decode_alone(str(pics / "blue" / "9.jpg"), RECIPE))
    assert np.array_equal(after[7:], before[6:11])
    # A new modification time alone marks a file as changed.
    os.utime(str(pics / "red" / "0.jpg"), (1, 1))
    assert load(run)[1].decoded == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not record a file's change time")
@pytest.mark.parametrize("how", ("in place", "another file", "exchanged"))
def test_an_image_in_the_place_of_another_is_noticed(run, pics, how):
    """Its name, size and modification time are the same, as after tar, rsync -t or cp -p."""
    load(run)
    path, other = str(pics / "red" / "0.jpg"), str(pics / "blue" / "0.jpg")
    status = os.stat(path)
    with open(other, "rb") as file:
        content = file.read()
    content += b"\0" * (status.st_size - len(content))
    if how == "exchanged":
        size = max(os.path.getsize(path), os.path.getsize(other))
        for each in (path, other):
            with open(each, "ab") as file:
                file.write(b"\0" * (size - os.path.getsize(each)))
            os.utime(each, ns=(1, 1))
        assert load(run)[1].decoded == 2
        os.rename(path, path + "~")
        os.rename(other, path)
        os.rename(path + "~", other)
    else:
        if how == "another file":
            os.remove(path)
        with open(path, "wb") as file:
            file.write(content)
        os.truncate(path, status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert (os.path.getsize(path), os.stat(path).st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert load(run)[1].decoded == (2 if how == "exchanged" else 1)
    assert load(run)[1].decoded == 0


def test_images_with_alpha_are_composited_on_a_background(run, pics):
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(str(pics / "blue" / "0.png"))
    dataset, _ = prepare.prepare_images(run, RECIPE._replace(channels=4, background=()))
    shown = dataset.composite_on("red")
    assert dataset.records.shape == (13, 16, 16, 4) and shown.records.shape == (13, 16, 16, 3)
    assert (shown.records.take(np.array([1])) == [255, 0, 0]).all() and dataset.class_counts() == (7, 6)
    opaque, _ = prepare.prepare_images(run, RECIPE)
    assert opaque.composite_on("red") is opaque


def test_every_recipe_has_a_cache_of_its_own(run):
    changes = ({}, {"size": 8}, {"channels": 1}, {"crop": "pad"}, {"background": (0, 0, 0)})
    variants = [RECIPE._replace(**change) for change in changes]
    assert [load(run, variant)[1].decoded for variant in variants] == [12] * 5
    assert [load(run, variant)[1].decoded for variant in variants] == [0] * 5


def test_images_with_alpha_do_not_depend_on_the_background(tiny):
    def options(channels, background):
        network = tiny.network._replace(channels=channels)
        return prepare.decode_options(tiny._replace(network=network, run=tiny.run._replace(background=background)))

    assert options(4, "red") == options(4, "blue") and options(3, "red") != options(3, "blue")


def test_caches_of_earlier_versions_stay_valid(run):
    """Changing these names or tables would force every user to decode all images again."""
    load(run)
    stem = "16x16x3-dca478e46161"  # hash of "../some pics" and RECIPE
    records, *others = sorted(os.listdir(run.cache_dir))
    assert re.fullmatch(stem + r"-\d+\.records", records) and others == [stem + ".lock", stem + ".sqlite"]
    with cache.sqlite3.connect(in_cache(run, ".sqlite")) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (5,)
        tables = dict(database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        facts = dict(database.execute("SELECT name, value FROM facts"))
    database.close()
    assert tables == {
        "facts": "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT)",
        "files": "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, kind TEXT, slot INTEGER, "
        "checksum INTEGER, reason TEXT, profile TEXT, seal INTEGER) WITHOUT ROWID",
        "checksums": "CREATE INDEX checksums ON files (checksum)",
        "changes": "CREATE TABLE changes (path BLOB PRIMARY KEY, ctime_ns INTEGER) WITHOUT ROWID",
    }
    assert facts["key"] == '["../some pics", [16, 3, "center", [255, 255, 255]]]'
    assert facts["records"] == records


def test_images_and_cache_can_be_moved_together(run, tmp_path):
    load(run)
    (tmp_path / "new").mkdir()
    for name in ("some pics", "cache", "checkpoints"):
        shutil.move(str(tmp_path / name), str(tmp_path / "new" / name))
    moved = {
        name: getattr(run, name).replace(str(tmp_path), str(tmp_path / "new"))
        for name in ("pics_dir", "cache_dir", "checkpoints_dir")
    }
    assert load(run._replace(**moved))[1].decoded == 0


def test_images_and_cache_on_different_drives(run, pics, monkeypatch):
    def relpath(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")  # as Windows does

    monkeypatch.setattr(cache.os.path, "relpath", relpath)
    assert load(run)[1].decoded == 12
    assert load(run)[1].decoded == 0
    shutil.copytree(str(pics), str(pics) + " 2")
    assert load(run._replace(pics_dir=str(pics) + " 2"))[1].decoded == 12  # a different folder has a different cache
    assert len([name for name in os.listdir(run.cache_dir) if name.endswith(".sqlite")]) == 2


@pytest.mark.parametrize("name", (b"100% #1? \xc3\xbc", b"\xff\xfe"), ids=("signs", "not text"))
def test_a_cache_folder_with_an_odd_name(run, name):
    folder = os.fsdecode(os.path.join(os.fsencode(run.cache_dir), name))
    os.mkdir(folder)
    dataset, _ = prepare.prepare_images(run._replace(cache_dir=folder), RECIPE)
    assert dataset.find_paths(7) == ["red/1.jpg"]


@pytest.mark.parametrize(
    "path, uri",
    (
        (pathlib.PurePosixPath("/a b/c#d?.sqlite"), "file:///a%20b/c%23d%3F.sqlite"),
        (pathlib.PureWindowsPath("C:\\a b\\c.sqlite"), "file:///C:/a%20b/c.sqlite"),
        (pathlib.PureWindowsPath("\\\\server\\share\\c.sqlite"), "file:////server/share/c.sqlite"),
    ),
    ids=("unix", "drive", "share"),
)
def test_uris_are_of_the_form_that_sqlite_documents(path, uri):
    assert index.uri(path) == uri


def test_a_file_that_could_not_be_read_is_tried_again(run, pics):
    if not os.path.exists("/proc/self/mem"):
        pytest.skip("needs a file that exists and fails when read")
    os.symlink("/proc/self/mem", str(pics / "red" / "odd.jpg"))  # root ignores file permissions
    assert len(load(run)[1].unusable) == 1 and skipped(run) == {"red/odd.jpg": "Input/output error"}
    assert load(run)[1].decoded == 1


def test_a_new_pillow_tries_unusable_files_again(run, pics, monkeypatch):
    (pics / "red" / "new.jxl").write_bytes(b"no")
    assert len(load(run)[1].unusable) == 1
    assert load(run)[1].decoded == 0
    monkeypatch.setattr(cache.PIL, "__version__", "99.0")
    assert load(run)[1].decoded == 1


def test_a_raised_limit_accepts_larger_images(run, pics):
    Image.new("1", (1500, 1000)).save(str(pics / "red" / "large.png"))
    options = [RECIPE._replace(max_pixels=megapixels * 10**6) for megapixels in (1, 2)]
    assert load(run, options[0])[1].unusable == [
        (
            "red/large.png",
            "Image size (1500000 pixels) exceeds limit of 1000000 pixels; to use it, raise max_megapixels",
        )
    ]
    records, summary = load(run, options[1])
    assert (len(records), summary.unusable, summary.decoded) == (13, [], 1)  # the others are in the cache


def test_an_image_that_vanishes_midway(run, pics, monkeypatch):
    compare = cache.Cache.compare

    def vanish(self, files):
        new = compare(self, files)
        (pics / "blue" / "3.jpg").unlink()
        return new

    monkeypatch.setattr(cache.Cache, "compare", vanish)
    records, _ = load(run)
    assert len(records) == 11 and skipped(run) == {"blue/3.jpg": "No such file or directory"}


def test_reasons_are_one_line_of_text(run, pics, monkeypatch):
    def refuse(path, options, levels):
        raise prepare.decode.BadImageError("first\n  second \udcff")

    monkeypatch.setattr(prepare.decode, "decode", refuse)
    odd_files.motif().save(str(pics / "red" / "6.png"))
    for path in pics.rglob("*.jpg"):
        path.unlink()
    with pytest.raises(data.prepare.UserError):
        load(run)
    assert skipped(run) == {"red/6.png": "first second \\udcff"}


def test_ctrl_c_while_preparing_keeps_what_was_done(run, monkeypatch):
    def interrupted(*arguments):
        for i, result in enumerate(decode_here(*arguments)):
            if i == 5:
                raise KeyboardInterrupt
            yield result

    monkeypatch.setattr(pool, "decode_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare.prepare_images(run, RECIPE)
    monkeypatch.setattr(pool, "decode_all", decode_here)
    assert load(run)[1].decoded == 7


def test_results_are_committed_every_second(run, monkeypatch):
    """A killed run loses at most the last second of decoding."""
    seconds, committed = iter(np.arange(0, 100, 0.4)), []

    def killed(*arguments):
        for i, result in enumerate(decode_here(*arguments)):
            if i:
                with cache.sqlite3.connect(f"file:{in_cache(run, '.sqlite')}?mode=ro", uri=True) as database:
                    committed.append(database.execute("SELECT COUNT(*) FROM files").fetchone()[0])
                database.close()
            yield result

    monkeypatch.setattr(pool, "decode_all", killed)
    monkeypatch.setattr(prepare.time, "monotonic", lambda: next(seconds))
    load(run)
    assert committed == sorted(committed) and committed[0] == 0 and 6 <= committed[-1] < 12
