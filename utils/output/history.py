"""The logged values of a run: checkpoints/history.csv and TensorBoard logs."""

import contextlib
import itertools
import os
import re
import socket
import time

import tensorflow.compat.v1 as tf

from utils.errors import reason_of
from utils.output import files

HISTORY = "history.csv"
# The columns that every row fills, and their TensorBoard tags ('': no tag).
_TAGS = {
    "step": "",
    "epoch": "",
    "pictures_seen": "",
    "d_loss": "loss/discriminator",
    "g_loss": "loss/generator",
    "d_real": "probability/D_of_real",
    "d_fake": "probability/D_of_fake",
    "pictures_per_second": "pictures_per_second",
    "seconds": "",
    "data_wait": "",
    "lead": "balance/lead_of_D",
    "augmented": "balance/augmented",
}
STEP_COLUMNS = tuple(_TAGS)
# Lengths of rows without metrics: now, before lead and augmented were added, and before data_wait was added.
_LENGTHS = (len(STEP_COLUMNS), 10, 9)
_NUMBERS = itertools.count()  # for numbering the event files of this process


@contextlib.contextmanager
def _errors_as_os_errors():
    try:
        yield
    except Exception as error:  # OSError, OpError, RuntimeError or IndexError, depending on the failure and version
        raise OSError(f"TensorBoard's events: {reason_of(error)}")


class History:
    """Writes a row of history.csv and a point in TensorBoard for each logged step.

    TensorBoard events are written directly and immediately. `tf.summary.FileWriter` uses a separate thread, which dies
    with a traceback when the disk is full; all later events are then lost without an error.
    """

    def __init__(self, folder, step, metrics):
        """Continue after `step`; rows and points from later steps are dropped.

        metrics: the names of the last columns, which are empty in rows without a measurement. Columns found only
        in an existing history.csv are kept after them.
        """
        self._path, self._metrics = os.path.join(folder, HISTORY), metrics
        header, lines = _read(self._path, step, (*STEP_COLUMNS, *metrics))
        self._columns = tuple(dict.fromkeys((*STEP_COLUMNS, *metrics, *header)))
        kept = [self._line(row) for row in _rows(lines, header)]
        files.write(self._path, "\n".join([",".join(self._columns), *kept, ""]).encode())
        self._logs, self._writer = os.path.join(folder, "logs"), None  # the writer of the current event file
        self._add_event(step + 1, session_log=tf.SessionLog(status=tf.SessionLog.START))

    def _line(self, row):
        values = (row.get(name, "") for name in self._columns)
        return ",".join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in values)

    def write_row(self, row):
        """Add a row, a dict of numbers for STEP_COLUMNS and for the metrics that were measured."""
        files.append_line(self._path, self._line(row))
        tags = dict(_TAGS, **{name: f"quality/{name}" for name in self._metrics if name in row})
        values = [tf.Summary.Value(tag=tag, simple_value=row[name]) for name, tag in tags.items() if tag]
        self._add_event(row["step"], summary=tf.Summary(value=values))

    def write_grid(self, step, png, shape):
        """Show a sample grid in TensorBoard; png: the contents of its file; shape: its [H, W, C]."""
        height, width, channels = shape
        image = tf.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        self._add_event(step, summary=tf.Summary(value=[tf.Summary.Value(tag="samples", image=image)]))

    @_errors_as_os_errors()
    def _add_event(self, step, **content):
        """Write an event; raise OSError if that fails; the next event then starts a new file."""
        writer, self._writer = self._writer or self._open_events(), None
        writer.write(tf.Event(wall_time=time.time(), step=step, **content).SerializeToString())
        writer.flush()
        self._writer = writer

    def _open_events(self):
        os.makedirs(self._logs, exist_ok=True)
        # TensorBoard reads the files in the order of their names, so a clock that was set back must not change it.
        earlier = (re.match(r"events\.out\.tfevents\.(\d{10})\.", name) for name in os.listdir(self._logs))
        seconds = max([int(time.time()), *(int(match.group(1)) + 1 for match in earlier if match)])
        name = f"events.out.tfevents.{seconds:010d}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS):04d}"
        with files.plain_folder(self._logs) as folder:  # needed only to open the file
            writer = tf.io.TFRecordWriter(os.path.join(folder, name))
        writer.write(tf.Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        return writer

    @_errors_as_os_errors()
    def close(self):
        """Close TensorBoard's file; raise OSError if that fails. history.csv is open only while a row is written."""
        writer, self._writer = self._writer, None
        if writer:
            writer.close()


def rows_up_to(folder, step, most):
    """Return rows of history.csv up to a step, each as a dict {column: float}.

    These are at most `most` evenly spaced rows, plus at most `most` rows with metrics. All others are skipped without
    parsing, so that reading a long file is fast.
    """
    header, lines = _read(os.path.join(folder, HISTORY), step, STEP_COLUMNS)
    measured = [i for i, line in enumerate(lines) if line.rstrip(",").count(",") >= len(STEP_COLUMNS)]
    chosen = sorted({*spread(range(len(lines)), most), *spread(measured, most)})
    rows = _rows([lines[i] for i in chosen], header)
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def spread(items, most):
    """Return at most `most` of the items, evenly spaced, including the first and the last; most: 2 or more."""
    if len(items) <= most:
        return list(items)
    return [items[i * (len(items) - 1) // (most - 1)] for i in range(most)]


def _read(path, step, columns):
    """Return the column names of a history.csv and its complete lines up to a step; `columns` if it has no header."""
    lines = []
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8", errors="replace") as file:
        lines = [line.rstrip("\n") for line in file if line.endswith("\n")]
    names = tuple(lines[0].split(",")) if lines else ()
    is_header = names[:1] == ("step",) and len(set(names)) == len(names) and all(map(str.isidentifier, names))
    return names if is_header else columns, [line for line in lines if _is_up_to(step, line)]


def _is_up_to(step, line):
    start = line.partition(",")[0]
    return start.isdecimal() and int(start) <= step


def _rows(lines, header):
    """Yield the rows in lines that begin with a step, as dicts of strings; damaged lines are dropped."""
    lengths = {min(len(header), length) for length in (len(header), *_LENGTHS)}
    for values in (line.split(",") for line in lines):
        with contextlib.suppress(ValueError):
            for value in filter(None, values):
                float(value)  # raises ValueError for a damaged value
            if len(values) in lengths:
                yield dict(zip(header, values))
