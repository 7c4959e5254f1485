"""What a run leaves to read: checkpoints/history.csv and the TensorBoard logs."""

import contextlib
import errno
import itertools
import os
import socket
import time

import tensorflow.compat.v1 as tf

from utils.errors import reason_of
from utils.metrics import measure
from utils.output import pictures as images

HISTORY = "history.csv"
# The last ones are empty in rows of steps at which nothing was measured.
COLUMNS = (
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
    *measure.columns(),
)


class Logs:
    """Writes a row of history.csv and a point in TensorBoard for each logged step."""

    def __init__(self, folder, step):
        """Go on behind `step`: what history.csv and TensorBoard have of later steps is dropped."""
        self._path = os.path.join(folder, HISTORY)
        self._cut_back(step)
        self._events = Events(os.path.join(folder, "logs"))
        self._events.add(step + 1, session_log=tf.SessionLog(status=tf.SessionLog.START))

    def _cut_back(self, step):
        kept = [",".join(COLUMNS)]
        if os.path.exists(self._path):
            with open(self._path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    values = line.rstrip("\n").split(",")
                    if line.endswith("\n") and _is_row(values) and int(values[0]) <= step:
                        kept.append(",".join(values + [""] * (len(COLUMNS) - len(values))))
        images.write(self._path, "".join(line + "\n" for line in kept).encode())

    def write_row(self, row):
        """Add a dict with the keys COLUMNS, but for what was not measured."""
        _append(self._path, ",".join(_short(row.get(name, "")) for name in COLUMNS) + "\n")
        values = [
            tf.Summary.Value(tag=tag, simple_value=row[name])
            for tag, name in (
                ("loss/discriminator", "d_loss"),
                ("loss/generator", "g_loss"),
                ("probability/D_of_real", "d_real"),
                ("probability/D_of_fake", "d_fake"),
                ("pictures_per_second", "pictures_per_second"),
                *(("quality/" + name, name) for name in measure.columns() if name in row),
            )
        ]
        self._events.add(row["step"], summary=tf.Summary(value=values))

    def write_grid(self, step, png, shape):
        """Show a sample grid, PNG bytes of shape [H, W, C], in TensorBoard."""
        height, width, channels = shape
        picture = tf.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        self._events.add(step, summary=tf.Summary(value=[tf.Summary.Value(tag="samples", image=picture)]))

    def close(self):
        self._events.close()


class Events:
    """A file of TensorBoard events, each written when it comes.

    `tf.summary.FileWriter` writes from a thread of its own: on a full disk that thread dies, its traceback goes to the
    terminal, and what comes later is dropped without a word.
    """

    def __init__(self, folder):
        self._folder, self._writer = folder, None

    def add(self, step, **content):
        """Write an event; raise OSError where that fails: the next one then begins another file."""
        with self._errors_of_writing():
            if self._writer is None:
                os.makedirs(self._folder, exist_ok=True)
                name = "events.out.tfevents.%010d.%s.%d.%d"
                name %= time.time(), socket.gethostname(), os.getpid(), next(_NUMBERS)
                self._writer = tf.io.TFRecordWriter(os.path.join(self._folder, name))
                self._writer.write(tf.Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
            self._writer.write(tf.Event(wall_time=time.time(), step=step, **content).SerializeToString())
            self._writer.flush()

    def close(self):
        if self._writer is not None:
            with self._errors_of_writing():
                self._writer.close()
            self._writer = None

    @contextlib.contextmanager
    def _errors_of_writing(self):
        try:
            yield
        except OSError:
            self._writer = None
            raise
        except Exception as error:  # OpError, RuntimeError, IndexError: that depends on error and TensorFlow's version
            self._writer = None
            raise OSError("TensorBoard's events: %s" % reason_of(error))


_NUMBERS = itertools.count()  # of the files of events of this process


def _is_row(values):
    """Say whether these can be a row: a step and numbers, some empty; one of an earlier version has fewer of them."""
    try:
        [float(value) for value in values if value]
        earlier = len(COLUMNS) - len(measure.columns())
        return values[0].isdecimal() and len(values) in (earlier - 1, earlier, len(COLUMNS))
    except ValueError:
        return False


def _append(path, line):
    """Add a line to a file: all of it, or nothing."""
    data = line.encode()
    with open(path, "ab", buffering=0) as file:
        length = file.seek(0, os.SEEK_END)
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            file.truncate(length)
            raise OSError(error.errno, error.strerror, path)


def _short(value):
    return "%.6g" % value if isinstance(value, float) else str(value)
