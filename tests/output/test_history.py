"""history.csv and TensorBoard's logs."""

import csv
import glob
import io
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from utils.metrics import registry
from utils.output import history as history_module
from utils.output import images
from utils.output.history import STEP_COLUMNS, History, rows_up_to, spread

METRICS = ("swd", "ms_ssim", "fid", "kid")


def history(folder, step, columns=METRICS):
    return History(str(folder), step, columns)


def row(step):
    return dict(dict.fromkeys((*STEP_COLUMNS, *METRICS), 0.5 + step), step=step, pictures_seen=4 * step)


def rows(folder):
    with open(str(folder / "history.csv"), newline="") as file:
        return list(csv.DictReader(file))


def events(folder):
    records = []
    for path in sorted(glob.glob(str(folder / "logs" / "events*"))):
        records += list(tf.train.summary_iterator(path))
    return records


def test_a_row_for_each_step(graph, tmp_path):
    written = history(tmp_path, 0)
    for step in (10, 20):
        written.write_row(row(step))
    written.close()
    assert list(rows(tmp_path)[0]) == [*STEP_COLUMNS, *METRICS]
    assert [(r["step"], r["d_loss"], r["pictures_seen"]) for r in rows(tmp_path)] == [
        ("10", "10.5", "40"),
        ("20", "20.5", "80"),
    ]
    scalars = {
        (event.step, value.tag): value.simple_value for event in events(tmp_path) for value in event.summary.value
    }
    assert scalars[(20, "loss/discriminator")] == 20.5 and scalars[(10, "probability/D_of_fake")] == 10.5
    assert {tag for _, tag in scalars} >= {"loss/generator", "probability/D_of_real"}


def test_metrics_are_there_where_something_was_measured(graph, tmp_path):
    (tmp_path / "history.csv").write_text(",".join(STEP_COLUMNS) + "\n5" + ",1" * (len(STEP_COLUMNS) - 1) + "\n")
    written = history(tmp_path, 5)  # from a version without metrics
    plain = {name: value for name, value in row(10).items() if name not in METRICS}
    written.write_row(plain)
    written.write_row(dict(plain, step=20, swd=12.5, ms_ssim=0.25))
    written.close()
    history(tmp_path, 20).close()
    assert [(r["step"], r["swd"], r["ms_ssim"], r["fid"]) for r in rows(tmp_path)] == [
        ("5", "", "", ""),
        ("10", "", "", ""),
        ("20", "12.5", "0.25", ""),
    ]
    scalars = {(event.step, value.tag) for event in events(tmp_path) for value in event.summary.value}
    assert {(20, "quality/swd"), (20, "quality/ms_ssim")} == {pair for pair in scalars if "quality" in pair[1]}


def test_a_file_with_other_columns_is_kept_by_their_names(graph, tmp_path):
    written = history(tmp_path, 0, columns=("swd", "fid"))
    written.write_row(dict(row(10), swd=1.5, fid=2.5))
    written.close()
    written = history(tmp_path, 10, columns=("frechet", "swd"))
    written.write_row(dict({name: row(20)[name] for name in STEP_COLUMNS}, frechet=3.5, swd=4.5))
    written.close()
    history(tmp_path, 20, columns=("frechet", "swd")).close()
    assert list(rows(tmp_path)[0]) == [*STEP_COLUMNS, "frechet", "swd", "fid"]
    assert [(r["step"], r["data_wait"], r["frechet"], r["swd"], r["fid"]) for r in rows(tmp_path)] == [
        ("10", "10.5", "", "1.5", "2.5"),
        ("20", "20.5", "3.5", "4.5", ""),
    ]


def test_a_file_with_swd_is_continued(graph, tmp_path):
    """Versions before 0.12 measured swd and wrote it to the first column after STEP_COLUMNS."""
    metrics = [metric.name for metric in registry.METRICS]
    old = (*STEP_COLUMNS, "swd", *metrics)
    values = ",".join(str(i) for i in range(10, 10 + len(old)))
    (tmp_path / "history.csv").write_text(f"{','.join(old)}\n{values}\n")
    written = history(tmp_path, 10, metrics)
    written.write_row(dict({name: row(20)[name] for name in STEP_COLUMNS}, patch_distance=1.5))
    written.close()
    first, second = rows(tmp_path)
    assert list(first) == [*STEP_COLUMNS, *metrics, "swd"]
    assert ",".join(first[name] for name in old) == values
    assert (second["step"], second["patch_distance"], second["swd"]) == ("20", "1.5", "")


@pytest.mark.parametrize("header", ("", "5tep,\x00,d loss\n", "step,step,step\n"))
def test_rows_below_a_damaged_header_are_read_in_the_order_of_today(graph, tmp_path, header):
    values = ",".join(str(i) for i in range(7, 7 + len(STEP_COLUMNS) + len(METRICS)))
    # Rows from versions before lead and augmented, and before data_wait.
    shorter = [",".join(str(i) for i in range(n, n + len(STEP_COLUMNS) - n + 6)) for n in (8, 9)]
    (tmp_path / "history.csv").write_text(header + "\n".join([values, *shorter]) + "\n")
    history(tmp_path, 10).close()
    assert list(rows(tmp_path)[0]) == [*STEP_COLUMNS, *METRICS]
    assert [(r["step"], r["epoch"], r["data_wait"], r["lead"], r["kid"]) for r in rows(tmp_path)] == [
        ("7", "8", "16", "17", "22"),
        ("8", "9", "17", "", ""),
        ("9", "10", "", "", ""),
    ]


def test_what_came_after_the_checkpoint_is_dropped(graph, tmp_path):
    written = history(tmp_path, 0)
    for step in (10, 20, 30):
        written.write_row(row(step))
    written.close()
    with open(str(tmp_path / "history.csv"), "a") as file:
        file.write("15" + ",1" * (len(STEP_COLUMNS) + len(METRICS) - 1))  # a kill truncated the last number
    written = history(tmp_path, 20)
    written.write_row(row(25))
    written.close()
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20", "25"]
    assert [event.step for event in events(tmp_path) if event.session_log.status == tf.SessionLog.START] == [1, 21]


def test_some_rows_and_all_that_were_measured(graph, tmp_path):
    assert rows_up_to(str(tmp_path), 10, 3) == []
    written = history(tmp_path, 0)
    for step in range(10, 100, 10):
        written.write_row({name: value for name, value in row(step).items() if step == 40 or name not in METRICS})
    written.close()
    with open(str(tmp_path / "history.csv"), "a") as file:
        file.write("85,damaged\n95,damaged\n")
    some = rows_up_to(str(tmp_path), 90, 3)
    assert [r["step"] for r in some] == [10, 40, 50]  # a damaged row would be the last
    assert some[1]["swd"] == 40.5 and "swd" not in some[0] and some[0]["d_loss"] == 10.5
    assert [r["step"] for r in rows_up_to(str(tmp_path), 60, 100)] == [10, 20, 30, 40, 50, 60]
    assert spread(range(10), 4) == [0, 3, 6, 9]


def test_the_grid_is_in_tensorboard(graph, tmp_path):
    sheet = np.uint8(np.arange(24).reshape(2, 4, 3))
    written = history(tmp_path, 0)
    written.write_grid(10, images.png(sheet), sheet.shape)
    written.close()
    (image,) = [value.image for event in events(tmp_path) for value in event.summary.value]
    assert (image.height, image.width, image.colorspace) == (2, 4, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(image.encoded_image_string))), sheet)


def test_a_clock_that_was_set_back_does_not_change_the_order_of_events(graph, tmp_path, monkeypatch):
    """TensorBoard reads its files in the order of their names, and drops what precedes a session with a lower step."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events.txt").write_text("")
    for step, now in ((0, 1.8e9), (10, 1.7e9), (20, 1.6e9)):
        monkeypatch.setattr(history_module.time, "time", lambda now=now: now)
        written = history(tmp_path, step)
        written.write_row(row(step + 10))
        written.close()
    (tmp_path / "logs" / "events.txt").unlink()
    assert [event.step for event in events(tmp_path) if event.summary.value] == [10, 20, 30]


def test_rows_that_a_full_disk_once_joined_are_dropped(graph, tmp_path):
    written = history(tmp_path, 0)
    for step in (10, 20):
        written.write_row(row(step))
    written.close()
    text = (tmp_path / "history.csv").read_text()
    (tmp_path / "history.csv").write_text(
        text + '20,0.1,4030,0.1,40,1.5,1,2,3,4,5,6,7\n"unbalanced,1\n20,"' + "x" * 200000 + "\n"
    )
    history(tmp_path, 30).close()
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix resource limits")
def test_a_full_disk_leaves_whole_rows_and_the_next_try_succeeds(graph, tmp_path):
    import resource

    written = history(tmp_path, 0)
    written.write_row(row(10))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for more, what in ((5, "history.csv"), (200, "TensorBoard's events")):  # fits half a row; a row but no event
        size = (tmp_path / "history.csv").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, limits[1]))
        try:
            with pytest.raises(OSError) as raised:
                written.write_row(row(20))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert what != "TensorBoard's events" or what in str(raised.value)
    written.write_row(row(30))
    written.close()
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20", "30"]
    newest = sorted(glob.glob(str(tmp_path / "logs" / "events*")))[-1]  # the file before it is truncated
    assert [event.step for event in tf.train.summary_iterator(newest)] == [0, 30]
