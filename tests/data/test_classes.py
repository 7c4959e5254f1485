"""Classes: labels by folder, and whether a network can learn, or has learned, these classes."""

import numpy as np
import pytest
from conftest import InMemory

from utils import data
from utils.data.classes import label_images
from utils.errors import UserError


def images_of(labels, classes):
    return data.ImageDataset(InMemory(np.zeros((len(labels), 2, 2, 3), np.uint8)), np.int32(labels), classes, "", None)


def refused(dataset, run, trained=None):
    with pytest.raises(UserError) as raised:
        data.require_classes(dataset, run, trained)
    return str(raised.value)


def test_labels_are_indices_into_the_sorted_names():
    paths = [b"a-b/1.jpg", b"a/1.jpg", b"a/a-b/1.jpg", b"lone.jpg", b"z\xff/1.jpg"]  # as sorted by the index
    labels, names = label_images(paths)
    assert names == ["a", "a-b", "z\udcff"] and labels.dtype == np.int32
    assert labels.tolist() == [1, 0, 0, -1, 2]


def test_classes_that_can_be_learnt_or_are_the_same(tiny):
    dataset = images_of([0, 1, 1], ["a", "b"])
    data.require_classes(dataset, tiny.run)
    data.require_classes(dataset, tiny.run, trained=("a", "b"))


def test_images_outside_of_class_folders(tiny):
    assert refused(images_of([0, -1, 1, -1], ["a", "b"]), tiny.run) == (
        "conditional = 1 requires every image to be in a class folder; 2 of 4 are directly in pics_dir = "
        f"{tiny.run.pics_dir}; move them into folders, or set conditional = 0 in model/params.py"
    )


def test_a_single_class(tiny):
    assert refused(images_of([0, 0], ["a"]), tiny.run) == (
        f"conditional = 1 requires at least two class folders, but pics_dir = {tiny.run.pics_dir} has only a; add "
        "another one, or set conditional = 0 in model/params.py"
    )


@pytest.mark.parametrize("trained", (("a", "c"), ("a",), ("a", "b", "c"), ("b", "a")))
def test_classes_that_the_network_was_not_trained_on(tiny, trained):
    line = refused(images_of([0, 1], ["a", "b"]), tiny.run, trained)
    assert f"the classes in pics_dir = {tiny.run.pics_dir} are a, b, but this run was trained on " in line
    assert ", ".join(trained) + "; restore the folders, or start a new run with different --checkpoints_dir" in line
