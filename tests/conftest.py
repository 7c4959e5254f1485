"""Fixtures: small settings, small images, and the program as a user runs it."""

import contextlib
import copy
import errno
import functools
import gc
import io
import os
import shutil
import signal
import subprocess
import sys
from unittest import mock

import forked
import pytest
from browser import browser, chromium  # noqa: F401  (fixtures)
from PIL import Image

with mock.patch.dict(os.environ, OPENBLAS_NUM_THREADS="1"):  # idle threads cost more CPU time than small arrays
    import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from utils.config import settings as settings_module  # noqa: E402

# A background job of a shell script ignores Ctrl-C, and all processes started by the tests would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # on a GPU, numbers and messages would differ

# A user's environment: some TensorFlow versions set this variable when a test imports them.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}

# Command-line arguments for a network that trains in milliseconds.
TINY = ["--image_size", "16", "--filters", "4", "--z_dim", "6", "--batch_size", "4", "--train_samples", "4"]
# Building a pretrained network takes seconds; see tests/program/test_measuring.py and test_with_d_features.py.
TINY += ["--metrics_network", "none", "--d_features", "none", "--clusters", "0"]


def pytest_collection_finish():
    """Exclude the objects of TensorFlow's modules from later garbage collections, which saves a second."""
    gc.freeze()


@pytest.fixture(scope="session")
def settings():
    """The repository's settings."""
    return settings_module.resolve([])


@pytest.fixture(scope="session")
def tiny():
    """The repository's settings with a tiny network."""
    return settings_module.resolve(TINY)


@pytest.fixture
def graph():
    """A fresh default graph. New sessions skip graph optimizations unless they are given a config."""
    from model.graph_mode import tf

    session = functools.partial(tf.Session, config=without_optimizations(tf.ConfigProto()))
    with tf.Graph().as_default() as graph, mock.patch.object(tf, "Session", session):
        tf.set_random_seed(1)
        yield graph


def without_optimizations(config):
    """Return a session config, changed so that TensorFlow does not optimize graphs.

    The optimizations take a third of the time of such short runs.
    """
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


def read(session, name):
    """Return the value of the named variable."""
    import tensorflow.compat.v1 as tf

    (variable,) = [v for v in tf.global_variables() if v.op.name == name]
    return session.run(variable)


def gradient(width, height, tint=(1.0, 0.5, 0.2)):
    """An image that is bright at the top left and dark at the bottom right: [height, width, 3] uint8."""
    slope = np.add.outer(np.linspace(1, 0, height), np.linspace(1, 0, width)) / 2
    return np.uint8(255 * slope[:, :, None] * np.array(tint))


@pytest.fixture
def pics(tmp_path):
    """A folder with two classes of six images each."""
    return save_pics(tmp_path / "some pics")


def save_pics(folder):
    """Save two classes of six images each in a new folder; return it."""
    for name in ("blue", "red"):
        (folder / name).mkdir(parents=True)
        for i in range(6):
            (folder / name / ("%d.jpg" % i)).write_bytes(_jpeg(name, i))
    return folder


@functools.lru_cache(maxsize=None)
def _jpeg(name, i):
    """Return the JPEG bytes of an image of a class."""
    tint = (1.0 - 0.1 * i, 0.5, 0.3) if name == "red" else (0.3, 0.5, 1.0 - 0.1 * i)
    file = io.BytesIO()
    Image.fromarray(gradient(20 + i, 24, tint)).save(file, "JPEG", quality=95)
    return file.getvalue()


def contents(folder):
    """Return {name: bytes} of the PNGs below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.png")}


def failing(number):
    """Return a replacement for a system call that fails with this error number."""

    def call(*_, **__):
        raise OSError(number, os.strerror(number))

    return call


def hold(monkeypatch, held):
    """Let writes to, and renames over, the files with the names in the set `held` fail, as if a program held them open.

    On Windows, a spreadsheet does that.
    """
    replace, open_file = os.replace, open

    def check(path):
        if os.path.basename(str(path)) in held:
            raise PermissionError(errno.EACCES, "Permission denied", path)

    def open_unless_held(path, mode="r", *arguments, **options):
        if set(mode) & set("wax+"):
            check(path)
        return open_file(path, mode, *arguments, **options)

    def replace_unless_held(source, target):
        check(target)
        replace(source, target)

    monkeypatch.setattr("builtins.open", open_unless_held)
    monkeypatch.setattr(os, "replace", replace_unless_held)


class InMemory:
    """The records of an array [n, H, W, C], with the interface of records.Records."""

    def __init__(self, array):
        self._array, self.shape = array, array.shape

    def take(self, indices):
        return self._array[indices]


class Program:
    """A copy of the program in its own folder, run by `python main.py` or as an equivalent fork."""

    def __init__(self, folder, pics):
        self.folder = folder
        self.copy_code()
        shutil.copytree(str(pics), str(folder / "pics"))
        self.samples, self.checkpoints = folder / "samples", folder / "checkpoints"

    def copy_code(self):
        self.folder.mkdir()
        for name in ("main.py", "params.py"):
            shutil.copy(os.path.join(ROOT, name), str(self.folder))
        for name in ("model", "utils"):  # with compiled modules; kept modification times keep them valid
            shutil.copytree(os.path.join(ROOT, name), str(self.folder / name))

    def arguments(self, *arguments):
        # Glorot initialization, because an untrained generator with small weights turns every z into the same gray.
        # Metrics add seconds to each start: only tests of metrics measure.
        return [*TINY, "--init", "glorot", "--metrics_every", "0", *arguments]

    def command(self, *arguments):
        return [sys.executable, str(self.folder / "main.py"), *self.arguments(*arguments)]

    def start(self, *arguments, cwd=None, env=ENVIRONMENT, preexec_fn=None, forks=True, before=None, terminal=None):
        """Start the program with a tiny network; return the process, with its output as text files.

        A fork (see forked.py) is faster. Set forks=False to test what a fork could hide: importing TensorFlow and
        exiting Python. A custom environment or custom limits always start a fresh process; only TF_CONFIG is read
        by main.py itself, after the imports. before, terminal: see forked.ForkedProcess.
        """
        command = self.command(*arguments)
        changed = {name for name, _ in set(env.items()) ^ set(ENVIRONMENT.items())}
        if forks and forked.IS_POSSIBLE and not preexec_fn and changed <= {"TF_CONFIG"}:
            return forked.ForkedProcess(command[1:], cwd or os.getcwd(), env, before=before, terminal=terminal)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
        return subprocess.Popen(command, cwd=cwd, env=env, preexec_fn=preexec_fn, **pipes)

    def run(self, *arguments, **options):
        """Run the program with a tiny network from a different folder; return the finished process and text output.

        options: see `start`.
        """
        process = self.start(*arguments, cwd=str(self.folder.parent), **options)
        try:
            output, error = process.communicate(timeout=300)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, output, error)

    def run_in_turn(self, *calls, env=ENVIRONMENT):
        """Run main.main() for each list of arguments, one after the other in one fresh Python process.

        Return the finished calls, each with its exit code and output, as subprocess.run returns them.
        """
        arguments = [word for call in calls for word in (*self.arguments(*call), _NEXT)]
        command = [sys.executable, "-c", _CALLS, str(self.folder), _NEXT, *arguments]
        done = subprocess.run(
            command, cwd=str(self.folder.parent), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, timeout=300,
        )  # fmt: skip
        outputs, errors = done.stdout.split(_NEXT), done.stderr.split(_NEXT)
        assert done.returncode == 0 and len(outputs) == len(errors) == len(calls) + 1, done.stdout + done.stderr
        codes = map(int, outputs.pop().split())
        return [subprocess.CompletedProcess(*finished) for finished in zip(calls, codes, outputs, errors)]

    def train(self, *arguments, **options):
        """Run the program, check that it succeeded with nothing on standard error; return its standard output."""
        return succeeded(self.run(*arguments, **options))

    def refuse(self, *arguments, **options):
        """Run the program, check that it printed one error line and exited with code 2; return the line."""
        done = self.run(*arguments, **options)
        lines = done.stderr.strip().split("\n")
        assert done.returncode == 2 and len(lines) == 1 and lines[0].startswith("main.py: "), done.stdout + done.stderr
        return lines[0]


def succeeded(done):
    """Check that a finished process succeeded with nothing on standard error; return its standard output."""
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


_NEXT = "--- the next call ---"
# The script's arguments: the program's folder, the text printed after each call, and each call's arguments.
_CALLS = """
import sys
sys.path.insert(0, sys.argv[1])
import main
codes, arguments = [], []
for word in sys.argv[3:]:
    arguments.append(word)
    if word == sys.argv[2]:
        codes.append(main.main(arguments[:-1]))
        arguments = []
        for stream in (sys.stdout, sys.stderr):
            stream.write(word)
            stream.flush()
print(*codes)
"""


class CalledProgram(Program):
    """main.main() called in this process, with params files and data in its own folder.

    Tests may replace functions of the program (monkeypatch). To save time, the images are decoded in this process
    and sessions skip TensorFlow's graph optimizations, which take a third of the time of such short runs. Forks and
    fresh processes do neither.
    """

    def copy_code(self):
        (self.folder / "model").mkdir(parents=True)
        for name in ("params.py", os.path.join("model", "params.py")):
            shutil.copy(os.path.join(ROOT, name), str(self.folder / name))

    def start(self, *arguments, **options):
        raise NotImplementedError("it runs in this process")

    def run(self, *arguments):
        """Run main.main() with a tiny network; return its exit code and output as subprocess.run does."""
        import main
        from utils.data import decoder, pool
        from utils.runtime import devices

        root = {"root": str(self.folder)}
        replaced = (
            (main, "resolve", functools.partial(main.resolve, **root)),
            (main, "describe", functools.partial(main.describe, **root)),
            (pool, "decode_all", lambda tasks, job, processes: decoder.decode_here(tasks, job)),
            (devices, "session_config", unoptimized(devices.session_config)),
        )
        arguments, output, error = self.arguments(*arguments), io.StringIO(), io.StringIO()
        with contextlib.ExitStack() as stack:
            for module, name, function in replaced:
                stack.enter_context(mock.patch.object(module, name, function))
            stack.enter_context(contextlib.redirect_stdout(output))
            stack.enter_context(contextlib.redirect_stderr(error))
            code = main.main(arguments)
        return subprocess.CompletedProcess(arguments, code, output.getvalue(), error.getvalue())


def in_this_process(program):
    """Return a CalledProgram in the folder of a Program."""
    called = copy.copy(program)
    called.__class__ = CalledProgram
    return called


def unoptimized(session_config):
    """Return a function that returns the tf.ConfigProto of session_config, see without_optimizations."""
    return lambda *arguments: without_optimizations(session_config(*arguments))


@pytest.fixture
def program(tmp_path, pics):
    """The program with small images."""
    return Program(tmp_path / "a copy", pics)


@pytest.fixture
def called(tmp_path, pics):
    """The program with small images, called in this process."""
    return CalledProgram(tmp_path / "a copy", pics)
