"""TensorBoard's logs."""

import glob
import io
import sys
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from utils.output import images
from utils.output.events import Events
from utils.output.history import STEP_COLUMNS


def row(step, **measured):
    return dict(dict.fromkeys(STEP_COLUMNS, 0.5 + step), step=step, pictures_seen=4 * step, **measured)


def events(folder):
    records = []
    for path in sorted(glob.glob(str(folder / "logs" / "events*"))):
        records += list(tf.train.summary_iterator(path))
    return records


def scalars(folder):
    """Return {(step, tag): value}."""
    return {(event.step, value.tag): value.simple_value for event in events(folder) for value in event.summary.value}


def test_a_point_for_each_number(tmp_path):
    written = Events(str(tmp_path), 0)
    assert list(tmp_path.iterdir()) == []  # logs without a checkpoint would belong to no run
    written.write_row(row(10))
    written.write_row(row(20, ms_ssim=0.25))
    written.close()
    points = scalars(tmp_path)
    assert points[(20, "loss/discriminator")] == 20.5 and points[(10, "probability/D_of_fake")] == 10.5
    assert {tag for _, tag in points} >= {"loss/generator", "probability/D_of_real"}
    assert {pair: value for pair, value in points.items() if "quality" in pair[1]} == {(20, "quality/ms_ssim"): 0.25}


def test_what_came_after_the_checkpoint_is_dropped_by_tensorboard(tmp_path):
    for step, later in ((0, 30), (20, 25)):
        written = Events(str(tmp_path), step)
        written.write_row(row(later))
        written.write_row(row(later + 1))
        written.close()
    assert [event.step for event in events(tmp_path) if event.session_log.status == tf.SessionLog.START] == [1, 21]


def test_the_grid_is_in_tensorboard(tmp_path):
    sheet = np.uint8(np.arange(24).reshape(2, 4, 3))
    written = Events(str(tmp_path), 0)
    written.write_grid(10, images.png(sheet), sheet.shape)
    written.close()
    (image,) = [value.image for event in events(tmp_path) for value in event.summary.value]
    assert (image.height, image.width, image.colorspace) == (2, 4, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(image.encoded_image_string))), sheet)


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix resource limits")
def test_after_a_full_disk_the_next_event_starts_a_new_file(tmp_path):
    import resource

    written = Events(str(tmp_path), 0)
    written.write_row(row(10))
    (path,) = glob.glob(str(tmp_path / "logs" / "events*"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open(path, "rb") as file:
        size = len(file.read())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5, limits[1]))
    try:
        with pytest.raises(OSError, match="TensorBoard's events: "):
            written.write_row(row(20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    written.write_row(row(30))
    written.close()
    newest = sorted(glob.glob(str(tmp_path / "logs" / "events*")))[-1]  # the file before it is truncated
    assert [event.step for event in tf.train.summary_iterator(newest)] == [0, 30]


def test_a_clock_that_was_set_back_does_not_change_the_order_of_events(tmp_path, monkeypatch):
    """TensorBoard reads its files in the order of their names, and drops what precedes a session with a lower step."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events.txt").write_text("")
    for step, now in ((0, 1.8e9), (10, 1.7e9), (20, 1.6e9)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        written = Events(str(tmp_path), step)
        written.write_row(row(step + 10))
        written.close()
    (tmp_path / "logs" / "events.txt").unlink()
    assert [event.step for event in events(tmp_path) if event.summary.value] == [10, 20, 30]
