"""Progress bars, and the plain lines that replace a run's bar."""

import contextlib
import io
import os
import re
import select
import subprocess
import sys
from types import SimpleNamespace
from unittest import mock

import pytest
from conftest import ROOT

from utils.errors import UserError
from utils.output import progress

ROW = {"epoch": 1.0, "d_loss": 1, "g_loss": 1, "d_real": 1, "d_fake": 0, "pictures_per_second": 8, "data_wait": 0.0}


def new_state(total=100):
    """Return what Progress shows of a RunState."""
    measured = {"measured": "", "measured_at": 0}
    return SimpleNamespace(total=total, step=0, first_step=0, row=ROW, seconds_to_stop=3725.0, **measured)


def steps_in(text):
    """Return the steps of the plain lines in a text."""
    return [int(step) for step in re.findall(r"^epoch 1 step (\d+): .* 1:02:05 left\r?$", text, re.MULTILINE)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix pseudo-terminals")
@pytest.mark.parametrize(
    "columns, kind, disable, is_bar",
    (
        (80, "xterm", "", True),
        (20, "xterm", "", True),
        (19, "xterm", "", False),
        (0, "xterm", "", False),
        (80, "dumb", "", False),
        (80, "xterm", "1", False),
        (80, "xterm", "0", False),  # tqdm accepts any value
    ),
)
def test_a_terminal_that_shows_no_bar_gets_plain_lines(monkeypatch, columns, kind, disable, is_bar):
    """Terminals under Docker, `script` and continuous integration can report 0 columns."""
    import fcntl
    import struct
    import termios

    monkeypatch.setenv("TERM", kind)
    monkeypatch.setenv("TQDM_DISABLE", disable)
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    state = new_state()
    outer, inner = os.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown = b""
    with os.fdopen(inner, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        with contextlib.closing(progress.Progress(state)) as shows:
            shows.start(state)
            for state.step in range(1, 31):
                shows.show(state)
            shows.roll_back(state)
        stdout.flush()
        while select.select([outer], [], [], 0)[0]:
            shown += os.read(outer, 1 << 16)
    os.close(outer)
    text = shown.decode()
    assert steps_in(text) == ([] if is_bar else [3])
    assert ("|" in text) == ("| 1:02:05, st" in text) == is_bar


class Clock:
    """A monotonic clock that tests set, in place of time.monotonic; the system's clock is set back at every call."""

    def __init__(self, monkeypatch):
        self.now, system = 5000.0, iter(range(10**9, 0, -3600))
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)
        monkeypatch.setattr("tqdm.std.time", lambda: next(system))


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.mark.parametrize(
    "seconds, total, expected",
    (
        (1 / 32, 1000, [3, 323, 643, 963, 1000]),
        (5, 12, [2, 3, 5, 7, 9, 11, 12]),
        (60, 5, [1, 2, 3, 4, 5]),
        (1 / 32, 2, [2]),
    ),
)
def test_a_plain_line_every_ten_seconds(capsys, clock, seconds, total, expected):
    """Also after the third and the last step."""
    state = new_state(total)
    shows = progress.Progress(state)
    clock.now += 100  # writing the first files
    shows.start(state)
    for state.step in range(1, total + 1):
        clock.now += seconds
        shows.show(state)
    assert steps_in(capsys.readouterr().out) == expected


def test_each_measurement_has_a_line(capsys, clock):
    state = new_state()
    shows = progress.Progress(state)
    shows.start(state)
    for state.step in range(1, 21):
        shows.show(state)
        if state.step in (6, 12):
            state.measured, state.measured_at = f"fid {state.step}", state.step
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["quality at step 6: fid 6", "quality at step 12: fid 12"]


def test_a_process_that_shows_nothing(capsys, monkeypatch):
    """All workers but the chief are silent, even on a terminal."""
    monkeypatch.setattr(progress, "can_show_bar", lambda: True)
    state = new_state(total=4)
    with contextlib.closing(progress.Progress(state, shown=False)) as shows:
        shows.start(state)
        for state.step in range(1, 5):
            shows.show(state)
    assert capsys.readouterr().out == ""


def test_a_bar_does_not_stand_still_when_the_clock_is_set_back(monkeypatch, clock):
    monkeypatch.setattr(progress, "can_show_bar", lambda: True)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    form = "{n_fmt} {elapsed}<{remaining}, {rate_fmt};"
    for _ in progress.bar(_advancing(clock, 10), total=10, unit=" files", bar_format=form):
        pass
    shown = re.findall(r"(\d+) 00:(\d+)<00:(\d+),", sys.stdout.getvalue())
    assert len(shown) == 10 and [int(elapsed) for _, elapsed, _ in shown] == list(range(1, 11))


def _advancing(clock, count):
    for i in range(count):
        yield i
        clock.now += 1


TRY = """
from utils.errors import UserError
try:
    import utils.output.progress
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ("TQDM_MININTERVAL", "TQDM_NCOLS"))
def test_a_variable_that_tqdm_cannot_read(name):
    """tqdm reads its variables when it is imported."""
    environment = dict(os.environ, PYTHONPATH=ROOT, **{name: "x"})
    text = subprocess.check_output([sys.executable, "-c", TRY], env=environment, universal_newlines=True, timeout=60)
    end = f"; correct or unset {name}\n"
    assert text.startswith("tqdm cannot show progress (") and "'x'" in text and text.endswith(end), text


def test_a_variable_that_prevents_a_bar(monkeypatch):
    """tqdm itself fails with TQDM_ASCII=1. Without such a variable, it is an error of this program."""
    monkeypatch.setattr(progress, "can_show_bar", lambda: True)
    message = r"^tqdm cannot show progress \(.*\); correct or unset TQDM_ASCII, TQDM_NCOLS$"
    with mock.patch.dict(os.environ, TQDM_ASCII="1", TQDM_NCOLS="40"), pytest.raises(UserError, match=message):
        progress.bar(total=1, ascii="1", ncols=40)
    with pytest.raises(ZeroDivisionError):
        progress.bar(total=1, ascii="1", ncols=40)
