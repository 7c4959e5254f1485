"""Classes: the first-level folders of pics_dir that hold images."""

import os

import numpy as np

from utils.errors import UserError

NONE = -1  # the label of an image that is directly in pics_dir
_SEPARATOR = os.fsencode(os.sep)


class Labels:
    """Collects the class of each image."""

    def __init__(self, count):
        """count: of the images."""
        self._numbers = np.empty(count, np.int32)  # of the classes, in the order of their appearance
        self._folders = {}  # their numbers, by name

    def add(self, i, path):
        """Add image number i, whose path, bytes, is relative to pics_dir."""
        folder, separator, _ = path.partition(_SEPARATOR)
        self._numbers[i] = self._folders.setdefault(folder, len(self._folders)) if separator else NONE

    def sorted(self):
        """Return (labels, names): [n] int32, an index into the sorted names of the classes or NONE; list of str.

        In the order of paths, in which images are added, "a-b/" comes before "a/"; in that of names, after it.
        """
        names = sorted(self._folders)
        rank = {name: i for i, name in enumerate(names)}
        labels = np.array([rank[name] for name in self._folders] + [NONE], np.int32)[self._numbers]
        return labels, [os.fsdecode(name) for name in names]


def require_classes(dataset, run, trained=None):
    """Raise UserError if the images have no classes to learn, or different ones than a network was trained on.

    dataset: prepare.ImageDataset. trained: the names of the network's classes; None: it is not trained yet.
    """
    outside = int((dataset.labels == NONE).sum())
    if outside:
        raise UserError(
            f"conditional = 1 requires every image to be in a class folder; {outside} of {dataset.n} are directly "
            f"in pics_dir = {run.pics_dir}; move them into folders, or set conditional = 0 in model/params.py"
        )
    if len(dataset.classes) < 2:
        raise UserError(
            f"conditional = 1 requires at least two class folders, but pics_dir = {run.pics_dir} has only "
            f"{dataset.classes[0]}; add another one, or set conditional = 0 in model/params.py"
        )
    if trained is not None and tuple(dataset.classes) != tuple(trained):
        raise UserError(
            f"the classes in pics_dir = {run.pics_dir} are {', '.join(dataset.classes)}, but this run was trained on "
            f"{', '.join(trained)}; restore the folders, or start a new run with different --checkpoints_dir and "
            "--samples_dir"
        )
