"""Processes that decode images, on all cores: both ends. A file that crashes its process affects no other file.

`concurrent.futures` cannot do this: it does not report which task broke its pool, and its processes survive when this
one is killed.
"""

import collections
import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import types
from typing import NamedTuple, Optional

from utils.data import decode, depths, formats
from utils.data.records import checksums, to_record
from utils.errors import UserError

# A chunk of tasks is sent at once: this number of files or of bytes, whichever comes first. A message for each small
# file would take as long as decoding it; a last chunk of many large files would keep one process busy when the others
# are done.
_CHUNK_FILES, _CHUNK_BYTES = 32, 200000
_AHEAD = 2  # chunks queued for each process, so that it never waits for the next one
_WINDOWS = os.name == "nt"
_MAX_PROCESSES = 60 if _WINDOWS else 1000  # Windows cannot wait for more pipes at once


class Job(NamedTuple):
    """The settings that are the same for all files."""

    folder: str  # the files' paths are relative to it
    records_path: str  # the file of the records
    options: decode.DecodeOptions
    levels: dict  # see depths.estimate_levels; an image whose level is missing has the outcome "deep"


class Task(NamedTuple):
    """A file to decode."""

    path: bytes
    size: int  # file size in bytes
    mtime_ns: int
    note: str  # reason of the Outcome if it is an image
    slot: int  # for its record


class Outcome(NamedTuple):
    """The result for one file."""

    # "picture": an image, whose record is written; "deep": an image whose white must be estimated first; "bad": an
    # unusable image; "other": not an image; "unread": a file that may be readable the next time; "disk": the record
    # could not be written, which is not the file's fault
    kind: str
    reason: str = ""  # why it is not a "picture"; see depths.to_note for images of more than 8 bits
    checksum: Optional[int] = None  # checksum of the record of a "picture"


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


def decode_here(tasks, job):
    """Decode files in this process; see decode_all."""
    with open(job.records_path, "r+b", buffering=0) as records:
        for task in tasks:
            yield task, _decode_to_slot(task, records, job)


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
        self._process = context.Process(target=_serve, args=(child_end, job), daemon=True)
        # `spawn` runs the caller's script, which without `if __name__ == "__main__":` would start the whole program
        # again in each process. The signal mask is inherited, so that Ctrl-C reaches only this process.
        main, sys.modules["__main__"] = sys.modules["__main__"], types.ModuleType("__main__")
        set_mask = getattr(signal, "pthread_sigmask", lambda *_: None)  # not on Windows; see _serve
        mask = set_mask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            set_mask(signal.SIG_SETMASK, mask)
            sys.modules["__main__"] = main
        child_end.close()  # so that the pipe closes when the process exits

    def send(self, chunks):
        """Send chunks of an iterator to the process until it has enough of them."""
        for chunk in itertools.islice(chunks, _AHEAD - len(self.chunks)):
            self.chunks.append(chunk)
            with contextlib.suppress(OSError):  # the process has exited, which the next `recv` reports
                self.pipe.send(chunk)

    def crashed_task(self):
        """Yield the task that crashed the process, which has exited, with its Outcome, if that is known."""
        reason, first = self.end(), self.chunks[0]
        if not first:
            raise UserError(f"decoding processes exit at once ({reason}); out of memory?")
        if len(first) == 1:
            yield first.pop(), Outcome("unread", f"decoding it crashed ({reason})")

    def end(self):
        """End the process, whatever it is doing; return its exit code or signal as text."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()
        code = self._process.exitcode
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _serve(pipe, job):
    """Decode the chunks of Tasks that come through the pipe, until its other end or the parent process is gone.

    Send a list of Outcomes for each, after an empty list for the start.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, which cannot block it
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and other libraries print to standard error
    parent = os.getppid()
    with open(job.records_path, "r+b", buffering=0) as records, contextlib.suppress(EOFError, OSError):
        pipe.send([])
        while True:
            outcomes = []
            for task in pipe.recv():
                if _is_orphan(parent):  # another run may own the file now
                    return
                outcomes.append(_decode_to_slot(task, records, job))
            pipe.send(outcomes)


def _is_orphan(parent):
    """Return whether the parent process, whose id was `parent`, has exited."""
    if _WINDOWS and hasattr(multiprocessing, "parent_process"):  # getppid() never changes on Windows
        return not multiprocessing.parent_process().is_alive()
    return os.getppid() != parent


def _decode_to_slot(task, records, job):
    """Decode one file, and write its record into its slot of the open file `records`; return the Outcome."""
    try:
        record = to_record(decode.decode(os.path.join(os.fsencode(job.folder), task.path), job.options, job.levels))
    except depths.UnknownLevelError as error:
        return Outcome("deep", depths.to_note(error.value_range))
    except decode.BadImageError as error:
        is_other = isinstance(error, decode.NotAnImageError) and not formats.has_image_extension(task.path)
        return Outcome("other" if is_other else "bad", str(error))
    except (OSError, MemoryError) as error:
        return Outcome("unread", getattr(error, "strerror", None) or "not enough memory to decode it")
    try:
        records.seek(task.slot * len(record))
        if records.write(record) != len(record):
            return Outcome("disk", "no space left on device")
    except OSError as error:
        return Outcome("disk", error.strerror)
    return Outcome("picture", task.note, int(checksums(record[None])[0]))
