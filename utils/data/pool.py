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
_MAX_PROCESSES = 60 if os.name == "nt" else 1000  # Windows cannot wait for more pipes at once


def cores():
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def num_processes(files):
    """Return the number of processes for a number of files, at least 1."""
    return max(1, min(files, cores(), _MAX_PROCESSES))


def decode_all(tasks, job, processes):
    """Decode an iterable of Tasks in several processes, and write each record into its slot of the records file.

    Yield (task, Outcome) in the order of completion. Raise UserError if no process can be started. A process that
    must not start others, such as one of multiprocessing.Pool, decodes the files itself.
    """
    if multiprocessing.current_process().daemon:
        yield from decoder.decode_here(tasks, job)
        return
    queue, pool = _Queue(tasks), {}  # {pipe: _Process}
    try:
        while True:
            for process in [_Process(job) for _ in range(len(pool), processes)]:
                pool[process.pipe] = process
            for process in pool.values():
                queue.send_to(process)
            busy = [pipe for pipe, process in pool.items() if process.chunks]
            if not busy:
                break
            for pipe in multiprocessing.connection.wait(busy):
                try:
                    outcomes = pipe.recv()
                except (EOFError, OSError):  # the process has exited
                    yield from queue.take_back(pool.pop(pipe))
                else:
                    yield from zip(pool[pipe].chunks.popleft(), outcomes)
    finally:
        for process in pool.values():
            process.end()


class _Queue:
    """The chunks of tasks that are not sent to a process yet."""

    def __init__(self, tasks):
        self._new = _chunks(tasks)
        self._retries = collections.deque()  # chunks of one task each, whose process exited before it answered

    def send_to(self, process):
        """Send chunks to a process until it has enough of them."""
        while len(process.chunks) < _AHEAD:
            chunk = self._retries.popleft() if self._retries else next(self._new, None)
            if chunk is None:
                break
            process.chunks.append(chunk)
            with contextlib.suppress(OSError):  # the process has exited, which the next `recv` reports
                process.pipe.send(chunk)

    def take_back(self, process):
        """Queue the tasks of a process that has exited; yield the file that crashed it with its Outcome, if known."""
        reason, first = process.end(), process.chunks[0]
        if not first:
            raise UserError(f"decoding processes exit at once ({reason}); out of memory?")
        if len(first) == 1:
            yield first.pop(), decoder.Outcome("unread", f"decoding it crashed ({reason})")
        # Decoding the others one by one shows whether one of them crashes.
        self._retries.extend([task] for chunk in process.chunks for task in chunk)


def _chunks(tasks):
    """Yield the tasks in lists, each of which is sent to a process at once."""
    chunk = []
    for task in tasks:
        chunk.append(task)
        if len(chunk) == _CHUNK_FILES or sum(each.size for each in chunk) > _CHUNK_BYTES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Process:
    """A decoding process, and the chunks that were sent to it and are not answered yet."""

    def __init__(self, job):
        context = multiprocessing.get_context("spawn")  # after a fork, locks held by TensorFlow's threads stay locked
        self.chunks = collections.deque([[]])  # an empty chunk, which the process answers when it has started
        self.pipe, child_end = context.Pipe()
        self._process = context.Process(target=decoder.serve, args=(child_end, job), daemon=True)
        # `spawn` runs the caller's script, which without `if __name__ == "__main__":` would start the whole program
        # again in each process. The signal mask is inherited, so that Ctrl-C reaches only this process.
        main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
        set_mask = getattr(signal, "pthread_sigmask", lambda *_: None)  # not on Windows; see decoder.serve
        mask = set_mask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            set_mask(signal.SIG_SETMASK, mask)
            sys.modules["__main__"] = main
        child_end.close()  # so that the pipe closes when the process exits

    def end(self):
        """End the process, whatever it is doing; return its exit code or signal as text."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()
        code = self._process.exitcode
        return f"signal {-code}" if code < 0 else f"exit code {code}"
