"""Folders under paths that TensorFlow takes as they are.

TensorFlow reads some paths as patterns, where [ ] * ? \\ have a meaning, and accepts only valid UTF-8. If the path of a
folder has other characters than the usual ones, TensorFlow gets its path relative to the working directory, or a
temporary link to it.
"""

import contextlib
import os
import re
import tempfile

from utils.errors import UserError, reason_of

_USUAL = r"[\w/ .,:=@+~%()-]*" if os.sep == "/" else r"[\w/\\ .,:=@+~%()-]*"


def check(setting, folder):
    """Raise UserError if there is no path by which TensorFlow can use the folder that a setting names."""
    try:
        with plain_folder(folder):
            pass
    except OSError as error:
        raise UserError(
            f"{setting} = {folder}: TensorFlow does not take all characters of this path, and a link to it cannot be "
            f"made ({reason_of(error)}); choose another folder"
        )


@contextlib.contextmanager
def plain_folder(folder):
    """Yield a path of `folder`, an absolute one, that TensorFlow takes as it is; valid inside the context.

    Raise OSError if there is none.
    """
    paths = [folder]
    with contextlib.suppress(OSError, ValueError):  # the working directory was removed, or is on another drive
        paths.append(os.path.join(os.curdir, os.path.relpath(folder)))
    plain = next(filter(_is_plain, paths), None)
    if plain:
        yield plain
        return
    with tempfile.TemporaryDirectory(prefix="dcgan-") as parent:
        link = os.path.join(parent, "folder")
        if not _is_plain(link):
            raise OSError(f"the folder of temporary files, {tempfile.gettempdir()}, also has such a path")
        os.symlink(folder, link, target_is_directory=True)
        yield link


def _is_plain(path):
    return re.fullmatch(_USUAL, path) is not None
