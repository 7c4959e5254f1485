"""List the files in pics_dir with their sizes and modification times, without reading their contents."""

import collections
import heapq
import os
import stat

from utils.config.checks import normalized
from utils.errors import UserError

LAYOUT = "it should hold images as <class>/<n>.jpg"
REPEATED = "repeated"  # stands for a folder that is read at another path
# Folders that systems and storage devices make beside the user's own, in lower case: thumbnails, deleted files, old
# versions. Most others, such as .Trashes, have a leading dot.
_SYSTEM_FOLDERS = {
    b"$recycle.bin", b"system volume information", b"found.000",  # Windows
    b"__macosx", b"network trash folder", b"temporary items",  # macOS: ZIP archives, shared volumes
    b"lost+found",  # Linux
    b"@eadir", b"@tmp", b"#recycle", b"#snapshot",  # Synology
    b"@recycle", b"@recently-snapshot",  # QNAP
    b"~snapshot",  # NetApp
}  # fmt: skip


class Scan:
    """The files below a folder; links are followed. The attributes are complete after one full iteration."""

    def __init__(self, pics_dir, outputs=(), classes=()):
        """Raise UserError if pics_dir is not a folder or cannot be listed.

        outputs: (setting, folder) of each folder that the run writes to; no link may lead to it. classes: names of
        first-level folders that are not ignored, because the run has learned them as classes.
        """
        self.hidden = 0  # pipes, devices, sockets, and files and folders with a leading dot
        self.folders = collections.Counter()  # ignored folders: system folders by name, and REPEATED
        self.unreadable = []  # (path, reason) of folders that cannot be listed and of broken links
        self._root, self._real_root = os.fsencode(pics_dir), normalized(pics_dir)
        self._outputs = [(setting, folder, normalized(folder)) for setting, folder in outputs]
        self._classes = {name.encode("utf-8", "surrogateescape") for name in classes}
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

        A folder with several paths is read at one of them: the path without links, or else the path through the first
        link, in the order of their paths. Raise UserError if a link leads to an output folder.

        path: relative to pics_dir; bytes, because a file name need not be valid text. mtime_ns: time of the last change
        to the content; tar, rsync and cp -p may set an older time. ctime_ns: time of the last change to the content,
        the name or the permissions; on Windows, the time of creation.
        """
        # A stack, not recursion: folders can be nested deeper than Python's recursion limit.
        folders, links, visited = [(b"", _identity(os.stat(self._root)), False)], [], set()
        while folders or links:
            folder, identity, is_linked = folders.pop() if folders else heapq.heappop(links)
            # Only below links, because some file systems give different folders the same identity.
            if is_linked and identity in visited and folder not in self._classes:
                self.folders[REPEATED] += 1
                continue
            visited.add(identity)
            for path, status in self._entries(folder):
                if stat.S_ISREG(status.st_mode):
                    times = (status.st_mtime_ns % 2**63, status.st_ctime_ns % 2**63)  # fits SQLite's largest integer
                    yield (path, status.st_size, *times)
                elif self._is_link(path, status):
                    heapq.heappush(links, (path, _identity(status), True))
                else:
                    folders.append((path, _identity(status), is_linked))

    def _is_link(self, path, status):
        """Return whether a folder is a link; raise UserError if it leads to an output folder. status: its os.stat."""
        path = os.path.join(self._root, path)
        own = os.lstat(path)
        if not stat.S_ISLNK(own.st_mode) and own.st_ino == status.st_ino:  # they differ for a junction on Windows
            return False
        target = normalized(os.fsdecode(path))
        for setting, folder, output in self._outputs:
            if output.startswith(target) or (target.startswith(output) and not target.startswith(self._real_root)):
                raise UserError(
                    f"{os.fsdecode(path)} is a link to {os.path.realpath(os.fsdecode(path))}; the run would train on "
                    f"its own files in {setting} = {folder}; remove the link"
                )
        return True

    def _entries(self, folder):
        """Yield (path, stat) of the files and folders in a folder that are not ignored; count the others."""
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
                name, is_folder = os.path.basename(path), stat.S_ISDIR(status.st_mode)
                if is_folder and name.lower() in _SYSTEM_FOLDERS and path not in self._classes:
                    self.folders[os.fsdecode(name)] += 1
                elif is_folder or stat.S_ISREG(status.st_mode):
                    yield path, status
                else:
                    self.hidden += 1


def _identity(status):
    """Return the identity of a folder: the same at all its paths. status: its os.stat."""
    return status.st_dev, status.st_ino
