"""Importing TensorFlow in fresh processes, with a stand-in module that prints notices."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import ENVIRONMENT, ROOT

from utils.runtime import start

IMPORT = "from utils.runtime.start import import_tensorflow; import_tensorflow(); import tensorflow; tensorflow.after()"
# Prints to standard error as C++ code does, during and after its import.
NOISY = """
import os
class logging:
    set_verbosity = staticmethod(lambda level: os.write(2, b"notice 2"))
os.write(2, b"notice 1")
"""


@pytest.fixture
def noisy(tmp_path):
    """A folder with a `tensorflow` package that prints notices."""
    (tmp_path / "tensorflow" / "compat" / "v1").mkdir(parents=True)
    (tmp_path / "tensorflow" / "__init__.py").write_text("import os\ndef after(): os.write(2, b'later')\n")
    (tmp_path / "tensorflow" / "compat" / "__init__.py").write_text("")
    (tmp_path / "tensorflow" / "compat" / "v1" / "__init__.py").write_text(NOISY)
    return tmp_path


def environment(folder, **more):
    path = os.pathsep.join([str(folder), ROOT])
    return dict({name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}, PYTHONPATH=path, **more)


@pytest.mark.parametrize("more, printed", (({}, b"later"), ({"TF_CPP_MIN_LOG_LEVEL": "0"}, b"notice 1later")))
def test_notices_are_silenced_during_the_import_only(noisy, more, printed):
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], env=environment(noisy, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", printed)


ENDED = b"main.py: the process ended during the import of TensorFlow; if it was not killed and no reason follows, this "
ENDED += b"build of TensorFlow probably needs instructions that the processor lacks: install a different build\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shell to read the text")
@pytest.mark.parametrize(
    "stub, code, error",
    [
        ("os.write(2, b'why'); os.abort()", -signal.SIGABRT, ENDED + b"why\n"),
        ("sys.stderr.write('why'); sys.stderr.flush(); os._exit(3)", 3, ENDED + b"why\n"),
        ("os.kill(os.getpid(), signal.SIGILL)", -signal.SIGILL, ENDED),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ENDED),
        ("[os.write(2, b'x' * 1000) for _ in range(1000)]; os.abort()", -signal.SIGABRT, ENDED + b"x" * 10**6 + b"\n"),
        (
            "os.write(2, b'notice'); raise RuntimeError('why')",
            2,
            b"main.py: TensorFlow cannot be imported (why); `pip install -r requirements.txt` installs it\n",
        ),
        ("os.write(2, b'notice'); os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", 130, b"main.py: stopped\n"),
    ],
)
def test_what_is_printed_by_an_import_that_does_not_return(noisy, stub, code, error):
    (noisy / "tensorflow" / "__init__.py").write_text("import os, signal, sys, time\n" + stub)
    command = [
        sys.executable,
        os.path.join(ROOT, "main.py"),
        "--checkpoints_dir",
        str(noisy),
        "--samples_dir",
        str(noisy),
    ]
    done = subprocess.run(command, env=environment(noisy), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (code, error)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shell to read the text")
def test_a_generator_shows_why_the_import_aborts(noisy):
    (noisy / "tensorflow" / "__init__.py").write_text("import os; os.write(2, b'why'); os.abort()")
    code = "import main\nwith main.generator('none'): pass"
    done = subprocess.run([sys.executable, "-c", code], env=environment(noisy), stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (-signal.SIGABRT, ENDED + b"why\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shell to read the text")
def test_without_a_reader_nothing_is_silenced(noisy):
    """There is no shell, or all processes end with this one, the first of a container."""
    for change in ("start.subprocess.Popen = lambda *_, **__: os.stat('none')", "os.getpid = lambda: 1"):
        code = f"import os; from utils.runtime import start; {change}; {IMPORT}"
        done = subprocess.run([sys.executable, "-c", code], env=environment(noisy), stderr=subprocess.PIPE, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"notice 1notice 2later")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_reader_leaves_no_process_and_no_descriptor():
    before, processes = os.listdir("/proc/self/fd"), children()
    with start._silent_stderr():
        assert len(children()) == len(processes) + 1
        os.write(2, b"notice")
    assert (os.listdir("/proc/self/fd"), children()) == (before, processes)


def children():
    """Return the ids of this process's children."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


@pytest.mark.parametrize("cores, threads", ((2, "2"), (64, None)))
def test_a_quota_limits_tensorflows_threads(monkeypatch, cores, threads):
    """Without a quota, nothing changes: the number of threads can change the order of sums."""
    monkeypatch.setattr(start, "visible_cores", lambda: 64)
    monkeypatch.setattr(start, "cores", lambda: cores)
    monkeypatch.setattr(start, "check_limits", lambda: None)
    monkeypatch.setattr(os, "environ", {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTEROP_THREADS": "5"})
    start.import_tensorflow()
    assert os.environ.get("TF_NUM_INTRAOP_THREADS") == threads and os.environ["TF_NUM_INTEROP_THREADS"] == "5"


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors as on Unix")
@pytest.mark.parametrize("more", ("", "file = open(os.devnull)\n"))  # the file gets the free descriptor 2
def test_a_process_without_standard_error_imports_it_all_the_same(noisy, more):
    """Standard error is closed by `2>&-` or pythonw.exe: os.dup(2) fails and sys.stderr is None."""
    code = "import os, sys\ntry: os.fstat(2)\nexcept OSError: assert sys.stderr is None\nelse: sys.exit('it has one')\n"
    code += more + IMPORT.replace("; tensorflow.after()", "; print(tensorflow.__name__)")
    (noisy / "tensorflow" / "compat" / "v1" / "__init__.py").write_text(
        "class logging:\n    set_verbosity = staticmethod(lambda level: None)\n"
    )
    command = ["sh", "-c", '"$0" -c "$1" 2>&-', sys.executable, code]
    assert subprocess.check_output(command, env=environment(noisy)) == b"tensorflow\n"
