"""Folders under paths that TensorFlow takes as they are.

It reads some paths as patterns, where [ ] * ? \\ have a meaning, and accepts only valid UTF-8. A folder with any but
the usual characters in its path is given to it relative to the working directory, or under a temporary link.
"""

import contextlib
import os
import re
import tempfile

from utils.errors import UserError, reason_of

_USUAL = r"[\w/ .,:=@+~%()-]*" if os.sep == "/" else r"[\w/\\ .,:=@+~%()-]*"


def check(setting, folder):
    """Raise UserError if TensorFlow cannot be given the folder that a setting names."""
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
    """Yield a path of `folder`, an absolute one, that TensorFlow takes as it is; valid inside the block.

    Raise OSError if there is none.
    """
    path = next(filter(_is_plain, _names_of(folder)), None)
    if path:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="dcgan-") as place:
        link = os.path.join(place, "folder")
        if not _is_plain(link):
            raise OSError(f"{tempfile.gettempdir()}, the folder of temporary files, has such a path, too")
        os.symlink(folder, link, target_is_directory=True)
        yield link


def _names_of(folder):
    yield folder
    with contextlib.suppress(OSError, ValueError):  # a working directory that is gone; another drive of Windows
        yield os.path.join(os.curdir, os.path.relpath(folder))


def _is_plain(path):
    return re.fullmatch(_USUAL, path) is not None
