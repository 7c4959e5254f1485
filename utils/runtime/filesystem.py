"""What a file system lacks, such as locks or a sync of folders: told once, and the work goes on without it.

Network, cluster and shared file systems lack different things, and say so with different error numbers. So whatever
error an operation gives that is a safeguard only, it counts as lacking.
"""

import os
import sys

_warned = set()


def warn_unsupported(folder, what, error, consequence):
    """Warn that the file system of `folder` lacks `what`, once in a process for each file system.

    error: the OSError that showed it; consequence: what is different now.
    """
    key = what, os.stat(folder).st_dev
    if key not in _warned:
        _warned.add(key)
        text = f"{folder} is on a file system without {what} ({error.strerror or error}); {consequence}"
        print(f"main.py: {text}", file=sys.stderr, flush=True)
