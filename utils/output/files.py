"""Files that are never half written, lines that are written whole, and folders that can be written to."""

import contextlib
import errno
import os
import secrets
import tempfile

from utils.errors import UserError
from utils.runtime import filesystem

# Errors of file systems that cannot sync files at all, among them some network ones.
_NO_FSYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def write(path, data, sync=False):
    """Write bytes to `path` so that the name never has only a part of them; raise OSError if that fails.

    sync: wait until they are on the disk. Several processes may write the same path at once: the last one wins.
    """
    part = f"{path}.{secrets.token_hex(4)}.part"
    try:
        with open(part, "xb") as file:
            file.write(data)
        if sync:
            fsync_file(part)
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
        # Closed before it is removed: file systems shared by other computers may not remove an open file.
        with tempfile.NamedTemporaryFile(prefix=".writable-", dir=folder):
            pass
    except OSError as error:
        if os.path.islink(folder) and not os.path.exists(folder):
            target = os.readlink(folder)
            raise UserError(f"{setting} = {folder} is a broken link, to {target}; correct or remove the link")
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
    """Wait until the names of the files in a folder are on the disk; Windows cannot do that, and nothing happens.

    File systems shared by other computers fail in several ways. The files are complete all the same, so that a failure
    is a warning.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except PermissionError:  # Windows opens no folders; on other systems it may be writable but not readable
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        filesystem.warn_unsupported(path, "a sync of folders", error, "a power failure may cost the newest checkpoint")
    finally:
        os.close(descriptor)
