"""The program called by others: scripts, notebooks, debuggers, threads; any number of times in one process."""

import os
import re
import subprocess
import sys

import pytest
from conftest import ENVIRONMENT, TINY

pytestmark = pytest.mark.slow

ARGUMENTS = [*TINY, "--init", "glorot", "--metrics_every", "0"]

# A script without `if __name__ == "__main__":`. It prints what is different after each call.
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
    sys.stdout.write(f"CODE {{code}} {{changed}}\\n")  # at once: another thread may print, too
    sys.stdout.flush()

{calls}
"""


def run_script(program, tmp_path, calls):
    """Run the script with these calls; return what it printed, by lines. Nothing may be printed as an error."""
    path = tmp_path / "script without a guard.py"
    text = SCRIPT.format(folder=str(program.folder), arguments=ARGUMENTS, calls="\n".join(calls))
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], cwd=str(tmp_path), env=ENVIRONMENT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("THE SCRIPT RUNS") == 1 and "Traceback" not in done.stderr
    return (done.stdout + done.stderr).splitlines()


def codes(lines):
    return [line for line in lines if line.startswith("CODE")]


def test_many_calls_in_one_process_leave_no_trace_in_it(program, tmp_path):
    calls = [
        "call('--max_steps', '2')",
        "call('--max_steps', '4')",
        "call('--max_steps', '4', '--k', '2')",
        "call('--batch_size', 'x')",
        "call('--isTrain', '0', '--num_samples', '3')",
        "call('--max_steps', '1', '--checkpoints_dir', 'c', '--samples_dir', 's')",
        "call('--version')",
    ]
    lines = run_script(program, tmp_path, calls)
    assert codes(lines) == [f"CODE {code} []" for code in (0, 0, 2, 2, 0, 0, 0)]
    text = "\n".join(lines)
    assert "Resuming from step 2" in text and "Finished at step 4" in text and "3 samples in " in text


def test_a_thread_of_the_caller(program, tmp_path):
    calls = [
        "thread = threading.Thread(target=call, args=['--max_steps', '2'])",
        "thread.start()",
        "thread.join()",
        "call('--max_steps', '3')",
    ]
    lines = run_script(program, tmp_path, calls)
    assert codes(lines)[1] == "CODE 0 []" and codes(lines)[0].startswith("CODE 0 ")
    assert "Resuming from step 2" in "\n".join(lines)


def test_two_calls_at_once(program, tmp_path):
    calls = [
        "threads = [threading.Thread(target=call, args=['--max_steps', '2']) for _ in range(2)]",
        "[thread.start() for thread in threads]",
        "[thread.join() for thread in threads]",
        "call('--max_steps', '2')",
    ]
    lines = run_script(program, tmp_path, calls)
    # The threads print at the same time: a line of one may begin within a line of the other.
    assert sorted(re.findall(r"CODE (\d)", "\n".join(lines))) == ["0", "0", "2"]
    assert "another call of main.main() is active" in "\n".join(lines)


def test_a_process_that_may_not_start_others(program, tmp_path):
    path = tmp_path / "in_a_pool.py"
    path.write_text(
        "import multiprocessing, sys\n"
        f"sys.path.insert(0, {str(program.folder)!r})\n"
        "import main\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        f"        print('CODES', pool.map(main.main, [{[*ARGUMENTS, '--max_steps', '2']!r}]))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(path)], cwd=str(tmp_path), env=ENVIRONMENT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, universal_newlines=True, timeout=300,
    )  # fmt: skip
    assert "CODES [0]" in done.stdout and "Prepared 12 files" in done.stdout, done.stdout


RUNPY = "import runpy, sys; sys.argv[1:] = sys.argv[2:]; runpy.run_path({path!r}, run_name='__main__')"
WAYS = {
    "standard input": (["-"], True),
    "a module": (["-m", "main"], False),
    "runpy": (["-c", RUNPY, "script"], False),
    "exec": (["-c", "exec(open('main.py', encoding='utf-8').read())"], False),
    "a debugger": (["-m", "pdb", "-c", "continue", "-c", "quit", "main.py"], False),
    "without its folder in sys.path": (["-I", "main.py"], False),
    "optimized": (["-O", "main.py"], False),
}


@pytest.mark.parametrize("way", WAYS)
def test_other_ways_to_start_it(program, way):
    options, is_piped = WAYS[way]
    path = str(program.folder / "main.py")
    command = [sys.executable, *(option.format(path=path) for option in options), *ARGUMENTS, "--max_steps", "2"]
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}
    cwd = str(program.folder.parent) if way == "runpy" else str(program.folder)
    with open(path if is_piped else os.devnull, "rb") as stdin:
        done = subprocess.run(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=environment, timeout=300
        )
    said = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
    assert "Finished at step 2" in said and "Prepared 12 files" in said, said
    assert "Traceback" not in said and (done.returncode == 0 or way == "a debugger"), said
