"""The numbers of a run as files: checkpoints/history.csv and TensorBoard's logs."""

import contextlib
import itertools
import os
import socket
import time

import tensorflow.compat.v1 as tf

from utils.errors import reason_of
from utils.output import files
from utils.output.plain_paths import plain_folder

HISTORY = "history.csv"
# The columns that every row fills, and their tags in TensorBoard; '': none.
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
# Lengths of rows without metrics: today, before lead and augmented were added, and before data_wait was.
_LENGTHS = (len(STEP_COLUMNS), 10, 9)
_NUMBERS = itertools.count()  # number the event files of this process


class History:
    """Writes a row of history.csv and a point in TensorBoard for each logged step."""

    def __init__(self, folder, step, metrics):
        """Continue after `step`; rows and points of later steps are dropped.

        metrics: the names of the last columns, which are empty in rows without a measurement. Columns that only an
        existing history.csv has are kept after them.
        """
        self._path, self._metrics = os.path.join(folder, HISTORY), metrics
        header, lines = _read(self._path, step, (*STEP_COLUMNS, *metrics))
        self._columns = tuple(dict.fromkeys((*STEP_COLUMNS, *metrics, *header)))
        kept = [self._line(row) for row in _rows(lines, header)]
        files.write(self._path, "\n".join([",".join(self._columns), *kept, ""]).encode())
        self._events = Events(os.path.join(folder, "logs"))
        self._events.add(step + 1, session_log=tf.SessionLog(status=tf.SessionLog.START))

    def _line(self, row):
        values = (row.get(name, "") for name in self._columns)
        return ",".join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in values)

    def write_row(self, row):
        """Add a row, a dict of numbers: of STEP_COLUMNS, and of the metrics that were measured."""
        files.append_line(self._path, self._line(row))
        tags = dict(_TAGS, **{name: f"quality/{name}" for name in self._metrics if name in row})
        values = [tf.Summary.Value(tag=tag, simple_value=row[name]) for name, tag in tags.items() if tag]
        self._events.add(row["step"], summary=tf.Summary(value=values))

    def write_grid(self, step, png, shape):
        """Show a sample grid in TensorBoard; png: the bytes of its file, shape: its [H, W, C]."""
        height, width, channels = shape
        image = tf.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        self._events.add(step, summary=tf.Summary(value=[tf.Summary.Value(tag="samples", image=image)]))

    def close(self):
        """Close TensorBoard's file; history.csv is open only while a row is written."""
        self._events.close()


class Events:
    """A file of TensorBoard events, each written at once.

    `tf.summary.FileWriter` writes from a thread of its own: on a full disk that thread dies with a traceback, and all
    later events are lost without an error.
    """

    def __init__(self, folder):
        self._folder, self._writer = folder, None

    def add(self, step, **content):
        """Write an event; raise OSError if that fails: the next event then begins another file."""
        with _errors_as_os_errors():
            writer, self._writer = self._writer or self._open(), None
            writer.write(tf.Event(wall_time=time.time(), step=step, **content).SerializeToString())
            writer.flush()
            self._writer = writer

    def _open(self):
        os.makedirs(self._folder, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        name += f".{next(_NUMBERS):04d}"  # TensorBoard reads the files in the order of their names
        with plain_folder(self._folder) as folder:  # only while the file is opened
            writer = tf.io.TFRecordWriter(os.path.join(folder, name))
        writer.write(tf.Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        return writer

    def close(self):
        """Close the file; raise OSError if that fails."""
        writer, self._writer = self._writer, None
        if writer:
            with _errors_as_os_errors():
                writer.close()


@contextlib.contextmanager
def _errors_as_os_errors():
    try:
        yield
    except Exception as error:  # OSError, OpError, RuntimeError or IndexError, depending on failure and version
        raise OSError(f"TensorBoard's events: {reason_of(error)}")


def rows_up_to(folder, step, most):
    """Return rows of history.csv up to a step, each a dict of its numbers: {column: float}.

    At most `most` evenly spaced rows, and beside them at most `most` rows with metrics. Only these are parsed, so that
    a long file takes little time.
    """
    header, lines = _read(os.path.join(folder, HISTORY), step, STEP_COLUMNS)
    measured = [i for i, line in enumerate(lines) if line.rstrip(",").count(",") >= len(STEP_COLUMNS)]
    chosen = sorted({*spread(range(len(lines)), most), *spread(measured, most)})
    rows = _rows([lines[i] for i in chosen], header)
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def spread(items, most):
    """Return at most `most` of the items, evenly spaced, with the first and the last one; most: 2 or more."""
    if len(items) <= most:
        return list(items)
    return [items[i * (len(items) - 1) // (most - 1)] for i in range(most)]


def _read(path, step, columns):
    """Return the column names of a history.csv and its whole lines up to a step; `columns` if it has no header."""
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
    """Return the rows in lines that begin with a step, dicts of text; damaged lines are dropped."""
    lengths = {min(len(header), length) for length in (len(header), *_LENGTHS)}
    rows = (line.split(",") for line in lines)
    return [dict(zip(header, values)) for values in rows if len(values) in lengths and _are_numbers(values)]


def _are_numbers(values):
    """Return whether the values that are not empty are numbers."""
    try:
        return bool([float(value) for value in values if value])
    except ValueError:
        return False
