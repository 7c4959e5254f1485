"""Processes that decode images, on all cores. A file that crashes its process affects no other file.

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
from utils.errors import UserError

# A chunk of tasks is sent at once: this number of files or of bytes, whichever comes first. A message for each small
# file would take as long as decoding it; a last chunk of many large files would keep one process busy when the others
# are done.
_CHUNK_FILES, _CHUNK_BYTES = 32, 200000
_AHEAD = 2  # chunks queued for each process, so that it never waits for the next one
_WINDOWS = os.name == "nt"
_MAX_ON_WINDOWS = 60  # processes, because Windows cannot wait for more pipes at once


def cores():
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def num_processes(files):
    """Return the number of processes for a number of files, at least 1."""
    return max(1, min(files, cores(), _MAX_ON_WINDOWS if _WINDOWS else files))


def decode_all(tasks, job, processes):
    """Decode an iterable of Tasks in several processes, and write each record into its slot of the records file.

    Yield (task, Outcome) in the order of completion. Raise UserError if no process can be started. A process that
    must not start others, such as one of multiprocessing.Pool, decodes the files itself.
    """
    if multiprocessing.current_process().daemon:
        yield from decoder.decode_here(tasks, job)
        return
    pool = _Pool(tasks, job)
    try:
        for _ in range(processes):
            pool.start_process()
        while pool.busy_pipes():
            for pipe in multiprocessing.connection.wait(pool.busy_pipes()):
                yield from pool.results(pool.processes[pipe])
    finally:
        for process in pool.processes.values():
            process.end()


def _chunks(tasks):
    """Yield the tasks in lists, each of which is sent to a process at once."""
    chunk, size = [], 0
    for task in tasks:
        chunk.append(task)
        size += task.size
        if len(chunk) == _CHUNK_FILES or size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class _Pool:
    """The decoding processes, and the chunks of tasks that are not done yet."""

    def __init__(self, tasks, job):
        self.processes = {}  # {pipe: _Process}
        self._job, self._new_chunks = job, _chunks(tasks)
        self._retries = collections.deque()  # chunks of one task each, whose process exited before it answered

    def start_process(self):
        process = _Process(self._job)
        self.processes[process.pipe] = process
        self._fill(process)

    def busy_pipes(self):
        """Return the pipes of the processes with unanswered chunks."""
        return [pipe for pipe, process in self.processes.items() if process.chunks]

    def results(self, process):
        """Yield (task, Outcome) of the chunk that a process has finished, or of the file that crashed it."""
        try:
            outcomes = process.pipe.recv()
        except (EOFError, OSError):
            yield from self._replace(process)
            return
        yield from zip(process.chunks.popleft(), outcomes)
        self._fill(process)

    def _fill(self, process):
        while len(process.chunks) < _AHEAD:
            chunk = self._retries.popleft() if self._retries else next(self._new_chunks, None)
            if chunk is None:
                break
            process.send(chunk)

    def _replace(self, process):
        """Start another process for one that has exited; yield the Outcome of the file that crashed it, if known."""
        del self.processes[process.pipe]
        reason = process.end()
        first, *others = process.chunks
        if not first:
            raise UserError(f"decoding processes exit at once ({reason}); out of memory?")
        if len(first) == 1:
            yield first[0], decoder.Outcome("unread", f"decoding it crashed ({reason})")
        else:  # decoding these files one by one will show which of them crashes
            others.insert(0, first)
        self._retries.extend([task] for chunk in others for task in chunk)
        self.start_process()


class _Process:
    """A decoding process, and the chunks that were sent to it and are not answered yet."""

    def __init__(self, job):
        context = multiprocessing.get_context("spawn")  # after a fork, locks held by TensorFlow's threads stay locked
        self.chunks = collections.deque([[]])  # an empty chunk, whose answer is the end of the start
        self.pipe, child_end = context.Pipe()
        self._process = context.Process(target=decoder.serve, args=(child_end, job), daemon=True)
        with _start_context():
            self._process.start()
        child_end.close()  # so that the pipe closes when the process exits

    def send(self, chunk):
        self.chunks.append(chunk)
        with contextlib.suppress(OSError):  # the process has exited; the next `recv` reports it
            self.pipe.send(chunk)

    def end(self):
        """End the process, whatever it is doing; return its exit code or signal as text."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()
        code = self._process.exitcode
        return f"signal {-code}" if code < 0 else f"exit code {code}"


@contextlib.contextmanager
def _start_context():
    """Block Ctrl-C and hide the caller's script while a process starts.

    The process inherits the signal mask, so that Ctrl-C reaches only this process. `spawn` runs the caller's script,
    which without `if __name__ == "__main__":` would start the whole program again in each process.
    """
    main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
    set_mask = getattr(signal, "pthread_sigmask", lambda *_: None)  # not on Windows; see decoder.serve
    mask = set_mask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        set_mask(signal.SIG_SETMASK, mask)
