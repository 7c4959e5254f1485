"""The code of a decoding process, which decodes files and writes their records."""

import contextlib
import multiprocessing
import os
import signal
from typing import NamedTuple, Optional

from utils.data import decode, depths, formats
from utils.data.records import checksums, to_record

WINDOWS = os.name == "nt"


class Job(NamedTuple):
    """The settings that are the same for all files."""

    folder: str  # the files' paths are relative to it
    records_path: str  # the file that records are written to
    options: decode.DecodeOptions
    levels: dict  # see depths.estimate_levels; an image whose level is missing has the outcome "deep"


class Task(NamedTuple):
    """A file to decode."""

    path: bytes
    size: int  # file size in bytes
    mtime_ns: int
    note: str  # `reason` of the Outcome if the file is an image
    slot: int  # position of its record in the records file


class Outcome(NamedTuple):
    """The result for one file."""

    # "picture": an image, whose record is written; "deep": an image whose white level must be estimated first;
    # "bad": an unusable image; "other": not an image; "unread": a file that may be readable next time; "disk": the
    # record could not be written, which is not the image file's fault
    kind: str
    reason: str = ""  # why the kind is not "picture", or the text returned by depths.to_note
    checksum: Optional[int] = None  # checksum of the record of a "picture"
    profile: str = ""  # the fate of the color profile of a "picture"; see profiles.py


def decode_here(tasks, job):
    """Decode files in this process; see pool.decode_all."""
    with open(job.records_path, "r+b", buffering=0) as records:
        for task in tasks:
            yield task, _decode_to_slot(task, records, job)


def serve(pipe, job):
    """Decode the chunks of Tasks received through the pipe, until its other end closes or the parent process exits.

    Send an empty list at startup, then a list of Outcomes for each chunk.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, which cannot block the signal
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends this process, even if its parent was started to ignore it
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and other libraries print to standard error
    parent = os.getppid()
    with open(job.records_path, "r+b", buffering=0) as records, contextlib.suppress(EOFError, OSError):
        pipe.send([])
        while True:
            outcomes = []
            for task in pipe.recv():
                if _is_orphan(parent):  # another run may own the records file now
                    return
                outcomes.append(_decode_to_slot(task, records, job))
            pipe.send(outcomes)


def _is_orphan(parent):
    """Return whether the parent process, whose id was `parent`, has exited."""
    if WINDOWS and hasattr(multiprocessing, "parent_process"):  # getppid() never changes on Windows
        return not multiprocessing.parent_process().is_alive()
    return os.getppid() != parent


def _decode_to_slot(task, records, job):
    """Decode one file, and write its record into its slot of the open file `records`; return the Outcome."""
    try:
        path = os.path.join(os.fsencode(job.folder), task.path)
        image, profile = decode.decode(path, job.options, job.levels)
        record = to_record(image)
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
    return Outcome("picture", task.note, int(checksums(record[None])[0]), profile)
