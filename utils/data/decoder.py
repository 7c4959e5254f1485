"""What a decoding process does: decode files, and write the record of each into its slot of the records file."""

import contextlib
import multiprocessing
import os
import signal
from typing import NamedTuple, Optional

from utils.data import decode, depths, formats
from utils.data.records import checksums, to_record

_WINDOWS = os.name == "nt"


class Job(NamedTuple):
    """What is the same for all files."""

    folder: str  # the files' paths are relative to it
    records_path: str  # the file that records are written to
    options: decode.DecodeOptions
    levels: dict  # see depths.estimate_levels; without that of an image its outcome is "deep"


class Outcome(NamedTuple):
    """The result for one file."""

    # "picture", "deep" (an image whose white must be judged first), "other" (not an image), "bad" (an unusable
    # image), "unread", or "disk"
    kind: str
    checksum: Optional[int]  # of the record of a "picture"
    # Why it is not a "picture"; of one of more than 8 bits, a depths.Note. "unread": the file may be readable the next
    # time. "disk": the record could not be written, which is not the file's fault.
    reason: str


def decode_here(tasks, job):
    """Decode files in this process; tasks and results: as of pool.decode_all."""
    with open(job.records_path, "r+b", buffering=0) as records:
        for task in tasks:
            path = os.path.join(os.fsencode(job.folder), task[0])
            yield task, decode_to_slot(path, task[1], records, job.options, job.levels)


def serve(pipe, job):
    """Decode the files that come through the pipe, until its other end is closed or the parent process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Windows, where it could not be blocked
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and other libraries print to standard error
    is_orphan, folder = _orphan_check(), os.fsencode(job.folder)
    with open(job.records_path, "r+b", buffering=0) as records, contextlib.suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            outcomes = []
            for path, slot in pipe.recv():
                if is_orphan():  # parent is gone: another run may own the file now
                    return
                outcomes.append(decode_to_slot(os.path.join(folder, path), slot, records, job.options, job.levels))
            pipe.send(outcomes)


def _orphan_check():
    """Return a function that returns whether the parent process has exited."""
    if _WINDOWS and hasattr(multiprocessing, "parent_process"):  # there, getppid() never changes
        return lambda: not multiprocessing.parent_process().is_alive()
    parent = os.getppid()
    return lambda: os.getppid() != parent


def decode_to_slot(path, slot, records, options, levels):
    """Decode one file, and write its record into a slot of the open file `records`; return the Outcome."""
    try:
        record = to_record(decode.decode(path, options, levels))
    except depths.UnknownLevelError as error:
        return Outcome("deep", None, depths.Note(error.value_range, ()).to_text())
    except decode.NotAnImageError as error:
        return Outcome("bad" if formats.claims_to_be_an_image(path) else "other", None, str(error))
    except decode.BadImageError as error:
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
