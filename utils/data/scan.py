"""List the files in pics_dir with their sizes and modification times, without reading their contents."""

import os
import stat
from typing import NamedTuple

from utils.errors import UserError

LAYOUT = "it should hold images as <class>/<n>.jpg"


class File(NamedTuple):
    """A file below pics_dir."""

    path: bytes  # relative to pics_dir; bytes, because a file name need not be valid text
    size: int
    mtime_ns: int  # time of the last change of its content; tar, rsync and cp -p set it back
    ctime_ns: int  # time of the last change of its content, name or permissions, or on Windows of its creation


class Scan:
    """The files below a folder; links are followed. Its attributes are complete after one iteration over it."""

    def __init__(self, pics_dir):
        """Raise UserError if pics_dir is not a folder or cannot be listed."""
        self.hidden = 0  # files and folders with a leading dot, and pipes, devices and sockets
        self.unreadable = []  # (path, reason) of folders that cannot be listed and of broken links
        self._root = os.fsencode(pics_dir)
        try:
            os.scandir(self._root).close()
        except FileNotFoundError:
            reason = "does not exist"
            if os.path.islink(pics_dir):
                reason = f"is a broken link, to {os.readlink(pics_dir)}; correct the link"
            raise UserError(f"pics_dir = {pics_dir} {reason}; {LAYOUT}")
        except NotADirectoryError:
            raise UserError(f"pics_dir = {pics_dir} is not a folder; {LAYOUT}")
        except OSError as error:
            raise UserError(f"pics_dir = {pics_dir} cannot be read ({error.strerror}); change its permissions")

    def __iter__(self):
        """Yield each File, in no particular order."""
        top = os.stat(self._root)
        # A stack, not recursion: folders can be nested deeper than Python's recursion limit. Each folder is kept with
        # its ancestors, because following a link back to one of them would never end.
        folders = [(b"", frozenset([(top.st_dev, top.st_ino)]))]
        while folders:
            folder, ancestors = folders.pop()
            for path, status in self._entries(folder):
                identity = status.st_dev, status.st_ino
                if stat.S_ISREG(status.st_mode):
                    times = (status.st_mtime_ns % 2**63, status.st_ctime_ns % 2**63)  # the largest integer of SQLite
                    yield File(path, status.st_size, *times)
                elif not stat.S_ISDIR(status.st_mode):
                    self.hidden += 1
                elif identity not in ancestors:
                    folders.append((path, ancestors | {identity}))

    def _entries(self, folder):
        """Yield (path, stat) of everything in a folder that is neither hidden nor unreadable."""
        try:
            with os.scandir(os.path.join(self._root, folder)) as entries:
                for entry in entries:
                    if entry.name.startswith(b"."):
                        self.hidden += 1
                    else:
                        yield from self._stat(entry, os.path.join(folder, entry.name))
        except OSError as error:
            self.unreadable.append((folder, f"folder: {error.strerror}"))

    def _stat(self, entry, path):
        """Yield (path, stat) of a file or folder, or nothing if it is unreadable."""
        try:
            status = entry.stat()
            if stat.S_ISDIR(status.st_mode) and not status.st_ino:  # Windows: only os.stat has a folder's identity
                status = os.stat(os.path.join(self._root, path))
            yield path, status
        except OSError as error:  # for example a link to itself
            is_broken = isinstance(error, FileNotFoundError) and entry.is_symlink()
            self.unreadable.append((path, "broken link" if is_broken else error.strerror))
