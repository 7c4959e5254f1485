"""List the files in pics_dir with their sizes and modification times, without reading their contents."""

import os
import stat

from utils.errors import UserError

LAYOUT = "it should hold images as <class>/<n>.jpg"


class Scan:
    """The files below a folder; links are followed. The attributes are complete after one full iteration."""

    def __init__(self, pics_dir):
        """Raise UserError if pics_dir is not a folder or cannot be listed."""
        self.hidden = 0  # pipes, devices, sockets, and files and folders with a leading dot
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
        """Yield (path, size, mtime_ns, ctime_ns) of each file, in no particular order.

        path: relative to pics_dir; bytes, because a file name need not be valid text. mtime_ns: time of the last change
        to the content; tar, rsync and cp -p may set an older time. ctime_ns: time of the last change to the content,
        the name or the permissions; on Windows, the time of creation.
        """
        top = os.stat(self._root)
        # A stack, not recursion: folders can be nested deeper than Python's recursion limit. Each folder is stored with
        # its ancestors, because following a link back to one of them would never end.
        folders = [(b"", frozenset([(top.st_dev, top.st_ino)]))]
        while folders:
            folder, ancestors = folders.pop()
            for path, status in self._entries(folder):
                identity = status.st_dev, status.st_ino
                if stat.S_ISREG(status.st_mode):
                    times = (status.st_mtime_ns % 2**63, status.st_ctime_ns % 2**63)  # fits SQLite's largest integer
                    yield (path, status.st_size, *times)
                elif stat.S_ISDIR(status.st_mode) and identity not in ancestors:
                    folders.append((path, ancestors | {identity}))

    def _entries(self, folder):
        """Yield (path, stat) of everything in a folder that is readable and whose name has no leading dot."""
        try:
            names = os.listdir(os.path.join(self._root, folder))
        except OSError as error:
            self.unreadable.append((folder, f"folder: {error.strerror}"))
            names = []
        visible = [os.path.join(folder, name) for name in names if not name.startswith(b".")]
        self.hidden += len(names) - len(visible)
        for path in visible:
            try:
                status = os.stat(os.path.join(self._root, path))
            except OSError as error:  # for example a link to itself
                is_broken = isinstance(error, FileNotFoundError) and os.path.islink(os.path.join(self._root, path))
                self.unreadable.append((path, "broken link" if is_broken else error.strerror))
            else:
                self.hidden += not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode))
                yield path, status
