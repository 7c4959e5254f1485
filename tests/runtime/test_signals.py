"""Signals as a flag: by the watching thread, and by a plain handler where no sockets can be connected."""

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

WAIT = """
import os, signal, socket, sys, time
from utils.runtime import signals
if sys.argv[1] == "no sockets":  # as on Windows behind a firewall
    def refuse(*_):
        raise OSError(10061, "refused")
    socket.socketpair = refuse
with signals.StopSignals() as stop:
    for number in map(int, sys.argv[2:]):
        os.kill(os.getpid(), number)
        while not stop.received:
            time.sleep(0.01)
    time.sleep(10 if len(sys.argv) > 3 else 0)  # a second signal ends it from another thread
    print(stop.received)
"""


def run(*arguments):
    command = [sys.executable, "-c", WAIT, *map(str, arguments)]
    environment = dict(os.environ, PYTHONPATH=ROOT)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done = subprocess.run(command, env=environment, timeout=60, **pipes)
    return done.returncode, done.stdout.strip(), done.stderr


@pytest.mark.parametrize("sockets", ("sockets", "no sockets"))
@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_one_signal_is_a_flag(sockets, number):
    assert run(sockets, int(number)) == (0, str(int(number)).encode(), b"\nmain.py: " + FIRST + b"\n")


@pytest.mark.parametrize("sockets", ("sockets", "no sockets"))
def test_a_second_signal_ends_the_process(sockets):
    code, out, error = run(sockets, int(signal.SIGINT), int(signal.SIGTERM))
    assert code == 128 + signal.SIGTERM and out == b""
    assert error == b"\nmain.py: " + FIRST + b"\n\nmain.py: " + SECOND + b"\n"


@pytest.mark.parametrize("broken", (None, "socketpair", "set_wakeup_fd"))
def test_the_former_handlers_come_back(monkeypatch, broken):
    def refuse(*_):
        raise OSError(10061, "refused")

    monkeypatch.setattr(signals, "_say", lambda _: None)
    if broken:
        monkeypatch.setattr(socket if broken == "socketpair" else signal, broken, refuse)
    former = signal.getsignal(signal.SIGTERM)
    with signals.StopSignals() as stop:
        assert stop.received == 0
        os.kill(os.getpid(), signal.SIGTERM)
        began = time.time()
        while not stop.received:
            assert time.time() - began < 10
            time.sleep(0.001)
    assert stop.received == signal.SIGTERM and signal.getsignal(signal.SIGTERM) is former
    monkeypatch.undo()
    assert signal.set_wakeup_fd(-1) == -1


def test_a_closed_terminal_is_ignored_where_the_system_has_that_signal(monkeypatch):
    if hasattr(signal, "SIGHUP"):
        former = signal.getsignal(signal.SIGHUP)
        signals.ignore_hangup()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.signal(signal.SIGHUP, former)
    monkeypatch.delattr(signal, "SIGHUP", raising=False)
    signals.ignore_hangup()
