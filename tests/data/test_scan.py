"""What a scan of pics_dir finds: odd names, links, loops, and what it ignores."""

import errno
import os
import sys

import pytest
from conftest import failing

from utils.data import scan as scan_module
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
    os.symlink("real", str(tmp_path / "p" / "again"))
    os.symlink("itself", str(tmp_path / "p" / "itself"))
    os.symlink("nowhere", str(tmp_path / "p" / "dead.jpg"))
    paths, scan = scanned(tmp_path / "p")
    assert paths == [b"file.jpg", b"folder/1.jpg", b"real/2.jpg"] and scan.folders == {"repeated": 3}
    reasons = dict(scan.unreadable)
    assert set(reasons) == {b"dead.jpg", b"itself"}
    assert reasons[b"dead.jpg"] == "broken link"


def test_folders_that_link_to_one_another_are_read_once(tmp_path):
    """Each of eight folders has links to the others; read along every path, they hold 109,600 files."""
    for i in range(8):
        write(tmp_path / str(i) / "a.jpg")
        for j in set(range(8)) - {i}:
            os.symlink(os.path.join("..", str(j)), str(tmp_path / str(i) / f"to {j}"))
    paths, scan = scanned(tmp_path)
    assert paths == [b"%d/a.jpg" % i for i in range(8)] and scan.folders == {"repeated": 56}


def test_the_first_link_to_a_folder_counts(tmp_path, monkeypatch):
    """The order in which the system lists a folder has no effect. A folder without a link to it comes before links."""
    write(tmp_path / "else" / "1.jpg")
    write(tmp_path / "else" / "in" / "2.jpg")
    write(tmp_path / "p" / "z" / "3.jpg")
    for name, target in (("c", "../else"), ("b", "../else"), ("d", "../else/in"), ("a", "z"), ("z/loop", "../../p")):
        os.symlink(target, str(tmp_path / "p" / name))
    listdir = os.listdir
    for order in (sorted, lambda names: sorted(names, reverse=True)):
        monkeypatch.setattr(os, "listdir", lambda path, order=order: order(listdir(path)))
        paths, scan = scanned(tmp_path / "p")
        assert paths == [b"b/1.jpg", b"b/in/2.jpg", b"z/3.jpg"] and scan.folders == {"repeated": 4}
    # Folders that a run has learned as classes are read, because they were when it began.
    paths = sorted(path for path, *_ in Scan(str(tmp_path / "p"), classes=("a", "b", "c", "z")))
    assert paths == [b"a/3.jpg", b"b/1.jpg", b"b/in/2.jpg", b"c/1.jpg", b"z/3.jpg"]


def test_junctions_are_links(tmp_path, monkeypatch):
    """Windows reports a junction as a folder, with an identity of its own if it is not followed."""
    write(tmp_path / "z" / "1.jpg")
    os.symlink("z", str(tmp_path / "a"))
    os.symlink("..", str(tmp_path / "z" / "up"))
    monkeypatch.setattr(scan_module.stat, "S_ISLNK", lambda mode: False)
    paths, scan = scanned(tmp_path)
    assert paths == [b"z/1.jpg"] and scan.folders == {"repeated": 2}


def test_different_folders_with_the_same_identity_are_read(tmp_path, monkeypatch):
    """Some network file systems have no inode numbers."""
    for name in ("a/1.jpg", "a/b/2.jpg", "c/3.jpg"):
        write(tmp_path / name)
    monkeypatch.setattr(scan_module, "_identity", lambda status: (0, 0))
    assert scanned(tmp_path)[0] == [b"a/1.jpg", b"a/b/2.jpg", b"c/3.jpg"]


SYSTEM = ("@eaDir", "#recycle", "$RECYCLE.BIN", "$Recycle.Bin", "__MACOSX", "lost+found", "System Volume Information")


def test_folders_of_the_system_are_ignored_and_counted(tmp_path):
    for name in (*SYSTEM, ".Trash-1000", "a", "a/@eaDir/b.jpg", "eaDir", "recycle"):
        write(tmp_path / name / "x.jpg")
    write(tmp_path / "b" / "@tmp")  # a file
    paths, scan = scanned(tmp_path)
    assert paths == [b"a/x.jpg", b"b/@tmp", b"eaDir/x.jpg", b"recycle/x.jpg"] and scan.hidden == 1
    assert scan.folders == {**dict.fromkeys(SYSTEM, 1), "@eaDir": 2}
    assert [path for path, *_ in Scan(str(tmp_path / "@eaDir"))] == [b"x.jpg"]  # pics_dir itself
    # A class that a run has learned is not ignored.
    assert b"@eaDir/x.jpg" in [path for path, *_ in Scan(str(tmp_path), classes=("@eaDir", "a"))]


@pytest.mark.parametrize("target", ("out", "out/deeper", ".", "to out"))
def test_a_link_to_a_folder_of_the_run_is_refused(tmp_path, target):
    write(tmp_path / "w" / "out" / "deeper" / "grid.png")
    write(tmp_path / "p" / "a" / "1.jpg")
    os.symlink("out", str(tmp_path / "w" / "to out"))
    os.symlink(str(tmp_path / "w" / target), str(tmp_path / "p" / "a" / "link"))
    outputs = [("cache_dir", str(tmp_path / "elsewhere")), ("samples_dir", str(tmp_path / "w" / "to out"))]
    with pytest.raises(UserError) as raised:
        list(Scan(str(tmp_path / "p"), outputs))
    link, real = tmp_path / "p" / "a" / "link", os.path.realpath(str(tmp_path / "w" / target))
    assert str(raised.value) == (
        f"{link} is a link to {real}; the run would train on its own files in samples_dir = {tmp_path}/w/to out; "
        "remove the link"
    )


def test_links_inside_pics_dir_are_not_refused_if_it_is_inside_samples_dir(tmp_path):
    write(tmp_path / "samples" / "pics" / "a" / "1.jpg")
    os.symlink("a", str(tmp_path / "samples" / "pics" / "b"))
    scan = Scan(str(tmp_path / "samples" / "pics"), [("samples_dir", str(tmp_path / "samples"))])
    assert [path for path, *_ in scan] == [b"a/1.jpg"]


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
