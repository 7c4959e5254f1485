"""The logged values and the grids of a run for TensorBoard, in checkpoints/logs."""

import contextlib
import itertools
import os
import re
import socket
import time

import tensorflow.compat.v1 as tf

from utils.errors import reason_of
from utils.output import files
from utils.output.history import TAGS

_NUMBERS = itertools.count()  # for numbering the event files of this process


@contextlib.contextmanager
def _errors_as_os_errors():
    try:
        yield
    except Exception as error:  # OSError, OpError, RuntimeError or IndexError, depending on the failure and version
        raise OSError(f"TensorBoard's events: {reason_of(error)}")


class Events:
    """Writes a point for each logged step, and the grids.

    Events are written directly and immediately. `tf.summary.FileWriter` uses a separate thread, which dies with a
    traceback when the disk is full; all later events are then lost without an error.
    """

    def __init__(self, folder, step):
        """Continue after `step`: TensorBoard drops points from later steps. The first write creates the file."""
        self._logs, self._writer = os.path.join(folder, "logs"), None  # the writer of the current event file
        self._first = {"step": step + 1, "session_log": tf.SessionLog(status=tf.SessionLog.START)}

    def write_row(self, row):
        """Add a point for each number in a row, see history.History.write_row."""
        tags = {name: TAGS.get(name, f"quality/{name}") for name in row}
        values = [tf.Summary.Value(tag=tag, simple_value=row[name]) for name, tag in tags.items() if tag]
        self._add_event(step=row["step"], summary=tf.Summary(value=values))

    def write_grid(self, step, png, shape):
        """Show a sample grid; png: the contents of its file; shape: its [H, W, C]."""
        height, width, channels = shape
        image = tf.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        self._add_event(step=step, summary=tf.Summary(value=[tf.Summary.Value(tag="samples", image=image)]))

    @_errors_as_os_errors()
    def _add_event(self, **content):
        """Write an event; raise OSError if that fails; the next event then starts a new file."""
        writer, self._writer = self._writer or self._open(), None
        for event in filter(None, (self._first, content)):
            writer.write(tf.Event(wall_time=time.time(), **event).SerializeToString())
        writer.flush()
        self._writer, self._first = writer, None

    def _open(self):
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
        """Close the file; raise OSError if that fails."""
        writer, self._writer = self._writer, None
        if writer:
            writer.close()
