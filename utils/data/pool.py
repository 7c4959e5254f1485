"""A pool of processes that decode images on all cores. A file that crashes its process does not affect other files.

`concurrent.futures` cannot do this: it does not report which task broke its pool, and its processes survive when this
one is killed.
"""

import collections
import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import signal
import sys
import types

from utils.data.decoder import WINDOWS, Outcome, decode_here, serve
from utils.errors import UserError
from utils.runtime.limits import cores

# Tasks are sent in chunks of up to this number of files or bytes, whichever comes first. A message for each small file
# would take as long as decoding it; a last chunk of many large files would keep one process busy when the others are
# done.
_CHUNK_FILES, _CHUNK_BYTES = 32, 200000
_AHEAD = 2  # chunks queued for each process, so that it never waits for the next one
_MAX_PROCESSES = 60 if WINDOWS else 1000  # Windows cannot wait for more pipes at the same time


def plan(tasks):
    """Return an iterator over the same Tasks, and the number of processes for them: at most one per core and chunk."""
    chunks = _chunks(tasks)
    first = list(itertools.islice(chunks, min(cores(), _MAX_PROCESSES)))
    return itertools.chain.from_iterable(itertools.chain(first, chunks)), len(first)


def decode_all(tasks, job, processes):
    """Decode an iterable of Tasks in several processes, and write each record into its slot of the records file.

    Yield (task, Outcome) in the order of completion. Raise UserError if no process can be started. If this process
    must not start others, such as a worker of multiprocessing.Pool, it decodes the files itself.
    """
    if multiprocessing.current_process().daemon:
        yield from decode_here(tasks, job)
        return
    chunks, pool = _chunks(tasks), {}  # {pipe: _Process}
    try:
        while True:
            for process in [_Process(job) for _ in range(len(pool), processes)]:
                pool[process.pipe] = process
            for process in pool.values():
                process.send(chunks)
            busy = [pipe for pipe, process in pool.items() if process.chunks]
            if not busy:
                break
            for pipe in multiprocessing.connection.wait(busy):
                try:
                    outcomes = pipe.recv()
                except (EOFError, OSError):  # the process has exited
                    process = pool.pop(pipe)
                    yield from process.crashed_task()
                    # Decoding the other files one by one shows whether one of them crashes.
                    chunks = itertools.chain([[task] for chunk in process.chunks for task in chunk], chunks)
                else:
                    yield from zip(pool[pipe].chunks.popleft(), outcomes)
    finally:
        for process in pool.values():
            process.end()


def _chunks(tasks):
    """Yield the tasks in lists, each of which is sent to a process in one message."""
    chunk = []
    for task in tasks:
        chunk.append(task)
        if len(chunk) == _CHUNK_FILES or sum(each.size for each in chunk) > _CHUNK_BYTES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Process:
    """A decoding process, and the chunks sent to it that it has not answered yet."""

    def __init__(self, job):
        context = multiprocessing.get_context("spawn")  # after a fork, locks held by TensorFlow's threads stay locked
        self.chunks = collections.deque([[]])  # an empty chunk, which the process answers when it has started
        self.pipe, child_end = context.Pipe()
        self._process = context.Process(target=serve, args=(child_end, job), daemon=True)
        # `spawn` runs the caller's script in each process: without `if __name__ == "__main__":`, the script would start
        # the whole program again. The signal mask is inherited, so that Ctrl-C reaches only this process.
        main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
        set_mask = getattr(signal, "pthread_sigmask", lambda *_: None)  # Windows has no signal mask; see serve
        mask = set_mask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            set_mask(signal.SIG_SETMASK, mask)
            sys.modules["__main__"] = main
        child_end.close()  # so that the pipe closes when the process exits

    def send(self, chunks):
        """Send chunks from an iterator to the process until it has enough queued."""
        for chunk in itertools.islice(chunks, _AHEAD - len(self.chunks)):
            self.chunks.append(chunk)
            with contextlib.suppress(OSError):  # the process has exited, which the next `recv` reports
                self.pipe.send(chunk)

    def crashed_task(self):
        """Yield (task, Outcome) for the task that crashed the process, if the task is known.

        Raise UserError if the process exited before it could decode anything.
        """
        reason, first = self.end(), self.chunks[0]
        if not first:
            raise UserError(f"decoding processes exit immediately ({reason}); out of memory?")
        if len(first) == 1:
            yield first.pop(), Outcome("unread", f"decoding it crashed ({reason})")

    def end(self):
        """End the process, whatever it is doing; return its exit code or signal as text."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()
        code = self._process.exitcode
        return f"signal {-code}" if code < 0 else f"exit code {code}"
