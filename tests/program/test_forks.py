"""A forked run of main.py has the same environment as a fresh process."""

import json

import forked
import pytest

SCRIPT = """
import json, os, resource, signal, sys, threading
from importlib.util import find_spec
signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ]
streams = [sys.stdout, sys.stderr]
print(json.dumps({
    "name": __name__,
    "file": __file__,
    "arguments": sys.argv,
    "path": sys.path[0],
    "environment": dict(os.environ),
    "folder": os.getcwd(),
    "streams": [[s.encoding, s.errors, s.line_buffering, s.isatty(), s.fileno()] for s in streams],
    "signals": [str(signal.getsignal(number)) for number in signals],
    "blocked": [str(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "limits": [resource.getrlimit(limit) for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_AS)],
    "threads": threading.active_count(),
    "found": [name for name in ("benchmarks", "conftest", "runs") if find_spec(name)],
    "modules": sorted(name for name in sys.modules if name.split(".")[0] in ("utils", "model", "params", "conftest")),
    "has_tensorflow": "tensorflow" in sys.modules,
}))
print("an error", file=sys.stderr)
sys.exit(3)
"""


@pytest.mark.skipif(not forked.IS_POSSIBLE, reason="forks are not supported here")
def test_a_fork_meets_what_a_real_start_meets(program):
    (program.folder / "main.py").write_text(SCRIPT)
    answers = []
    for forks in (False, True):
        done = program.run("--pics_dir", "Bilder für alle", forks=forks)
        assert (done.returncode, done.stderr) == (3, "an error\n")
        answers.append(json.loads(done.stdout))
    real, fork = answers
    assert (real.pop("has_tensorflow"), fork.pop("has_tensorflow")) == (False, True)
    assert fork == real
    (program.folder / "main.py").write_text("raise ValueError('unexpected')")
    done = program.run()
    assert done.returncode == 1 and done.stderr.endswith("ValueError: unexpected\n")
    (program.folder / "main.py").write_text("import os\nos.kill(os.getpid(), 9)")
    assert program.run().returncode == -9
