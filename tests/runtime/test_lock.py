"""Locks between processes: their holders, killed holders, replaced folders, file systems that do not support locks."""

import contextlib
import errno
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading

import pytest
from conftest import ROOT, failing

from utils.errors import UserError
from utils.runtime import filesystem, lock

fcntl = pytest.importorskip("fcntl", reason="imitates locks of other processes with fcntl")

# Programs that hold a lock until their standard input is closed.
WRITER = """
import sys
from utils.runtime import lock
held = lock.WriterLock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""
LOCKED = """
import sys
from utils.runtime import lock
with lock.locked(sys.argv[1], lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def start():
    """A function that starts a script that holds a lock on a path; the process is stopped at the end of the test."""
    started = []

    def start(script, path):
        environment = dict(os.environ, PYTHONPATH=ROOT)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, "-c", script, str(path)], env=environment, **pipes)
        started.append(process)
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_a_second_run_is_refused_with_the_name_of_the_first_and_a_kill_leaves_nothing(tmp_path, start):
    process = start(WRITER, tmp_path)
    with pytest.raises(UserError) as caught:
        lock.WriterLock(str(tmp_path))
    who = f"process {process.pid} on {socket.gethostname()}"
    assert f"checkpoints_dir = {tmp_path} is in use by another training run ({who}); wait" in str(caught.value)
    process.send_signal(signal.SIGKILL)
    process.wait()
    lock.WriterLock(str(tmp_path))
    assert (tmp_path / "training.lock.txt").read_text().startswith(f"process {os.getpid()} on ")


def test_a_holder_that_has_not_written_its_name(tmp_path, start):
    start(WRITER, tmp_path)
    name = tmp_path / "training.lock.txt"
    for text, shown in ((b"", "just starting"), (b"\xff\n", "\ufffd"), (None, "just starting")):
        name.unlink() if text is None else name.write_bytes(text)
        with pytest.raises(UserError, match=rf"another training run \({shown}\)"):
            lock.WriterLock(str(tmp_path))


def test_a_folder_that_was_removed_is_locked_again(tmp_path, start):
    folder = tmp_path / "checkpoints"
    held = lock.WriterLock(str(folder))
    held.hold()
    shutil.rmtree(str(folder))
    held.hold()
    assert (folder / "training.lock").exists()
    with pytest.raises(UserError, match=f"process {os.getpid()} on"):
        lock.WriterLock(str(folder))


def test_a_folder_that_was_replaced_is_noticed(tmp_path, start):
    folder = tmp_path / "checkpoints"
    held = lock.WriterLock(str(folder))
    os.rename(str(folder), str(tmp_path / "moved"))
    process = start(WRITER, folder)
    with pytest.raises(UserError, match=f"process {process.pid} on"):
        held.hold()
    process.send_signal(signal.SIGKILL)
    process.wait()
    held.hold()
    with pytest.raises(UserError, match=f"process {os.getpid()} on"):
        lock.WriterLock(str(folder))


def test_a_lock_is_waited_for_and_announced_once(tmp_path, start):
    path = str(tmp_path / "cache.lock")
    process = start(LOCKED, path)
    calls = []

    def on_wait():
        calls.append(process.poll())
        threading.Timer(0.1, process.stdin.close).start()

    with lock.locked(path, on_wait):
        assert process.wait(timeout=60) == 0
    assert calls == [None]
    with lock.locked(path, lambda: pytest.fail("nobody holds it")):
        pass


def test_the_umask_decides_who_may_lock(tmp_path):
    former = os.umask(0o002)
    try:
        with lock.locked(str(tmp_path / "cache.lock"), None):
            assert stat.S_IMODE((tmp_path / "cache.lock").stat().st_mode) == 0o664
    finally:
        os.umask(former)


@pytest.mark.parametrize("number", (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL, errno.EIO, errno.EBADF))
def test_a_file_system_without_locks_is_one_warning(tmp_path, monkeypatch, capsys, number):
    monkeypatch.setattr(filesystem, "_warned", {})
    monkeypatch.setattr(fcntl, "flock", failing(number))
    monkeypatch.setattr(fcntl, "lockf", failing(number))
    held = lock.WriterLock(str(tmp_path))
    held.hold()
    with lock.locked(str(tmp_path / "cache.lock"), lambda: pytest.fail("nobody holds it")):
        lock.WriterLock(str(tmp_path))
    assert not lock.has_record_locks(str(tmp_path))
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith(f"main.py: the file system of {tmp_path} does not support locks (")
    assert sorted(os.listdir(str(tmp_path))) == ["cache.lock", "training.lock", "training.lock.txt"]


def test_record_locks_are_found_if_the_system_has_them(tmp_path, capsys):
    assert lock.has_record_locks(str(tmp_path)) and capsys.readouterr().err == ""


def test_a_read_only_lock_file_is_an_error_except_for_root(tmp_path):
    (tmp_path / "cache.lock").write_bytes(b"")
    (tmp_path / "cache.lock").chmod(0o400)
    refused = contextlib.ExitStack() if os.geteuid() == 0 else pytest.raises(PermissionError)
    with refused, lock.locked(str(tmp_path / "cache.lock"), None):
        pass


def test_other_errors_are_not_taken_for_missing_locks(tmp_path):
    (tmp_path / "cache.lock").mkdir()
    with pytest.raises(OSError), lock.locked(str(tmp_path / "cache.lock"), None):
        pass
