"""Write files and lines completely or not at all, and check that the program can use a folder."""

import contextlib
import errno
import os
import re
import secrets
import tempfile

from utils.errors import UserError, reason_of
from utils.runtime import filesystem

# Errors from file systems that do not support fsync at all, including some network file systems.
_NO_FSYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
# Paths that TensorFlow takes literally.
_PLAIN = re.compile(r"[\w/ .,:=@+~%()-]*" if os.sep == "/" else r"[\w/\\ .,:=@+~%()-]*")


def write(path, data, sync=False):
    """Write bytes to `path` atomically, so that the file is never incomplete; raise OSError if that fails.

    sync: wait until the bytes are on disk. If several processes write to the same path, the last one wins.
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
    """Append a line, given without its newline, to a file; if that fails, restore the file and raise OSError.

    The line may consist of several, which are then appended together.
    """
    data = line.encode() + b"\n"
    with open(path, "a+b", buffering=0) as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - 1))
        if file.read(1) not in (b"", b"\n"):  # another program has saved the file without its last line end
            data = b"\n" + data
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            file.truncate(length)
            raise OSError(error.errno, error.strerror, path)


def make_writable(setting, folder):
    """Create the folder that a setting names and test that it is writable; raise UserError if not."""
    try:
        os.makedirs(folder, exist_ok=True)
        # The file is closed before it is removed: some network file systems cannot remove an open file.
        with tempfile.NamedTemporaryFile(prefix=".writable-", dir=folder):
            pass
    except OSError as error:
        if os.path.islink(folder) and not os.path.exists(folder):
            target = os.readlink(folder)
            raise UserError(f"{setting} = {folder} is a broken link, to {target}; correct or remove the link")
        reason = "it is a file" if os.path.isfile(folder) else error.strerror
        raise UserError(f"{setting} = {folder} cannot be written ({reason}); choose another folder")


def check_plain(setting, folder):
    """Raise UserError if TensorFlow has no usable path to the folder that a setting names."""
    try:
        with plain_folder(folder):
            pass
    except OSError as error:
        raise UserError(
            f"{setting} = {folder}: TensorFlow does not accept all characters in this path, and a link to it cannot be "
            f"created ({reason_of(error)}); choose another folder"
        )


@contextlib.contextmanager
def plain_folder(folder):
    """Yield a path that leads to the absolute path `folder` and that TensorFlow takes literally inside this context.

    TensorFlow treats some paths as patterns, in which [ ] * ? \\ are special, and accepts only valid UTF-8. If `folder`
    contains unusual characters, yield its path relative to the working directory, or a temporary link to it. Raise
    OSError if neither is possible.
    """
    paths = [folder]
    with contextlib.suppress(OSError, ValueError):  # the working directory was removed, or is on another drive
        paths.append(os.path.join(os.curdir, os.path.relpath(folder)))
    plain = next(filter(_PLAIN.fullmatch, paths), None)
    if plain:
        yield plain
        return
    with tempfile.TemporaryDirectory(prefix="dcgan-") as parent:
        link = os.path.join(parent, "folder")
        if not _PLAIN.fullmatch(link):
            raise OSError(f"the path of the temporary folder, {tempfile.gettempdir()}, has such characters as well")
        os.symlink(folder, link, target_is_directory=True)
        yield link


def fsync_file(path):
    """Wait until a file's contents are on disk, if its file system supports fsync; raise OSError if that fails."""
    with open(path, "r+b") as file:  # Windows rejects (EBADF) a file that is open only for reading
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _NO_FSYNC:
                raise


def fsync_folder(path):
    """Wait until a folder's entries are on disk; do nothing without permission to open the folder, as on Windows.

    Syncing a folder fails in various ways on network file systems. The files are complete anyway, so a failure causes
    only a warning.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except PermissionError:  # Windows cannot open folders; elsewhere, the folder may be writable but not readable
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        filesystem.warn_unsupported(path, "syncing folders", error, "a power failure may cost the newest checkpoint")
    finally:
        os.close(descriptor)
