"""Processes that decode images, on all cores. A file that crashes its process costs only itself.

`concurrent.futures` cannot do this: it does not report which task broke its pool, and its processes survive when this
one is killed.
"""

import collections
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import types

from utils.data import decoder
from utils.data.decoder import Outcome
from utils.errors import UserError

# A chunk of tasks is sent at once: this many files, or this many bytes of files, whichever comes first. With a message
# for each small file, sending would take as long as decoding; with many large files in the last chunk, one process
# would still be decoding it when the others are done.
_CHUNK_FILES, _CHUNK_BYTES = 32, 200000
_AHEAD = 2  # chunks queued for each process, so that it never waits for the next one
_WINDOWS = os.name == "nt"
_MAX_ON_WINDOWS = 60  # processes: more pipes cannot be wait_seconds for at once there


def cores():
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes_for(files):
    """Return how many processes to use for a number of files, at least 1."""
    return max(1, min(files, cores(), _MAX_ON_WINDOWS if _WINDOWS else files))


def decode_all(tasks, job, processes):
    """Decode files in several processes, and write the record of each into its slot of the records file.

    tasks: iterable of (path, slot, file size, ...). Yield (task, Outcome) in the order of completion. Raise UserError
    if no process can be started. In a process that may not start any, such as one of multiprocessing.Pool, files are
    decoded in this one.
    """
    if multiprocessing.current_process().daemon:
        yield from decoder.decode_here(tasks, job)
        return
    pool = _Pool(tasks, job)
    try:
        for _ in range(processes):
            pool.start_process()
        while pool.busy():
            for process in pool.wait():
                yield from pool.results(process)
    finally:
        pool.close()


def _chunks(tasks):
    """Yield the tasks in lists, each as many as are sent to a process at once."""
    chunk, size = [], 0
    for task in tasks:
        chunk.append(task)
        size += task[2]
        if len(chunk) == _CHUNK_FILES or size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class _Pool:
    """The decoding processes, and the chunks of tasks that are not done yet."""

    def __init__(self, tasks, job):
        self._job = job
        self._new_chunks = _chunks(tasks)
        self._retries = collections.deque()  # chunks of one task each, whose process exited before it answered
        self._processes = {}  # by their pipes

    def start_process(self):
        process = _Process(self._job)
        self._processes[process.pipe] = process
        self._fill(process)

    def _fill(self, process):
        while len(process.chunks) < _AHEAD:
            chunk = self._retries.popleft() if self._retries else next(self._new_chunks, None)
            if chunk is None:
                break
            process.send(chunk)

    def busy(self):
        """Return whether results are still to come."""
        return any(process.chunks for process in self._processes.values())

    def wait(self):
        """Wait for an answer, or for the end of a process; return the processes concerned."""
        pipes = [pipe for pipe, process in self._processes.items() if process.chunks]
        return [self._processes[pipe] for pipe in multiprocessing.connection.wait(pipes)]

    def results(self, process):
        """Yield (task, Outcome) of the chunk that a process has finished, or of the file that crashed it."""
        try:
            outcomes = process.receive()
        except (EOFError, OSError):
            yield from self._replace(process)
            return
        if outcomes is not None:
            yield from zip(process.chunks.popleft(), outcomes)
            self._fill(process)

    def _replace(self, process):
        """Start another process for one that has exited; yield the Outcome of the file that crashed it, if known."""
        del self._processes[process.pipe]
        process.end()
        if not process.ready:
            raise UserError(f"decoding processes exit at once ({process.exit_reason()}); out of memory?")
        first, *others = process.chunks
        if len(first) == 1:
            yield first[0], Outcome("unread", None, f"decoding it crashed ({process.exit_reason()})")
        else:  # one of these files; decoding them one by one will show which
            others.insert(0, first)
        self._retries.extend([task] for chunk in others for task in chunk)
        self.start_process()

    def close(self):
        """End all processes, whatever they are doing."""
        for process in self._processes.values():
            process.end()


class _Process:
    """A decoding process, and the chunks that were sent to it and are not answered yet."""

    def __init__(self, job):
        context = multiprocessing.get_context("spawn")  # after a fork, locks held by TensorFlow's threads stay locked
        self.chunks = collections.deque()
        self.ready = False  # whether it has started up
        self.pipe, child_end = context.Pipe()
        self._process = context.Process(target=decoder.serve, args=(child_end, job), daemon=True)
        with _interrupts_blocked(), _script_hidden():
            self._process.start()
        child_end.close()  # so that the pipe closes when the process exits

    def send(self, chunk):
        self.chunks.append(chunk)
        with contextlib.suppress(OSError):  # it has exited; `receive` will report it
            self.pipe.send([task[:2] for task in chunk])

    def receive(self):
        """Return the Outcomes of the first chunk, or None if it has only started up; EOFError if it has exited."""
        message = self.pipe.recv()
        if self.ready:
            return message
        self.ready = True
        return None

    def exit_reason(self):
        code = self._process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def end(self):
        """End the process, whatever it is doing."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()


@contextlib.contextmanager
def _interrupts_blocked():
    """Block Ctrl-C while a process starts: it inherits that, so that Ctrl-C reaches only this process."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows: see decoder.serve
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _script_hidden():
    """Let no process that starts run the caller's script, as `spawn` does: it has nothing that decoding needs.

    A script without `if __name__ == "__main__":` would start the whole program again in each of them.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
