"""Files that are never half written, lines that are written whole, and folders that can be written to."""

import contextlib
import errno
import os
import secrets
import tempfile

from utils.errors import UserError
from utils.runtime import filesystem

# What file systems answer that cannot sync files at all, among them some network ones.
_NO_FSYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def write(path, data):
    """Write bytes to `path` so that the name never has only a part of them; raise OSError if that fails.

    Several processes may write the same path at once: the last one wins.
    """
    part = f"{path}.{secrets.token_hex(4)}.part"
    try:
        with open(part, "xb") as file:
            file.write(data)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def append_line(path, line):
    """Add a line, given without its end, to a file: all of it or, with an OSError, nothing."""
    data = line.encode() + b"\n"
    with open(path, "ab", buffering=0) as file:
        length = file.seek(0, os.SEEK_END)
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            file.truncate(length)
            raise OSError(error.errno, error.strerror, path)


def make_writable(setting, folder):
    """Create the folder that a setting names and write to it as a test; raise UserError if that fails."""
    try:
        os.makedirs(folder, exist_ok=True)
        handle, path = tempfile.mkstemp(prefix=".writable-", dir=folder)
        os.close(handle)  # before it is removed: shares of other systems remove no open file
        os.remove(path)
    except OSError as error:
        if os.path.islink(folder) and not os.path.exists(folder):
            raise UserError(
                f"{setting} = {folder} is a broken link, to {os.readlink(folder)}; correct or remove the link"
            )
        reason = "it is a file" if os.path.isfile(folder) else error.strerror
        raise UserError(f"{setting} = {folder} cannot be written ({reason}); choose another folder")


def fsync_file(path):
    """Wait until the contents of a file are on the disk; raise OSError if that fails."""
    with open(path, "r+b") as file:  # Windows refuses (EBADF) a file that is open for reading only
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _NO_FSYNC:
                raise


def fsync_folder(path):
    """Wait until the names of the files in a folder are on the disk, where the system can do that: not on Windows.

    Shares of other systems fail in several ways. The files are complete all the same, so that is a warning.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except PermissionError:  # Windows opens no folders; elsewhere it may be writable but not readable
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        filesystem.warn_unsupported(path, "a sync of folders", error, "a power failure may cost the newest checkpoint")
    finally:
        os.close(descriptor)
