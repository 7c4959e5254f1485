"""Start main.py as a fork of a process that has already imported TensorFlow, which saves over half the startup time.

multiprocessing's fork server imports TensorFlow once for all tests, without ever opening a session, and forks a child
for each run. The child takes over the arguments, environment, folder and output that `python main.py` would have, and
is a normal process: it can be signaled, stopped, killed and limited, and it ends with an exit code.
"""

import atexit
import multiprocessing
import multiprocessing.connection
import os
import runpy
import subprocess
import sys
import threading
import types
from unittest import mock

IS_POSSIBLE = sys.platform == "linux"  # on macOS, system libraries may crash in a forked process

_PRELOADED = ("tensorflow.compat.v1", "numpy", "PIL.Image", "PIL.ImageOps", "tqdm", "sqlite3", "html")
_PRELOADED += ("unittest.mock", "subprocess", "pdb")  # used by this module and by one of the tested ways to start
# utils/runtime/start.py sets these variables for the import of TensorFlow, which reads them only once.
_AT_IMPORT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}


class ForkedProcess:
    """A run of main.py, with the part of subprocess.Popen's interface that tests use. Its output is text."""

    def __init__(self, arguments, cwd, environment, before=None, terminal=None, daemon=False):
        """Start the run.

        arguments: as for `python`: the path of a script, `-c` and code, or `-m` and a module, then its arguments.
        before: a function in a test module that the process calls first, for example to replace functions in the
        program. terminal: the file descriptor of a terminal for the output, which is then not read. daemon: whether
        the process may not start child processes.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(_PRELOADED))
        self.args, self.returncode, self.stdout, self.stderr = arguments, None, None, None
        if terminal is None:
            (out, its_out), (error, its_error) = (context.Pipe(duplex=False) for _ in range(2))
            self.stdout, self.stderr = _reader(out), _reader(error)
        else:
            its_out, its_error = (multiprocessing.connection.Connection(os.dup(terminal)) for _ in range(2))
        run = arguments, cwd, environment, its_out, its_error, before
        self._process = context.Process(target=_run, args=run, daemon=daemon)
        script, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
        try:  # without pytest's main module, which the process would import
            with mock.patch.dict(os.environ, dict(_AT_IMPORT, **environment), clear=True):
                self._process.start()  # starts the fork server before the first process
        finally:
            sys.modules["__main__"] = script
        self.pid = self._process.pid
        its_out.close()
        its_error.close()

    def poll(self):
        """Return the exit code, negative for the signal that killed the process, or None while it runs."""
        self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout=None):
        """Wait for the end of the process; return its exit code, or raise subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout=None):
        """Wait for the end of the process; return the unread text of standard output and standard error."""
        texts = {}
        readers = [
            threading.Thread(target=lambda file=file: texts.update({file: file.read()}), daemon=True)
            for file in (self.stdout, self.stderr)
            if file and not file.closed
        ]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout)
        return texts.get(self.stdout, ""), texts.get(self.stderr, "")

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        if self.poll() is None:
            self._process.kill()


def _reader(connection):
    """Return the reading end of a pipe as a text file."""
    file = os.fdopen(os.dup(connection.fileno()))
    connection.close()
    return file


def _run(arguments, cwd, environment, out, error, before):
    """In the forked process: run main.py as `python main.py` would."""
    sys.stdout = sys.__stdout__ = _writer(out, sys.__stdout__, 1)
    sys.stderr = sys.__stderr__ = _writer(error, sys.__stderr__, 2)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    # Keep only what a new Python process would find: the modules next to the script, none from the repository.
    tests = os.path.dirname(os.path.abspath(__file__))
    hidden = tuple(path for path in sys.path if path == os.path.dirname(tests) or path.startswith(tests))
    option, folder = arguments[0], {"-c": "", "-m": cwd}.get(arguments[0], os.path.dirname(arguments[0]))
    sys.path[:] = [folder] + [path for path in sys.path if path not in hidden]
    for name in list(sys.modules):
        if name.split(".")[0] in ("utils", "model", "params", "conftest"):
            del sys.modules[name]
    sys.argv = [option, *arguments[2:]] if option in ("-c", "-m") else list(arguments)
    if before:
        before()
    try:
        if option == "-c":
            sys.modules["__main__"] = script = types.ModuleType("__main__")
            exec(arguments[1], script.__dict__)
        elif option == "-m":
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(arguments[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing skips exit handlers; TensorFlow's remove temporary files


def _writer(connection, former, descriptor):
    """Redirect a file descriptor to the writing end of a pipe; return a text file for it, configured like `former`."""
    os.dup2(connection.fileno(), descriptor)
    connection.close()
    file = os.fdopen(descriptor, "w", encoding=former.encoding, errors=former.errors, closefd=False)
    file.reconfigure(line_buffering=former.line_buffering)
    return file
