"""What a scan of pics_dir finds: odd names, links, loops, and what it ignores."""

import errno
import os
import sys

import pytest
from conftest import failing

from utils.data.scan import Scan
from utils.errors import UserError


def scanned(folder):
    scan = Scan(str(folder))
    return sorted(path for path, *_ in scan), scan


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_every_file_at_any_depth(tmp_path):
    for name in ("a.jpg", "c/b.JPG", "c/d/e/f/g.png", "notes.txt", "c/no ending"):
        write(tmp_path / name)
    (tmp_path / "empty").mkdir()
    paths, scan = scanned(tmp_path)
    assert paths == [b"a.jpg", b"c/b.JPG", b"c/d/e/f/g.png", b"c/no ending", b"notes.txt"]
    assert (scan.hidden, scan.unreadable) == (0, [])


def test_size_and_time_are_those_of_the_file(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"12345")
    os.utime(str(tmp_path / "a.jpg"), ns=(1, 1234567890123456789))
    os.symlink("a.jpg", str(tmp_path / "b.jpg"))
    for _, size, mtime_ns, ctime_ns in Scan(str(tmp_path)):
        assert (size, mtime_ns) == (5, 1234567890123456789)
        assert ctime_ns == os.stat(str(tmp_path / "a.jpg")).st_ctime_ns


def test_odd_names(tmp_path):
    names = [
        b"with space.jpg",
        "\u00fc \u732b \U0001f431.jpg".encode(),
        b"\xff\xfe.jpg",
        b"n" * 251 + b".jpg",
        b"a\nb.jpg",
    ]
    root = os.fsencode(str(tmp_path))
    for name in names:
        with open(os.path.join(root, name), "wb"):
            pass
    assert scanned(tmp_path)[0] == sorted(names)


def test_hidden_files_and_folders_are_counted(tmp_path):
    for name in (".DS_Store", ".git/x.jpg", "a/._b.jpg", "a/b.jpg"):
        write(tmp_path / name)
    paths, scan = scanned(tmp_path)
    assert paths == [b"a/b.jpg"] and scan.hidden == 3


def test_links_are_followed_loops_are_not(tmp_path):
    write(tmp_path / "else" / "1.jpg")
    write(tmp_path / "p" / "real" / "2.jpg")
    os.symlink(str(tmp_path / "else"), str(tmp_path / "p" / "folder"))
    os.symlink(str(tmp_path / "else" / "1.jpg"), str(tmp_path / "p" / "file.jpg"))
    os.symlink("..", str(tmp_path / "p" / "real" / "up"))
    os.symlink(".", str(tmp_path / "p" / "real" / "here"))
    os.symlink("real", str(tmp_path / "p" / "again"))  # not a loop: the same folder at a second path
    os.symlink("itself", str(tmp_path / "p" / "itself"))
    os.symlink("nowhere", str(tmp_path / "p" / "dead.jpg"))
    paths, scan = scanned(tmp_path / "p")
    assert paths == [b"again/2.jpg", b"file.jpg", b"folder/1.jpg", b"real/2.jpg"]
    reasons = dict(scan.unreadable)
    assert set(reasons) == {b"dead.jpg", b"itself"}
    assert reasons[b"dead.jpg"] == "broken link"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(str(tmp_path / "pipe.jpg"))
    paths, scan = scanned(tmp_path)
    assert paths == [] and scan.hidden == 1


@pytest.mark.skipif(sys.platform == "win32", reason="opens folders as on Unix")
def test_folders_nested_deeper_than_the_recursion_limit(tmp_path):
    depth, limit = 300, sys.getrecursionlimit()
    folder = os.open(str(tmp_path), os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("x.jpg", os.O_CREAT, dir_fd=folder))
    os.close(folder)
    sys.setrecursionlimit(depth)  # pytest already uses part of it
    try:
        assert scanned(tmp_path)[0] == [b"d/" * depth + b"x.jpg"]
    finally:
        sys.setrecursionlimit(limit)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    write(tmp_path / "a" / "1.jpg")
    write(tmp_path / "b" / "2.jpg")
    listdir = os.listdir

    def refuse(path):
        if os.path.basename(os.fsencode(path)) == b"a":
            raise PermissionError(13, "Permission denied")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    paths, scan = scanned(tmp_path)
    assert paths == [b"b/2.jpg"] and scan.unreadable == [(b"a", "folder: Permission denied")]


def test_no_folder_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"gone does not exist; it should hold images as <class>/<n>\.jpg"):
        Scan(str(tmp_path / "gone"))
    os.symlink("nowhere", str(tmp_path / "link"))
    with pytest.raises(UserError, match=r"link is a broken link, to nowhere; correct the link; it should"):
        Scan(str(tmp_path / "link"))
    write(tmp_path / "file")
    with pytest.raises(UserError, match=r"file is not a folder; it should hold"):
        Scan(str(tmp_path / "file"))
    monkeypatch.setattr(os, "scandir", failing(errno.EACCES))
    with pytest.raises(UserError, match=r"cannot be read \(Permission denied\); change its permissions"):
        Scan(str(tmp_path))
