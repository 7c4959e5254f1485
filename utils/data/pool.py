"""Processes that decode pictures, on all cores. One that a file brings down takes no other file with it.

`concurrent.futures` does not tell which task broke its pool, and leaves its processes behind when this one is killed.
"""

import collections
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
from typing import NamedTuple, Optional

from utils.data import decode
from utils.data.records import checksums, to_record
from utils.errors import UserError

# A message holds so many files, or so many bytes of files, whichever comes first. Of small ones, a message each would
# take about as long as the decoding; of large ones, the last message would keep one process at work while the others
# are done.
_FILES, _BYTES = 32, 200000
_AHEAD = 2  # messages that a process has before it, so that it never waits for the next


class Outcome(NamedTuple):
    """What became of a file."""

    kind: str  # "picture", "other" (no picture at all), "bad" (one that cannot be used), "unread", or "disk"
    checksum: Optional[int]  # of the record of a "picture"
    # Why the others are none. "unread" is a file that may be readable the next time; "disk" a record that could not be
    # written, which is no fault of the file's.
    reason: str


def cores():
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def decode_all(tasks, folder, records_path, recipe, processes):
    """Decode files below `folder`, and write the record of each into its slot, of the file `records_path`.

    tasks: iterable of (path, slot, size of the file, ...). Yields (task, Outcome) as they come. Raise UserError where
    no process can be started.
    """
    messages = _messages(tasks)
    again = collections.deque()  # messages that a process had before it when it died, cut up into single tasks
    workers = {}  # each by its pipe

    def start():
        worker = _Worker(folder, records_path, recipe)
        workers[worker.pipe] = worker
        fill(worker)

    def fill(worker):
        while len(worker.messages) < _AHEAD:
            message = again.popleft() if again else next(messages, None)
            if message is None:
                break
            worker.give(message)

    try:
        for _ in range(processes):
            start()
        while any(worker.messages for worker in workers.values()):
            for pipe in multiprocessing.connection.wait([p for p, w in workers.items() if w.messages]):
                worker = workers[pipe]
                try:
                    outcomes = pipe.recv()
                except (EOFError, OSError):
                    del workers[pipe]
                    worker.end()
                    if not worker.ready:
                        how = worker.how_it_ended()
                        raise UserError("the processes that decode pictures end at once (%s); is memory short?" % how)
                    first, *others = worker.messages
                    if len(first) == 1:
                        reason = "decoding it ended the process (%s)" % worker.how_it_ended()
                        yield first[0], Outcome("unread", None, reason)
                    else:  # one of these; which, their decoding one by one will show
                        others.insert(0, first)
                    again.extend([task] for message in others for task in message)
                    start()
                    continue
                if not worker.ready:
                    worker.ready = True  # that was all it said
                    continue
                yield from zip(worker.messages.popleft(), (Outcome(*outcome) for outcome in outcomes))
                fill(worker)
    finally:
        for worker in workers.values():
            worker.end()


def _messages(tasks):
    """Yield the tasks in lists, each as much as a process should be given at a time."""
    message, size = [], 0
    for task in tasks:
        message.append(task)
        size += task[2]
        if len(message) == _FILES or size > _BYTES:
            yield message
            message, size = [], 0
    if message:
        yield message


class _Worker:
    """A process, and the messages that were given to it and are not answered."""

    def __init__(self, *arguments):
        context = multiprocessing.get_context("spawn")  # a fork would have TensorFlow's threads locked for ever
        self.messages = collections.deque()
        self.ready = False
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, *arguments), daemon=True)
        # Ctrl-C is for the parent; a new process inherits what is blocked at its start.
        blocked = hasattr(signal, "pthread_sigmask") and signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            if blocked is not False:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()  # so that the end of the process is the end of the pipe

    def give(self, message):
        self.messages.append(message)
        with contextlib.suppress(OSError):  # it died; reading from it will tell
            self.pipe.send([task[:2] for task in message])

    def how_it_ended(self):
        code = self._process.exitcode
        return "signal %d" % -code if code is not None and code < 0 else "exit code %s" % code

    def end(self):
        """End the process, whatever it is doing."""
        self.pipe.close()
        self._process.terminate()
        self._process.join()


def _work(pipe, folder, records_path, recipe):
    """Decode what comes through the pipe, until its other end is closed or the process there is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # libtiff and others write their remarks there
    folder, parent = os.fsencode(folder), os.getppid()
    with open(records_path, "r+b", buffering=0) as records, contextlib.suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            outcomes = []
            for path, slot in pipe.recv():
                if os.getppid() != parent:  # it was killed, and with it goes the right to write
                    return
                outcomes.append(_decode_one(os.path.join(folder, path), records, slot, recipe))
            pipe.send(outcomes)


def _decode_one(path, records, slot, recipe):
    try:
        record = to_record(decode.decode(path, recipe))
    except decode.NotAPictureError as error:
        return Outcome("bad" if decode.claims_to_be_a_picture(path) else "other", None, str(error))
    except decode.BadPictureError as error:
        return Outcome("bad", None, str(error))
    except MemoryError:
        return Outcome("unread", None, "not enough memory to decode it")
    except OSError as error:
        return Outcome("unread", None, error.strerror or str(error))
    try:
        records.seek(slot * len(record))
        written = records.write(record)
    except OSError as error:
        return Outcome("disk", None, error.strerror)
    if written != len(record):
        return Outcome("disk", None, "no space left on device")
    return Outcome("picture", int(checksums(record[None])[0]), "")
