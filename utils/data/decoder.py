"""The work of a decoding process: decode files, and write the record of each into its slot of the records file."""

import contextlib
import multiprocessing
import os
import signal
from typing import NamedTuple, Optional

from utils.data import decode, depths, formats
from utils.data.records import checksums, to_record

_WINDOWS = os.name == "nt"


class Job(NamedTuple):
    """The settings that are the same for all files."""

    folder: str  # the files' paths are relative to it
    records_path: str  # the file of the records
    options: decode.DecodeOptions
    levels: dict  # see depths.estimate_levels; an image whose level is missing has the outcome "deep"


class Task(NamedTuple):
    """A file to decode."""

    path: bytes
    slot: int  # for its record
    size: int  # file size in bytes
    mtime_ns: int


class Outcome(NamedTuple):
    """The result for one file."""

    # "picture": an image, whose record is written; "deep": an image whose white must be estimated first; "bad": an
    # unusable image; "other": not an image; "unread": a file that may be readable the next time; "disk": the record
    # could not be written, which is not the file's fault
    kind: str
    reason: str = ""  # why it is not a "picture"; a depths.Note for images of more than 8 bits
    checksum: Optional[int] = None  # checksum of the record of a "picture"


def decode_here(tasks, job):
    """Decode files in this process; see pool.decode_all."""
    with open(job.records_path, "r+b", buffering=0) as records:
        for task in tasks:
            yield task, decode_to_slot(task, records, job)


def serve(pipe, job):
    """Decode the chunks of Tasks that come through the pipe, until its other end or the parent process is gone.

    Send a list of Outcomes for each, after an empty list for the start.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, which cannot block it
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and other libraries print to standard error
    is_orphan = _orphan_check()
    with open(job.records_path, "r+b", buffering=0) as records, contextlib.suppress(EOFError, OSError):
        pipe.send([])
        while True:
            outcomes = []
            for task in pipe.recv():
                if is_orphan():  # another run may own the file now
                    return
                outcomes.append(decode_to_slot(task, records, job))
            pipe.send(outcomes)


def _orphan_check():
    """Return a function that returns whether the parent process has exited."""
    if _WINDOWS and hasattr(multiprocessing, "parent_process"):  # getppid() never changes on Windows
        return lambda: not multiprocessing.parent_process().is_alive()
    parent = os.getppid()
    return lambda: os.getppid() != parent


def decode_to_slot(task, records, job):
    """Decode one file, and write its record into its slot of the open file `records`; return the Outcome."""
    try:
        record = to_record(decode.decode(os.path.join(os.fsencode(job.folder), task.path), job.options, job.levels))
    except depths.UnknownLevelError as error:
        return Outcome("deep", depths.Note(error.value_range, ()).to_text())
    except decode.BadImageError as error:
        is_other = isinstance(error, decode.NotAnImageError) and not formats.has_image_extension(task.path)
        return Outcome("other" if is_other else "bad", str(error))
    except (OSError, MemoryError) as error:
        return Outcome("unread", getattr(error, "strerror", None) or "not enough memory to decode it")
    try:
        records.seek(task.slot * len(record))
        written = records.write(record)
    except OSError as error:
        return Outcome("disk", error.strerror)
    if written != len(record):
        return Outcome("disk", "no space left on device")
    return Outcome("picture", checksum=int(checksums(record[None])[0]))
