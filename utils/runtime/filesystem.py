"""Features that a file system does not support, such as locks: warn once, and continue without them.

Network, cluster and shared file systems lack different features and report a missing one with different error numbers.
If an operation is only a safeguard, any error that it raises therefore counts as a missing feature.
"""

import os
import sys

_warned = set()


def warn_unsupported(folder, feature, error, consequence):
    """Warn that the file system of `folder` does not support a feature, once per process and file system.

    error: the OSError that revealed the missing feature; consequence: how its absence affects the user.
    """
    key = feature, os.stat(folder).st_dev
    if key not in _warned:
        _warned.add(key)
        text = f"the file system of {folder} does not support {feature} ({error.strerror or error}); {consequence}"
        print(f"main.py: {text}", file=sys.stderr, flush=True)
