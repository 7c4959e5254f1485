"""Signals set a flag: by the watching thread, or by a plain handler if no sockets can be connected."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from utils.runtime import signals

FIRST = b"finishing this step, then saving; interrupt again to quit without saving"
SECOND = b"stopped without saving this step; the last checkpoint is intact"

# Sends itself SIGINT, then SIGTERM while the main thread does not return to Python, as during a session run.
INTERRUPTED = """
import hashlib, os, signal, threading, time
from utils.runtime import signals
with signals.StopSignals() as stop:
    os.kill(os.getpid(), signal.SIGINT)
    while not stop.received:
        time.sleep(0.001)
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""


def test_a_second_signal_ends_the_process_at_once():
    command = [sys.executable, "-c", INTERRUPTED]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done = subprocess.run(command, env=dict(os.environ, PYTHONPATH=ROOT), timeout=60, **pipes)
    assert done.returncode == 128 + signal.SIGTERM and done.stdout == b""
    assert done.stderr == b"\nmain.py: " + FIRST + b"\n\nmain.py: " + SECOND + b"\n"


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
@pytest.mark.parametrize("broken", (None, "socketpair", "set_wakeup_fd"))
def test_one_signal_is_a_flag_and_handlers_are_restored(monkeypatch, capfd, broken, number):
    def refuse(*_):  # as on Windows behind a firewall
        raise OSError(10061, "refused")

    def end(code):
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", end)
    if broken:
        monkeypatch.setattr(socket if broken == "socketpair" else signal, broken, refuse)
    former = signal.getsignal(number)
    with signals.StopSignals() as stop:
        assert stop.received == 0
        os.kill(os.getpid(), number)
        began = time.time()
        while not stop.received:
            assert time.time() - began < 60
            time.sleep(0.001)
        if broken:  # then a second signal takes effect between two Python instructions
            with pytest.raises(SystemExit, match=str(128 + number)):
                os.kill(os.getpid(), number)
                time.sleep(10)
    assert stop.received == number and signal.getsignal(number) is former
    lines = [FIRST, SECOND] if broken else [FIRST]
    assert capfd.readouterr().err.encode() == b"".join(b"\nmain.py: " + line + b"\n" for line in lines)
    monkeypatch.undo()
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize("is_waiting", (True, False))
def test_the_first_signal_ends_a_process_that_waits(monkeypatch, capfd, is_waiting):
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with signals.StopSignals(is_waiting=True) as stop:
        stop.is_waiting = is_waiting
        os.kill(os.getpid(), signal.SIGTERM)
        began = time.time()
        while not stop.received:
            assert time.time() - began < 60
            time.sleep(0.001)
    assert codes == ([128 + signal.SIGTERM] if is_waiting else [])
    assert capfd.readouterr().err.startswith("\nmain.py: stopped before the first step\n") == is_waiting


@pytest.mark.parametrize("name", ("SIGINT", "SIGTERM", "SIGBREAK"))
def test_what_was_ignored_stays_ignored_except_for_sigterm(monkeypatch, capfd, name):
    """A shell script starts its background jobs with SIGINT ignored. SIGBREAK is replaced by a signal of Unix."""
    number = getattr(signal, name, signal.SIGUSR1)
    monkeypatch.setattr(signals.StopSignals, "SIGNALS", (signal.SIGINT, signal.SIGTERM, number))
    monkeypatch.setattr(os, "_exit", sys.exit)
    former = signal.signal(number, signal.SIG_IGN)
    try:
        with signals.StopSignals() as stop:
            os.kill(os.getpid(), number)
            if name != "SIGTERM":
                os.kill(os.getpid(), signal.SIGTERM)
            began = time.monotonic()
            while not stop.received:
                assert time.monotonic() - began < 60
                time.sleep(0.001)
        assert stop.received == signal.SIGTERM and signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, former)
    assert capfd.readouterr().err.encode() == b"\nmain.py: " + FIRST + b"\n"


def test_a_closed_terminal_is_ignored_if_the_system_has_that_signal(monkeypatch):
    if hasattr(signal, "SIGHUP"):
        former = signal.getsignal(signal.SIGHUP)
        signals.ignore_hangup()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.signal(signal.SIGHUP, former)
    monkeypatch.delattr(signal, "SIGHUP", raising=False)
    signals.ignore_hangup()
