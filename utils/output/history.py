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
# The columns that are filled at every logged step.
STEP_COLUMNS = (
    "step",
    "epoch",
    "pictures_seen",
    "d_loss",
    "g_loss",
    "d_real",
    "d_fake",
    "pictures_per_second",
    "seconds",
    "data_wait",
    "lead",
    "augmented",
)
_SHORTER = 2, 3  # by so many columns the rows of earlier versions were shorter, where they had no metrics
_TAGS = (
    ("loss/discriminator", "d_loss"),
    ("loss/generator", "g_loss"),
    ("probability/D_of_real", "d_real"),
    ("probability/D_of_fake", "d_fake"),
    ("balance/lead_of_D", "lead"),
    ("balance/augmented", "augmented"),
    ("pictures_per_second", "pictures_per_second"),
)


class History:
    """Writes a row of history.csv and a point in TensorBoard for each logged step."""

    def __init__(self, folder, step, columns):
        """Continue after `step`; rows and points of later steps are dropped.

        columns: the names of the metrics, whose columns come last and are empty where nothing was measured. Columns
        that only an existing history.csv has are kept after them.
        """
        self._path, self._metrics = os.path.join(folder, HISTORY), columns
        header, rows = _read(self._path, (*STEP_COLUMNS, *columns))
        self._columns = (*STEP_COLUMNS, *columns, *(name for name in header if name not in (*STEP_COLUMNS, *columns)))
        kept = [self._line(row) for row in rows if int(row["step"]) <= step]
        text = "".join(line + "\n" for line in [",".join(self._columns), *kept])
        files.write(self._path, text.encode())
        self._events = Events(os.path.join(folder, "logs"))
        self._events.add(step + 1, session_log=tf.SessionLog(status=tf.SessionLog.START))

    def _line(self, row):
        return ",".join(_short(row.get(name, "")) for name in self._columns)

    def write_row(self, row):
        """Add a row, a dict of numbers with the keys STEP_COLUMNS and those of the metrics that were measured."""
        files.append_line(self._path, self._line(row))
        tags = [*_TAGS, *((f"quality/{name}", name) for name in self._metrics if name in row)]
        values = [tf.Summary.Value(tag=tag, simple_value=row[name]) for tag, name in tags]
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
        with self._failures_as_os_errors():
            if self._writer is None:
                os.makedirs(self._folder, exist_ok=True)
                name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
                name += f".{next(_NUMBERS):04d}"  # TensorBoard reads the files in the order of their names
                with plain_folder(self._folder) as folder:  # only while the file is opened
                    self._writer = tf.io.TFRecordWriter(os.path.join(folder, name))
                self._writer.write(tf.Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
            self._writer.write(tf.Event(wall_time=time.time(), step=step, **content).SerializeToString())
            self._writer.flush()

    def close(self):
        """Close the file; raise OSError if that fails."""
        if self._writer is not None:
            with self._failures_as_os_errors():
                self._writer.close()
            self._writer = None

    @contextlib.contextmanager
    def _failures_as_os_errors(self):
        try:
            yield
        except OSError:
            self._writer = None
            raise
        except Exception as error:  # OpError, RuntimeError or IndexError, depending on failure and TensorFlow version
            self._writer = None
            raise OSError(f"TensorBoard's events: {reason_of(error)}")


_NUMBERS = itertools.count()  # of this process's event files


def rows_up_to(folder, step, most):
    """Return rows of history.csv up to a step, each a dict of the numbers that it has: {column: float}.

    At most `most` rows, evenly spaced, and beside them at most as many of those with metrics. Only these are parsed, so
    that a long file takes little time.
    """
    lines = _lines(os.path.join(folder, HISTORY))
    header = _header(lines, STEP_COLUMNS)
    lines = [line for line in lines if _is_up_to(line, step)]
    measured = [i for i, line in enumerate(lines) if line.rstrip(",").count(",") >= len(STEP_COLUMNS)]
    chosen = sorted({*spread(range(len(lines)), most), *spread(measured, most)})
    rows = _rows([lines[i] for i in chosen], header)
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def spread(items, most):
    """Return at most `most` of the items, evenly spaced, the first and the last one among them; most: 2 or more."""
    if len(items) <= most:
        return list(items)
    return [items[i * (len(items) - 1) // (most - 1)] for i in range(most)]


def _is_up_to(line, step):
    start = line.partition(",")[0]
    return start.isdecimal() and int(start) <= step


def _read(path, columns):
    """Return the column names of a history.csv and its whole rows, as dicts of text; `columns` if it has no header.

    A row is a step and numbers, some of them empty. Damaged lines are dropped.
    """
    lines = _lines(path)
    header = _header(lines, columns)
    return header, _rows(lines, header)


def _lines(path):
    """Return the whole lines of a file, without their ends; [] if there is no such file."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n") for line in file if line.endswith("\n")]


def _header(lines, columns):
    names = tuple(lines[0].split(",")) if lines else ()
    return names if names and _is_header(names) else columns


def _rows(lines, header):
    without_metrics = [len(STEP_COLUMNS) - fewer for fewer in (0, *_SHORTER)]
    lengths = {min(len(header), length) for length in (len(header), *without_metrics)}
    rows = (line.split(",") for line in lines)
    return [dict(zip(header, values)) for values in rows if len(values) in lengths and _is_row(values)]


def _is_header(names):
    return names[0] == "step" and len(set(names)) == len(names) and all(name.isidentifier() for name in names)


def _is_row(values):
    try:
        [float(value) for value in values if value]
    except ValueError:
        return False
    return values[0].isdecimal()


def _short(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
