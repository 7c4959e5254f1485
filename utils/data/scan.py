"""Walk pics_dir: which files are there, how large, and how old. What is in them is not looked at here."""

import os
import stat
from typing import NamedTuple

from utils.errors import UserError

LAYOUT = "pictures belong in it as <class>/<n>.jpg"


class File(NamedTuple):
    """A file below pics_dir."""

    path: bytes  # relative to pics_dir: bytes, for names need not be text
    size: int
    mtime_ns: int


class Scan:
    """The files below a folder, links followed; iterate over it once, then ask it what was passed over."""

    def __init__(self, pics_dir):
        """Raise UserError where pics_dir is no folder, or cannot be listed."""
        self.hidden = 0  # files and folders with a leading dot, and pipes, devices and sockets
        self.unreadable = []  # (path, reason) of folders that cannot be listed, and of links that lead nowhere
        self._root = os.fsencode(pics_dir)
        try:
            with os.scandir(self._root):
                pass
        except FileNotFoundError:
            raise UserError("pics_dir = %s does not exist; %s" % (pics_dir, LAYOUT))
        except NotADirectoryError:
            raise UserError("pics_dir = %s is not a folder; %s" % (pics_dir, LAYOUT))
        except OSError as error:
            raise UserError("pics_dir = %s cannot be read (%s); change its permissions" % (pics_dir, error.strerror))

    def __iter__(self):
        """Yield each File, in no particular order."""
        top = os.stat(self._root)
        # A stack, not recursion, for folders can be nested deeper than Python's. With each folder go its ancestors: a
        # link back to one of them would be walked for ever.
        folders = [(b"", frozenset([(top.st_dev, top.st_ino)]))]
        while folders:
            folder, ancestors = folders.pop()
            try:
                with os.scandir(os.path.join(self._root, folder)) as entries:
                    for entry in entries:
                        path = os.path.join(folder, entry.name)
                        status = self._status(entry, path)
                        if status is None:
                            continue
                        if stat.S_ISREG(status.st_mode):
                            yield File(path, status.st_size, status.st_mtime_ns % 2**63)  # as much as SQLite holds
                        elif (status.st_dev, status.st_ino) not in ancestors:
                            folders.append((path, ancestors | {(status.st_dev, status.st_ino)}))
            except OSError as error:
                self.unreadable.append((folder, "folder: %s" % error.strerror))

    def _status(self, entry, path):
        """Return the stat of a file or folder to be looked at; None for any other entry, which is counted."""
        if entry.name.startswith(b"."):
            self.hidden += 1
            return None
        try:
            status = entry.stat()
        except FileNotFoundError:
            reason = "a link that leads nowhere" if entry.is_symlink() else "gone"
            self.unreadable.append((path, reason))
            return None
        except OSError as error:  # such as a link to itself
            self.unreadable.append((path, error.strerror))
            return None
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            self.hidden += 1
            return None
        return status
