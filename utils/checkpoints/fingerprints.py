"""Fingerprints of the images that a run was last trained on, in a file beside its checkpoints.

They tell a data set to which images were added, or from which images were removed, from a different one. The file is a
line with a checksum, a JSON line, and two 32-bit integers per image: see ImageDataset.fingerprints.
"""

import hashlib
import json
import os
from typing import Any, NamedTuple

import numpy as np

from utils.data.report import headline
from utils.output import files

FILE = "fingerprints.bin"


class TrainingImages(NamedTuple):
    """The images that a run was last trained on."""

    headline: str  # number of images, folder and classes
    fingerprints: Any  # [n, 2] uint32, without copies of images

    def describe_difference(self, dataset, run):
        """Return how an ImageDataset, loaded with the run settings, differs if it is a different data set; else "".

        A data set is different if it and the recorded one share fewer than half of the images of the smaller one.
        """
        now = _distinct(dataset.fingerprints)
        # A different crop, white level or version of Pillow changes the pixels, but not the file.
        is_known = np.isin(now[:, 0], self.fingerprints[:, 0]) | np.isin(now[:, 1], self.fingerprints[:, 1])
        shared = int(is_known.sum())
        if 2 * shared >= min(len(now), len(self.fingerprints)):
            return ""
        return (
            f"pics_dir = {run.pics_dir} is a different data set: it contains {shared} of the images that this run was "
            f"trained on ({self.headline})"
        )


def _distinct(fingerprints):
    """Return the rows without copies: the first of all images with the same pixels."""
    return fingerprints[np.unique(fingerprints[:, 0], return_index=True)[1]]


def write(folder, run_id, dataset, run):
    """Record an ImageDataset, loaded with the run settings, as the images of the run; raise OSError if that fails."""
    header = json.dumps({"run": run_id, "images": headline(dataset, run)}).encode()
    content = header + b"\n" + _distinct(dataset.fingerprints).astype("<u4").tobytes()
    files.write(os.path.join(folder, FILE), _checksum(content) + b"\n" + content, sync=True)


def read(folder, run_id):
    """Return the TrainingImages of a run; None if its file is missing or damaged, or belongs to a different run."""
    try:
        with open(os.path.join(folder, FILE), "rb") as file:
            checksum, _, content = file.read().partition(b"\n")
    except OSError:
        return None
    if checksum != _checksum(content):
        return None
    header, _, rows = content.partition(b"\n")
    header = json.loads(header.decode())
    if header["run"] != run_id:
        return None
    return TrainingImages(header["images"], np.frombuffer(rows, "<u4").reshape(-1, 2))


def _checksum(content):
    return hashlib.sha256(content).hexdigest().encode()
