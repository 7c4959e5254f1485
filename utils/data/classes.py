"""Classes: the first-level folders of pics_dir that contain images."""

import os

import numpy as np

from utils.errors import UserError

NONE = -1  # the label of an image that is directly in pics_dir
_SEPARATOR = os.fsencode(os.sep)


def label_images(paths):
    """Return the labels of images, [n] int32, and the sorted names of the classes.

    paths: the images' paths relative to pics_dir, bytes. Names are not in the order of paths, where "a-b/" comes before
    "a/".
    """
    parts = (path.partition(_SEPARATOR) for path in paths)
    folders = [folder if separator else None for folder, separator, _ in parts]
    names = sorted({*folders} - {None})
    labels = {None: NONE, **{name: i for i, name in enumerate(names)}}
    return np.array([labels[folder] for folder in folders], np.int32), [os.fsdecode(name) for name in names]


def require_classes(dataset, run, trained=None):
    """Raise UserError if the images have no classes to learn, or if a network was trained on different classes.

    dataset: prepare.ImageDataset. trained: the names of the network's classes; None if it is not trained yet.
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
