"""Classes: the first-level folders of pics_dir that contain images."""

import os
import zlib

import numpy as np

from utils.config.names import normal_form
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
    classes = [name.decode("utf-8", "surrogateescape") for name in names]  # not os.fsdecode: independent of the locale
    return np.array([labels[folder] for folder in folders], np.int32), classes


def require_classes(dataset, run, trained=None, cure=""):
    """Return the images with the network's classes and labels; raise UserError if they do not fit.

    dataset: prepare.ImageDataset. trained: the names of the network's classes; None if it is not trained yet, and the
    images only need to have classes to learn. cure: the end of the message about different classes.
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
    if trained is not None and tuple(dataset.classes) == tuple(trained):
        return dataset
    _check_look_alikes(dataset.classes, run)
    if trained is None:
        return dataset
    rows = _rows(dataset.classes, trained)
    if rows is None:
        raise UserError(
            f"the classes in pics_dir = {run.pics_dir} are {', '.join(dataset.classes)}, but this run was trained on "
            f"{', '.join(trained)}; restore the folders{cure}"
        )
    labels, fingerprint = np.array(rows, np.int32)[dataset.labels], dataset.fingerprint
    if rows != sorted(rows):  # workers without the checkpoint keep the sorted order: fingerprints must differ
        fingerprint = f"{fingerprint} {zlib.crc32(labels):08x}"
    return dataset._replace(labels=labels, classes=list(trained), fingerprint=fingerprint)


def _check_look_alikes(classes, run):
    """Raise UserError if two names differ only in the composition of their letters."""
    names = {}
    for name in classes:
        other = names.setdefault(normal_form(name), name)
        if other != name:
            raise UserError(
                f"pics_dir = {run.pics_dir} has two class folders whose names look the same, {other!a} and "
                f"{name!a}; move their images into one of them, or set conditional = 0 in model/params.py"
            )


def _rows(classes, trained):
    """Return the index in `trained` of each class, [n]; None unless these are the same classes.

    Other compositions of the letters sort differently, so that the order of the names may differ.
    """
    known = [normal_form(name) for name in trained]
    # Version 0.12 and earlier recorded names as the locale decodes them, for example as Latin-1.
    for names in (classes, [os.fsdecode(name.encode("utf-8", "surrogateescape")) for name in classes]):
        names = [normal_form(name) for name in names]
        if sorted(names) == sorted(known):
            return [known.index(name) for name in names]
    return None
