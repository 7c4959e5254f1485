"""The fingerprints of a run's images tell a changed data set from a different one."""

from types import SimpleNamespace

import numpy as np
import pytest

from utils.checkpoints import fingerprints

RUN = SimpleNamespace(pics_dir="mine")


def images(pixels, files=None):
    """Return a data set of one class, as far as it matters here; pixels, files: the fingerprints of its images."""
    pixels = np.uint32(pixels)
    columns = [pixels, pixels + 10**6 if files is None else np.uint32(files)]
    return SimpleNamespace(
        n=len(pixels), labels=np.zeros(len(pixels), int), classes=["a"], fingerprints=np.stack(columns, axis=1)
    )


@pytest.fixture
def recorded(tmp_path):
    """A record of 100 images."""
    fingerprints.write(str(tmp_path), "1f", images(range(100)), SimpleNamespace(pics_dir="/pics"))
    return fingerprints.read(str(tmp_path), "1f")


@pytest.mark.parametrize(
    "pixels",
    (
        range(99, -1, -1),  # in a different order
        range(60, 100),  # 60% were removed
        [7],
        range(1000),  # images were added
        [*range(50), *range(1000, 1050)],  # half were replaced
        [*range(20), *range(1000, 1020)],  # 80% were removed, and the same number was added
        [*range(50), *range(1000, 9000)],
        [*range(2), *[1000] * 500],  # copies count once
    ),
)
def test_a_changed_data_set(recorded, pixels):
    assert recorded.describe_difference(images(pixels, files=np.arange(len(pixels)) + 10**7), RUN) == ""


@pytest.mark.parametrize(
    "pixels, shared",
    (
        ([1000], 0),
        (range(1000, 1100), 0),
        ([*range(49), *range(1000, 1051)], 49),
        ([*range(49), *range(1000, 9000)], 49),
        ([*range(19), *range(1000, 1020)], 19),
        ([*[5] * 500, *range(1000, 1003)], 1),  # copies count once
    ),
)
def test_a_different_data_set(recorded, pixels, shared):
    assert recorded.describe_difference(images(pixels), RUN) == (
        f"pics_dir = mine is a different data set: it contains {shared} of the images that this run was trained on "
        "(100 images in /pics: a 100)"
    )


def test_files_are_recognized_if_their_pixels_have_changed(recorded):
    """A different crop, or a different estimate of white after an image was added, changes the pixels of all images."""
    changed = range(5000, 5120)
    assert recorded.describe_difference(images(changed, files=range(10**6, 10**6 + 120)), RUN) == ""
    assert "contains 0 of" in recorded.describe_difference(images(changed), RUN)


def test_a_million_images_take_eight_megabytes(tmp_path):
    fingerprints.write(str(tmp_path), "1f", images(range(10**6)), RUN)
    assert (tmp_path / fingerprints.FILE).stat().st_size < 8 * 10**6 + 1000
    assert fingerprints.read(str(tmp_path), "1f").describe_difference(images(range(5 * 10**5, 10**6)), RUN) == ""


def test_names_that_are_not_text(tmp_path):
    odd = images([1, 2])
    odd.classes = ["line\nend \udcff"]
    fingerprints.write(str(tmp_path), "1f", odd, RUN)
    assert fingerprints.read(str(tmp_path), "1f").headline == "2 images in mine: line\nend \udcff 2"


def test_a_record_that_is_missing_damaged_or_of_a_different_run(recorded, tmp_path):
    path = tmp_path / fingerprints.FILE
    data = path.read_bytes()
    for length in (0, 1, 64, 65, 80, 200, len(data) - 1):
        path.write_bytes(data[:length])
        assert fingerprints.read(str(tmp_path), "1f") is None
    for place in (0, 64, 70, 300):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert fingerprints.read(str(tmp_path), "1f") is None
    path.write_bytes(data)
    assert fingerprints.read(str(tmp_path), "1f") and fingerprints.read(str(tmp_path), "2f") is None
    path.unlink()
    assert fingerprints.read(str(tmp_path), "1f") is None
    path.mkdir()
    assert fingerprints.read(str(tmp_path), "1f") is None
