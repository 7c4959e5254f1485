"""history.csv: its rows are continued, whatever other programs do to the file, and none is lost."""

import csv
import os
import sys

import pytest
from conftest import hold

from utils.metrics import registry
from utils.output import files
from utils.output.history import STEP_COLUMNS, History, rows_up_to, spread

METRICS = ("swd", "ms_ssim", "fid", "kid")


def history(folder, step, columns=METRICS):
    return History(str(folder), step, columns)


def row(step):
    return dict(dict.fromkeys((*STEP_COLUMNS, *METRICS), 0.5 + step), step=step, pictures_seen=4 * step)


def rows(folder):
    with open(str(folder / "history.csv"), newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_for_each_step(tmp_path):
    written = history(tmp_path, 0)
    for step in (10, 20):
        written.write_row(row(step))
    written.close()
    assert list(rows(tmp_path)[0]) == [*STEP_COLUMNS, *METRICS]
    assert [(r["step"], r["d_loss"], r["pictures_seen"]) for r in rows(tmp_path)] == [
        ("10", "10.5", "40"),
        ("20", "20.5", "80"),
    ]


def test_metrics_are_there_where_something_was_measured(tmp_path):
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


def test_a_file_with_other_columns_is_kept_by_their_names(tmp_path):
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


def test_a_file_with_swd_is_continued(tmp_path):
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
def test_rows_below_a_damaged_header_are_read_in_the_order_of_today(tmp_path, header):
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


def test_what_came_after_the_checkpoint_is_dropped(tmp_path):
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


def test_some_rows_and_all_that_were_measured(tmp_path):
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


def test_rows_that_a_full_disk_once_joined_are_dropped(tmp_path):
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
def test_a_full_disk_leaves_whole_rows_and_all_are_written_later(tmp_path):
    import resource

    written = history(tmp_path, 0)
    written.write_row(row(10))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "history.csv").stat().st_size + 5, limits[1]))
    try:
        with pytest.raises(OSError):
            written.write_row(row(20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [r["step"] for r in rows(tmp_path)] == ["10"]
    written.write_row(row(30))
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20", "30"]


@pytest.fixture
def full(tmp_path):
    """The text of a history.csv in tmp_path with rows 10, 20 and 30, of which 20 has metrics."""
    written = history(tmp_path, 0)
    for step in (10, 20, 30):
        written.write_row({name: value for name, value in row(step).items() if step == 20 or name not in METRICS})
    return (tmp_path / "history.csv").read_text()


def reordered(text):
    return "\n".join(",".join(line.split(",")[::-1]) for line in text.split("\n"))


@pytest.mark.parametrize(
    "save",
    (
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: '"{}"\n'.format(text[:-1].replace(",", '","').replace("\n", '"\n"')).encode(),
        lambda text: text.replace("\n", ",,,\n").encode(),
        lambda text: "\n".join(line.rstrip(",") for line in text.split("\n")).encode(),
        lambda text: reordered(text).encode(),
        lambda text: "\n".join([*text.split("\n")[:1], *text.split("\n")[:0:-1], ""]).encode(),
    ),
    ids=("CRLF", "BOM", "quotes", "empty columns", "trimmed", "columns reordered", "rows reversed, blank line"),
)
def test_plain_csv_from_a_spreadsheet_is_continued(tmp_path, capsys, full, save):
    before = rows(tmp_path)
    (tmp_path / "history.csv").write_bytes(save(full))
    assert [r["step"] for r in rows_up_to(str(tmp_path), 20, 10)] in ([10, 20], [20, 10])
    written = history(tmp_path, 30)
    written.write_row(row(40))
    assert rows(tmp_path)[:3] == before and rows(tmp_path)[3]["step"] == "40"
    assert os.listdir(str(tmp_path)) == ["history.csv"] and capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "save, unreadable, readable",
    (
        (lambda text: text.replace(",", ";").replace(".", ",").encode(), "4 unreadable lines", "0 readable rows"),
        (lambda text: text.replace(",", "\t").encode(), "4 unreadable lines", "0 readable rows"),
        (lambda text: text.encode("utf-16"), "5 unreadable lines", "0 readable rows"),
        (lambda text: text.replace("\n20,", "\n20;").encode(), "1 unreadable line", "2 readable rows"),
        (lambda text: text.replace("20.5", "#REF!").encode(), "1 unreadable line", "2 readable rows"),
        (lambda text: text[:-1].encode(), "1 unreadable line", "2 readable rows"),
        (lambda text: text.encode() + bytes(100), "1 unreadable line", "3 readable rows"),  # after a power failure
    ),
    ids=("decimal commas", "tabs", "UTF-16", "one row", "a cell", "no last line end", "NUL"),
)
def test_a_file_that_cannot_be_read_is_kept_beside(tmp_path, capsys, full, save, unreadable, readable):
    for number in (1, 2):
        data = save(full.replace("10.5,40,", f"10.5,4{number},"))
        (tmp_path / "history.csv").write_bytes(data)
        written = history(tmp_path, 30)
        written.write_row(row(40))
        assert [r["step"] for r in rows(tmp_path)][-1] == "40"
        kept = {path.name: path.read_bytes() for path in tmp_path.glob("history-unreadable-*.csv")}
        assert len(kept) == number and data in kept.values()  # the earlier file is still there
        (name,) = (name for name, content in kept.items() if content == data)
        (line,) = capsys.readouterr().err.strip().split("\n")
        assert line.startswith(f"main.py: {tmp_path / 'history.csv'} has {unreadable}, such as ")
        assert line.endswith(f"; the file is kept as {name}, and training continues with {readable}")
    assert len(rows(tmp_path)) == int(readable[0]) + 1


def test_rows_that_follow_a_line_without_its_end_stay_whole(tmp_path, full):
    written = history(tmp_path, 30)
    written.write_row(row(40))
    (tmp_path / "history.csv").write_text(full[:-1])  # a spreadsheet has saved its own version meanwhile
    written.write_row(row(50))
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20", "30", "50"]


@pytest.fixture
def lock(monkeypatch):
    """A function that lets another program hold the named files and no others, see conftest.hold."""
    held = set()
    hold(monkeypatch, held)
    return lambda *names: (held.clear(), held.update(names))


def write_held(written, *steps):
    for step in steps:
        with pytest.raises(PermissionError):
            written.write_row(row(step))


def test_rows_are_kept_while_another_program_holds_the_file(tmp_path, lock):
    written = history(tmp_path, 0)
    written.write_row(row(10))
    lock("history.csv")
    write_held(written, 20, 30)
    lock()
    written.write_row(row(40))
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20", "30", "40"]
    assert os.listdir(str(tmp_path)) == ["history.csv"]


def test_a_file_that_is_held_at_the_start_is_continued_later(tmp_path, lock, full):
    lock("history.csv")
    written = history(tmp_path, 20)
    write_held(written, 25, 35)
    assert (tmp_path / "history.csv").read_text() == full
    lock()
    written.write_row(row(45))
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20", "25", "35", "45"]


@pytest.mark.parametrize("checkpoint, expected", ((40, [10, 20, 30, 40, 50]), (20, [10, 20, 50])))
def test_a_kill_while_the_file_is_held_loses_no_row_up_to_the_checkpoint(tmp_path, lock, checkpoint, expected):
    written = history(tmp_path, 0)
    written.write_row(row(10))
    written.sync()
    lock("history.csv")
    write_held(written, 20, 30, 40)
    written.sync()  # when a checkpoint is saved; then the process is killed
    written = history(tmp_path, checkpoint)
    write_held(written, 50)  # still held; killed before the next checkpoint
    lock()
    history(tmp_path, checkpoint).write_row(row(50))
    assert [int(r["step"]) for r in rows(tmp_path)] == expected
    assert os.listdir(str(tmp_path)) == ["history.csv"]


def test_a_kill_after_kept_rows_were_written_causes_no_duplicates(tmp_path, lock):
    written = history(tmp_path, 0)
    written.write_row(row(10))
    lock("history.csv")
    write_held(written, 20)
    written.sync()
    kept = (tmp_path / "history.csv.pending").read_bytes()
    lock()
    written.write_row(row(30))
    (tmp_path / "history.csv.pending").write_bytes(kept)
    history(tmp_path, 30).write_row(row(40))
    assert [r["step"] for r in rows(tmp_path)] == ["10", "20", "30", "40"]


def test_rows_that_are_pending_at_the_end_are_kept_for_the_next_start(tmp_path, lock, capsys):
    written = history(tmp_path, 0, columns=("fid",))
    written.write_row(dict(row(10), fid=1.5))
    lock("history.csv")
    write_held(written, 20, 30)
    with pytest.raises(PermissionError):
        written.close()
    assert capsys.readouterr().err == (
        f"\nmain.py: {tmp_path / 'history.csv'} cannot be written ([Errno 13] Permission denied: "
        f"'{tmp_path / 'history.csv'}') and lacks 2 rows, kept in history.csv.pending until it can be written\n"
    )
    lock("history.csv", "history.csv.pending")
    with pytest.raises(PermissionError):
        written.close()
    assert " and lacks 2 rows, now lost\n" in capsys.readouterr().err
    lock()
    history(tmp_path, 30, columns=("kid", "fid")).close()  # a version with different metrics
    assert [(r["step"], r["fid"], r["kid"]) for r in rows(tmp_path)] == [
        ("10", "1.5", ""),
        ("20", "20.5", ""),
        ("30", "30.5", ""),
    ]


def test_a_file_that_needs_no_change_is_not_rewritten(tmp_path, full, monkeypatch):
    written, synced = [], []
    monkeypatch.setattr(files, "write", lambda path, data, sync=False: written.append((os.path.basename(path), sync)))
    monkeypatch.setattr(files, "fsync_file", lambda path: synced.append(os.path.basename(path)))
    continued = history(tmp_path, 30)
    continued.write_row(row(40))
    assert written == []
    continued.sync()
    assert synced == ["history.csv"]
    history(tmp_path, 20).write_row(row(25))  # drops rows
    assert written == [("history.csv", True)]
