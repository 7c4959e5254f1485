"""The program called from scripts, notebooks, debuggers and threads, repeatedly in one process."""

import os
import re
import subprocess
import sys

import forked
import pytest
from conftest import ENVIRONMENT, TINY, Program, save_pics

pytestmark = pytest.mark.slow

ARGUMENTS = [*TINY, "--init", "glorot", "--metrics_every", "0"]

# A script without `if __name__ == "__main__":`. It prints the changes that each call made to the process.
SCRIPT = """
import os, signal, sys, threading

print("THE SCRIPT RUNS", flush=True)
sys.path.insert(0, {folder!r})

def state():
    import tensorflow.compat.v1 as tf
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    threads = sorted(thread.name for thread in threading.enumerate())
    return {{
        "environment": dict(os.environ), "streams": (sys.stdout, sys.stderr, sys.stdout.errors), "folder": os.getcwd(),
        "handlers": handlers, "threads": threads, "arguments": list(sys.argv), "level": tf.logging.get_verbosity(),
        "graph": len(tf.get_default_graph().get_operations()), "main": sys.modules["__main__"],
    }}

before = state()
import main

def call(*arguments):
    code = main.main([*{arguments!r}, *arguments])
    after = state()
    changed = [name for name in before if before[name] != after[name]]
    sys.stdout.write(f"CODE {{code}} {{changed}}\\n")  # one write, because another thread may also print
    sys.stdout.flush()

{calls}
"""


def run_script(program, tmp_path, calls, forks=True):
    """Run the script with these calls, check that it has no error, and return the lines that it prints."""
    path = tmp_path / "script without a guard.py"
    text = SCRIPT.format(folder=str(program.folder), arguments=ARGUMENTS, calls="\n".join(calls))
    path.write_text(text, encoding="utf-8")
    done = run_python([str(path)], str(tmp_path), forks)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("THE SCRIPT RUNS") == 1 and "Traceback" not in done.stderr
    return (done.stdout + done.stderr).splitlines()


def run_python(arguments, cwd, forks=True, stdin=os.devnull, daemon=False):
    """Run `python` with these arguments, as a fork (see forked.py) or in a fresh process; return the finished process.

    stdin: the standard input of a fresh process. daemon: see ForkedProcess.
    """
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}
    if forks and forked.IS_POSSIBLE:
        process = forked.ForkedProcess(arguments, cwd, environment, daemon=daemon)
    else:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", "errors": "replace"}
        with open(stdin, "rb") as file:
            command = [sys.executable, *arguments]
            process = subprocess.Popen(command, cwd=cwd, env=environment, stdin=file, **options)
    try:
        output, error = process.communicate(timeout=300)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, process.returncode, output, error)


def codes(lines):
    return [line for line in lines if line.startswith("CODE")]


@pytest.fixture(scope="module")
def many_calls(tmp_path_factory):
    """The lines printed by a script in a fresh process that calls the program many times, first in a thread."""
    folder = tmp_path_factory.mktemp("many")
    calls = [
        "thread = threading.Thread(target=call, args=['--max_steps', '2'])",
        "thread.start()",
        "thread.join()",
        "call('--max_steps', '4')",
        "call('--max_steps', '4', '--k', '2')",
        "call('--batch_size', 'x')",
        "call('--isTrain', '0', '--num_samples', '3')",
        "call('--version')",
    ]
    program = Program(folder / "a copy", save_pics(folder / "some pics"))
    return run_script(program, folder, calls, forks=False)


def test_many_calls_in_one_process_leave_no_trace_in_it(many_calls):
    assert codes(many_calls)[1:] == [f"CODE {code} []" for code in (0, 2, 2, 0, 0)]
    text = "\n".join(many_calls)
    assert "Resuming from step 2" in text and "Finished at step 4" in text and "3 samples in " in text


def test_a_thread_of_the_caller(many_calls):
    assert codes(many_calls)[0].startswith("CODE 0 ") and codes(many_calls)[1] == "CODE 0 []"
    assert "Finished at step 2" in "\n".join(many_calls)


def test_two_calls_at_once(program, tmp_path):
    calls = [
        "threads = [threading.Thread(target=call, args=['--max_steps', '2']) for _ in range(2)]",
        "[thread.start() for thread in threads]",
        "[thread.join() for thread in threads]",
        "call('--isTrain', '0', '--num_samples', '1')",
    ]
    lines = run_script(program, tmp_path, calls)
    # The threads print at the same time: a line from one thread may begin in the middle of a line from the other.
    assert sorted(re.findall(r"CODE (\d)", "\n".join(lines))) == ["0", "0", "2"]
    assert "another call of main.main() is active" in "\n".join(lines)


@pytest.mark.skipif(not forked.IS_POSSIBLE, reason="needs a fork")
def test_a_process_that_may_not_start_others(program):
    """Train in a daemon process, as in one of multiprocessing.Pool."""
    script = [str(program.folder / "main.py"), *ARGUMENTS, "--max_steps", "2"]
    done = run_python(script, str(program.folder), daemon=True)
    assert done.returncode == 0 and "Prepared 12 files" in done.stdout, done.stdout + done.stderr


RUNPY = "import runpy, sys; sys.argv[1:] = sys.argv[2:]; runpy.run_path({path!r}, run_name='__main__')"
WAYS = {
    "a module": ["-m", "main"],
    "runpy": ["-c", RUNPY, "script"],
    "exec": ["-c", "exec(open('main.py', encoding='utf-8').read())"],
    "a debugger": ["-m", "pdb", "-c", "continue", "-c", "quit", "main.py"],
    "optimized and without its folder in sys.path": ["-O", "-I", "main.py"],
    "standard input": ["-"],
}


@pytest.mark.parametrize("way", WAYS)
def test_other_ways_to_start_it(program, way):
    """Start the program in each way; Python options and standard input need a fresh process."""
    path = str(program.folder / "main.py")
    arguments = [*(option.format(path=path) for option in WAYS[way]), *ARGUMENTS, "--max_steps", "1"]
    cwd = str(program.folder.parent) if way == "runpy" else str(program.folder)
    done = run_python(arguments, cwd, forks=WAYS[way][0] in ("-m", "-c"), stdin=path)
    output = done.stdout + done.stderr
    assert "Finished at step 1" in output and "Prepared 12 files" in output, output
    assert "Traceback" not in output and (done.returncode == 0 or way == "a debugger"), output
