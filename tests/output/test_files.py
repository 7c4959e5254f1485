"""Files are never half written, despite full disks, kills, and the limits of Windows and network file systems."""

import contextlib
import errno
import os
import sys
import threading

import pytest
from conftest import failing

from utils.errors import UserError, recorded_warnings
from utils.output import files, terminal
from utils.runtime import filesystem

unix = pytest.mark.skipif(sys.platform == "win32", reason="needs Unix resource limits")


def test_write_replaces_the_whole_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write(str(path), b"long before")
    files.write(str(path), b"now", sync=True)
    assert path.read_bytes() == b"now" and os.listdir(str(tmp_path)) == ["a.txt"]


def test_several_threads_write_one_path_at_once(tmp_path):
    path, failures = str(tmp_path / "a.txt"), []

    def write(data):
        try:
            for _ in range(50):
                files.write(path, data)
        except OSError as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(bytes([number]) * 5000,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failures and os.listdir(str(tmp_path)) == ["a.txt"]
    assert len(set((tmp_path / "a.txt").read_bytes())) == 1


@unix
def test_a_full_disk_leaves_the_file_as_it_was_and_no_part_of_the_new_one(tmp_path):
    import resource

    (tmp_path / "a.txt").write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError):
            files.write(str(tmp_path / "a.txt"), bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "a.txt").read_bytes() == b"before" and os.listdir(str(tmp_path)) == ["a.txt"]


def test_a_file_that_windows_does_not_replace_stays_as_it_was(tmp_path, monkeypatch):
    def replace(*_):
        raise PermissionError(errno.EACCES, "The process cannot access the file")

    (tmp_path / "a.txt").write_bytes(b"before")
    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError):
        files.write(str(tmp_path / "a.txt"), b"now")
    assert (tmp_path / "a.txt").read_bytes() == b"before" and os.listdir(str(tmp_path)) == ["a.txt"]


@unix
def test_a_line_is_added_whole_or_not_at_all(tmp_path):
    import resource

    path = tmp_path / "a.csv"
    files.append_line(str(path), "1,2")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            files.append_line(str(path), "3,4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(path) in str(caught.value) and path.read_bytes() == b"1,2\n"
    files.append_line(str(path), "5,6")
    assert path.read_bytes() == b"1,2\n5,6\n"


def test_a_folder_that_cannot_be_written_is_named_with_its_setting(tmp_path):
    files.make_writable("samples_dir", str(tmp_path / "a" / "b"))
    assert os.listdir(str(tmp_path / "a" / "b")) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        files.make_writable("samples_dir", str(tmp_path / "file"))
    assert f"samples_dir = {tmp_path / 'file'} cannot be written (it is a file); choose another folder" in str(
        caught.value
    )


@unix
def test_a_broken_link_is_named(tmp_path):
    os.symlink("gone", str(tmp_path / "link"))
    with pytest.raises(UserError, match=r"samples_dir = .*link is a broken link, to gone; correct or remove the link"):
        files.make_writable("samples_dir", str(tmp_path / "link"))


def test_fsync_opens_a_file_for_writing_as_windows_needs(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    synced = []

    def fsync(descriptor):  # fails as on Windows
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        synced.append(os.path.samestat(os.fstat(descriptor), os.stat(str(tmp_path / "a.txt"))))

    (tmp_path / "a.txt").write_bytes(b"text")
    monkeypatch.setattr(os, "fsync", fsync)
    files.fsync_file(str(tmp_path / "a.txt"))
    assert synced == [True] and (tmp_path / "a.txt").read_bytes() == b"text"


def test_fsync_skips_a_folder_that_cannot_be_opened_as_on_windows(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    files.fsync_folder(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        files.fsync_folder(str(tmp_path / "none"))
    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    monkeypatch.setattr(os, "open", refuse)
    files.fsync_folder(str(tmp_path))


@pytest.mark.parametrize("number, fails", ((errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)))
def test_a_file_system_without_fsync_is_no_failure_but_a_broken_disk_is(tmp_path, monkeypatch, number, fails):
    (tmp_path / "a.txt").write_bytes(b"text")
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(OSError) if fails else contextlib.ExitStack():
        files.fsync_file(str(tmp_path / "a.txt"))


@pytest.mark.parametrize("number", (errno.EINVAL, errno.EIO, errno.EBADF, errno.EPERM, errno.ENOSYS, errno.EISDIR))
def test_a_folder_that_cannot_be_synced_is_a_warning(tmp_path, monkeypatch, capsys, number):
    monkeypatch.setattr(os, "fsync", failing(number))
    monkeypatch.setattr(filesystem, "_warned", {})
    line = (
        f"the file system of {tmp_path} does not support syncing folders ({os.strerror(number)}); a power failure may "
        "cost the newest checkpoint"
    )
    for _ in range(2):  # two calls of main.main(): each prints the warning once, and its report shows it
        with terminal.non_raising_streams():
            files.fsync_folder(str(tmp_path))
            files.fsync_folder(str(tmp_path))
            assert list(recorded_warnings) == [line]
        assert capsys.readouterr().err == f"main.py: {line}\n"
