"""Classes: labels by folder, and whether a network can learn, or has learned, these classes."""

import numpy as np
import pytest
from conftest import InMemory

from utils import data
from utils.data import classes
from utils.data.classes import label_images
from utils.errors import UserError


def images_of(labels, names):
    return data.ImageDataset(InMemory(np.zeros((len(labels), 2, 2, 3), np.uint8)), np.int32(labels), names, "", None)


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
    assert data.require_classes(dataset, tiny.run) is dataset
    assert data.require_classes(dataset, tiny.run, trained=("a", "b")) is dataset


@pytest.mark.parametrize("found", (["cafe\u0301", "cafz"], ["cafz", "caf\xe9"]), ids=("decomposed", "composed"))
@pytest.mark.parametrize("trained", (("cafe\u0301", "cafz"), ("cafz", "caf\xe9"), ("caf\udcc3\udca9", "cafz")))
def test_labels_follow_the_network_if_letters_are_composed_differently(tiny, found, trained):
    """Composed letters sort differently, but the network has learned the order."""
    dataset = images_of([0, 1, 1], found)._replace(fingerprint="3 abc")
    fitted = data.require_classes(dataset, tiny.run, trained)
    assert tuple(fitted.classes) == trained and fitted.labels.dtype == np.int32
    for before, after in zip([0, 1, 1], fitted.labels):
        assert (found[before] == "cafz") == (trained[after] == "cafz")
    has_other_labels = fitted.labels.tolist() != [0, 1, 1]
    assert (fitted.fingerprint != "3 abc") == has_other_labels and fitted.fingerprint.startswith("3 abc")


def test_names_that_version_0_12_recorded_in_a_latin_1_locale(tiny, monkeypatch):
    dataset = images_of([0, 1], ["b", "caf\xe9"])
    assert "this run was trained on b, caf\xc3\xa9" in refused(dataset, tiny.run, ("b", "caf\xc3\xa9"))
    monkeypatch.setattr(classes.os, "fsdecode", lambda name: name.decode("latin-1"))
    assert label_images([b"caf\xc3\xa9/1.jpg"])[1] == ["caf\xe9"]
    assert data.require_classes(dataset, tiny.run, ("b", "caf\xc3\xa9")).labels.tolist() == [0, 1]


@pytest.mark.parametrize("trained", (None, ("a", "caf\xe9")))
def test_two_folders_whose_names_look_the_same(tiny, trained):
    dataset = images_of([0, 1, 2], ["cafe\u0301", "cafz", "caf\xe9"])
    assert refused(dataset, tiny.run, trained) == (
        f"pics_dir = {tiny.run.pics_dir} has two class folders whose names look the same, 'cafe\\u0301' and "
        "'caf\\xe9'; move their images into one of them, or set conditional = 0 in model/params.py"
    )
    assert data.require_classes(dataset, tiny.run, tuple(dataset.classes)) is dataset  # as earlier versions trained


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


@pytest.mark.parametrize("trained", (("a", "c"), ("a",), ("a", "b", "c"), ("a", "a")))
def test_classes_that_the_network_was_not_trained_on(tiny, trained):
    line = refused(images_of([0, 1], ["a", "b"]), tiny.run, trained)
    assert f"the classes in pics_dir = {tiny.run.pics_dir} are a, b, but this run was trained on " in line
    assert line.endswith(", ".join(trained) + "; restore the folders")
