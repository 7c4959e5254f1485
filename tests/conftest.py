"""Small settings, small images, and the program as a user runs it."""

import os
import shutil
import subprocess
import sys

import forked
import numpy as np
import pytest
from browser import browser, chromium  # noqa: F401  (fixtures)
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from utils.config import settings as settings_module  # noqa: E402

# As a user has it: some versions of TensorFlow set this variable themselves, once a test has imported them.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}

# A network that trains in milliseconds, as command line.
TINY = ["--image_size", "16", "--filters", "4", "--z_dim", "6", "--batch_size", "4", "--train_samples", "4"]
TINY += ["--metrics_network", "none"]  # building one takes seconds; see tests/program/test_measuring.py


@pytest.fixture
def settings():
    """The repository's settings."""
    return settings_module.resolve([])


@pytest.fixture
def tiny():
    """The repository's settings with a tiny network."""
    return settings_module.resolve(TINY)


@pytest.fixture
def graph():
    """A fresh default graph."""
    from model.graph_mode import tf

    with tf.Graph().as_default() as graph:
        tf.set_random_seed(1)
        yield graph


def read(session, name):
    """Return the value of the variable of that name."""
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
    folder = tmp_path / "some pics"
    for c, name in enumerate(("blue", "red")):
        (folder / name).mkdir(parents=True)
        for i in range(6):
            tint = (1.0 - 0.1 * i, 0.5, 0.3) if c else (0.3, 0.5, 1.0 - 0.1 * i)
            Image.fromarray(gradient(20 + i, 24, tint)).save(str(folder / name / ("%d.jpg" % i)), quality=95)
    return folder


def contents(folder):
    """Return {name: bytes} of the PNGs below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.png")}


def failing(number):
    """Return a system call that fails with this error number."""

    def call(*_, **__):
        raise OSError(number, os.strerror(number))

    return call


class InMemory:
    """As records.Records, of an array [n, H, W, C]."""

    def __init__(self, array):
        self._array, self.shape = array, array.shape

    def take(self, indices):
        return self._array[indices]


class Program:
    """A copy of the program in a folder of its own, run by `python main.py` or as a fork that does the same."""

    def __init__(self, folder, pics):
        self.folder = folder
        folder.mkdir()
        for name in ("main.py", "params.py"):
            shutil.copy(os.path.join(ROOT, name), str(folder))
        for name in ("model", "utils"):
            shutil.copytree(os.path.join(ROOT, name), str(folder / name), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(str(pics), str(folder / "pics"))
        self.samples, self.checkpoints = folder / "samples", folder / "checkpoints"

    def command(self, *arguments):
        # Glorot's weights, for with small ones a generator so young turns every z into the same gray. Measuring takes
        # seconds at a start: only where it is tested.
        main = [sys.executable, str(self.folder / "main.py")]
        return [*main, *TINY, "--init", "glorot", "--metrics_every", "0", *arguments]

    def start(self, *arguments, cwd=None, env=ENVIRONMENT, preexec_fn=None, forks=True):
        """Start it with a tiny network; return the process, with its output as text files.

        A fork (see forked.py) is quicker. forks=False is for what a fork could hide: the import of TensorFlow, and the
        end of a Python process. An environment or limits of its own always get a real start; only TF_CONFIG is read
        by main.py itself, after the imports.
        """
        command = self.command(*arguments)
        changed = {name for name, _ in set(env.items()) ^ set(ENVIRONMENT.items())}
        if forks and forked.IS_POSSIBLE and not preexec_fn and changed <= {"TF_CONFIG"}:
            return forked.ForkedProcess(command[1:], cwd or os.getcwd(), env)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
        return subprocess.Popen(command, cwd=cwd, env=env, preexec_fn=preexec_fn, **pipes)

    def run(self, *arguments, **options):
        """Run it with a tiny network from another folder; return the finished process with its output as text.

        options: of `start`.
        """
        process = self.start(*arguments, cwd=str(self.folder.parent), **options)
        try:
            output, error = process.communicate(timeout=300)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, output, error)

    def train(self, *arguments, **options):
        """Run it, check that it succeeded with nothing on standard error; return its standard output."""
        done = self.run(*arguments, **options)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def refuse(self, *arguments, **options):
        """Run it, check that it refused with one line and exit code 2; return the line."""
        done = self.run(*arguments, **options)
        lines = done.stderr.strip().split("\n")
        assert done.returncode == 2 and len(lines) == 1 and lines[0].startswith("main.py: "), done.stdout + done.stderr
        return lines[0]


@pytest.fixture
def program(tmp_path, pics):
    """The program with small images."""
    return Program(tmp_path / "a copy", pics)
