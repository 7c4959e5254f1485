"""Features that a file system does not support, such as locks: warn once, and continue without them.

Network, cluster and shared file systems lack different features and report a missing one with different error numbers.
If an operation is only a safeguard, any error that it raises therefore counts as a missing feature.
"""

import os

from utils.errors import recorded_warnings, warn

_warned = {}  # {(feature, device): the latest warning}


def warn_unsupported(folder, feature, error, consequence):
    """Warn that the file system of `folder` does not support a feature, once per call of main.main() and file system.

    error: the OSError that revealed the missing feature; consequence: how its absence affects the user.
    """
    key = feature, os.stat(folder).st_dev
    if _warned.get(key) not in recorded_warnings:
        reason = error.strerror or error
        _warned[key] = f"the file system of {folder} does not support {feature} ({reason}); {consequence}"
        warn(_warned[key])
