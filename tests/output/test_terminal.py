"""Output streams that never raise."""

import io
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from utils.errors import recorded_warnings, warn
from utils.output import terminal

PRINT = """
import sys
from utils.errors import recorded_warnings, warn
from utils.output.terminal import non_raising_streams
with non_raising_streams(), non_raising_streams():
    {body}
"""


def run(body, **options):
    """Run a program that prints; return its CompletedProcess, with bytes."""
    environment = dict(os.environ, PYTHONPATH=ROOT, **options.pop("env", {}))
    options = dict({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, **options)
    return subprocess.run([sys.executable, "-c", program(body)], env=environment, timeout=60, **options)


def program(body):
    return PRINT.format(body=body.replace("\n", "\n    "))


@pytest.mark.parametrize("encoding, seen", (("cp1252", b"caf\xe9 \\u65e5"), ("ascii", b"caf\\xe9 \\u65e5")))
def test_a_console_with_few_characters_shows_escapes(encoding, seen):
    """A console with any encoding also shows escapes for a file name that is not valid text.

    A letter that the locale lacks is shown like other letters, not as its bytes.
    """
    body = "import os; print('caf\\udcc3\\udca9 \\u65e5', os.fsdecode(b'a\\xff.jpg'))\nwarn('\\u65e5')"
    done = run(body, env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stdout.strip()) == (0, seen + b" a\\udcff.jpg")
    assert done.stderr.strip() == b"main.py: \\u65e5"


@pytest.mark.skipif(sys.platform == "win32", reason="closes pipes as on Unix")
def test_a_reader_that_has_gone_ends_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    body = "for i in range(3): print('x' * 100000, flush=True)\nprint('reached', file=sys.stderr)"
    done = run(body, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"reached\n")


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors as on Unix")
def test_a_program_without_standard_streams_runs(tmp_path):
    """After `>&- 2>&-` or in pythonw.exe, sys.stdout and sys.stderr are None."""
    path = str(tmp_path / "done")
    body = f"print('x'); warn('y'); sys.stdout.flush(); open({path!r}, 'w').close()"
    subprocess.check_call(
        ["sh", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, program(body)],
        env=dict(os.environ, PYTHONPATH=ROOT),
    )
    assert os.path.exists(path)


def test_a_stream_without_a_descriptor_turns_silent(monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError("no space")

    monkeypatch.setattr(sys, "stdout", Full())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with terminal.non_raising_streams():
        print("lost")
        sys.stdout.flush()


def test_streams_are_as_before_afterwards(monkeypatch):
    for stream in (None, io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")):
        monkeypatch.setattr(sys, "stdout", stream)
        with terminal.non_raising_streams():
            print("\u65e5")
        assert sys.stdout is stream and getattr(stream, "errors", None) in (None, "strict")
    assert stream.buffer.getvalue().strip() == b"\\u65e5"


def test_a_warning_names_the_program_and_can_start_below_a_bar(capsys):
    warn("a folder is gone")
    warn("a folder is gone", fresh_line=True)
    assert capsys.readouterr().err == "main.py: a folder is gone\n\nmain.py: a folder is gone\n"


def test_warnings_are_recorded_until_the_next_call(capsys):
    with terminal.non_raising_streams():
        warn("a")
        recorded_warnings.append("b")
        assert list(recorded_warnings) == ["a", "b"]
    with terminal.non_raising_streams():
        assert not recorded_warnings
        for number in range(300):
            recorded_warnings.append(str(number))
        assert len(recorded_warnings) == 200 and recorded_warnings[-1] == "299"
