"""Features that a file system lacks (locks, syncing of folders): one warning, and the run continues without them.

Network, cluster and shared file systems lack different features and report that with different error numbers. If an
operation is a safeguard only, any error of it therefore counts as a missing feature.
"""

import os
import sys

_warned = set()


def warn_unsupported(folder, feature, error, consequence):
    """Warn that the file system of `folder` lacks a feature, once in a process for each file system.

    error: the OSError that showed it; consequence: what is different now.
    """
    key = feature, os.stat(folder).st_dev
    if key not in _warned:
        _warned.add(key)
        text = f"{folder} is on a file system without {feature} ({error.strerror or error}); {consequence}"
        print(f"main.py: {text}", file=sys.stderr, flush=True)
