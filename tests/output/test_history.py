"""history.csv and the TensorBoard logs."""

import csv
import glob
import io
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from utils.metrics import measure
from utils.output import pictures as images
from utils.output.history import COLUMNS, Logs


def row(step):
    return dict(dict.fromkeys(COLUMNS, 0.5 + step), step=step, pictures_seen=4 * step)


def rows(folder):
    with open(str(folder / "history.csv"), newline="") as file:
        return list(csv.DictReader(file))


def events(folder):
    found = []
    for path in sorted(glob.glob(str(folder / "logs" / "events*"))):
        found += list(tf.train.summary_iterator(path))
    return found


def test_a_row_for_each_step(graph, tmp_path):
    logs = Logs(str(tmp_path), 0)
    for step in (10, 20):
        logs.write_row(row(step))
    logs.close()
    assert list(rows(tmp_path)[0]) == list(COLUMNS)
    assert [(r["step"], r["d_loss"], r["pictures_seen"]) for r in rows(tmp_path)] == [
        ("10", "10.5", "40"),
        ("20", "20.5", "80"),
    ]
    scalars = {
        (event.step, value.tag): value.simple_value for event in events(tmp_path) for value in event.summary.value
    }
    assert scalars[(20, "loss/discriminator")] == 20.5 and scalars[(10, "probability/D_of_fake")] == 10.5
    assert {tag for _, tag in scalars} >= {"loss/generator", "probability/D_of_real"}


def test_measures_are_there_where_something_was_measured(graph, tmp_path):
    earlier = [name for name in COLUMNS if name not in measure.columns()]
    (tmp_path / "history.csv").write_text(",".join(earlier) + "\n5" + ",1" * (len(earlier) - 1) + "\n")
    logs = Logs(str(tmp_path), 5)  # of a version that measured nothing
    plain = {name: value for name, value in row(10).items() if name not in measure.columns()}
    logs.write_row(plain)
    logs.write_row(dict(plain, step=20, swd=12.5, ms_ssim=0.25))
    logs.close()
    Logs(str(tmp_path), 20).close()
    assert [(r["step"], r["swd"], r["ms_ssim"], r["fid"]) for r in rows(tmp_path)] == [
        ("5", "", "", ""),
        ("10", "", "", ""),
        ("20", "12.5", "0.25", ""),
    ]
    scalars = {(event.step, value.tag) for event in events(tmp_path) for value in event.summary.value}
    assert {(20, "quality/swd"), (20, "quality/ms_ssim")} == {pair for pair in scalars if "quality" in pair[1]}


def test_what_came_after_the_checkpoint_is_dropped(graph, tmp_path):
    logs = Logs(str(tmp_path), 0)
    for step in (10, 20, 30):
        logs.write_row(row(step))
    logs.close()
    with open(str(tmp_path / "history.csv"), "a") as file:
        file.write("4")  # a row that was cut short by a kill
    logs = Logs(str(tmp_path), 20)
    logs.write_row(row(25))
    logs.close()
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20", "25"]
    assert [event.step for event in events(tmp_path) if event.session_log.status == tf.SessionLog.START] == [1, 21]


def test_the_grid_is_in_tensorboard(graph, tmp_path):
    sheet = np.uint8(np.arange(24).reshape(2, 4, 3))
    logs = Logs(str(tmp_path), 0)
    logs.write_grid(10, images.png(sheet), sheet.shape)
    logs.close()
    (picture,) = [value.image for event in events(tmp_path) for value in event.summary.value]
    assert (picture.height, picture.width, picture.colorspace) == (2, 4, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.encoded_image_string))), sheet)


def test_rows_glued_by_a_full_disk_of_old_are_dropped(graph, tmp_path):
    logs = Logs(str(tmp_path), 0)
    for step in (10, 20):
        logs.write_row(row(step))
    logs.close()
    text = (tmp_path / "history.csv").read_text()
    (tmp_path / "history.csv").write_text(
        text + '20,0.1,4030,0.1,40,1.5,1,2,3,4,5,6\n"unbalanced,1\n20,"' + "x" * 200000 + "\n"
    )
    Logs(str(tmp_path), 30).close()
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits are those of Unix")
def test_a_full_disk_leaves_whole_rows_and_the_next_try_succeeds(graph, tmp_path):
    import resource

    logs = Logs(str(tmp_path), 0)
    logs.write_row(row(10))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for more, what in ((5, "history.csv"), (200, "TensorBoard's events")):  # room for half a row; for a row, no event
        size = (tmp_path / "history.csv").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, limits[1]))
        try:
            with pytest.raises(OSError) as raised:
                logs.write_row(row(20))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert what != "TensorBoard's events" or what in str(raised.value)
    logs.write_row(row(30))
    logs.close()
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20", "30"]
    newest = sorted(glob.glob(str(tmp_path / "logs" / "events*")))[-1]  # the one before was cut short
    assert [event.step for event in tf.train.summary_iterator(newest)] == [0, 30]
