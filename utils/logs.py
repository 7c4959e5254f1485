"""What a run leaves to read: checkpoints/history.csv and the TensorBoard logs."""

import contextlib
import csv
import io
import os

import tensorflow.compat.v1 as tf

from utils import images

HISTORY = "history.csv"
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
)


class Logs:
    """Writes a row of history.csv and a point in TensorBoard for each logged step."""

    def __init__(self, folder, step):
        """Go on behind `step`: what history.csv and TensorBoard have of later steps is dropped."""
        self._path = os.path.join(folder, HISTORY)
        self._cut_back(step)
        suffix = ".%d.%d" % (os.getpid(), step)  # else named by the second alone, and two of the same would be one
        with _errors_of_writing():
            self._events = tf.summary.FileWriter(os.path.join(folder, "logs"), filename_suffix=suffix)
            self._events.add_session_log(tf.SessionLog(status=tf.SessionLog.START), global_step=step + 1)

    def _cut_back(self, step):
        kept = [COLUMNS]
        if os.path.exists(self._path):
            with open(self._path, newline="", encoding="utf-8", errors="replace") as file:
                lines = [
                    line.replace("\0", "") for line in file if line.endswith("\n")
                ]  # a kill may have cut the last one short
            kept += [row for row in csv.reader(lines) if row and row[0].isdigit() and int(row[0]) <= step]
        images.write(self._path, _csv_text(kept).encode())

    def write_row(self, row):
        """Add a dict with the keys COLUMNS."""
        with open(self._path, "a", newline="", encoding="utf-8") as file:
            file.write(_csv_text([[_short(row[name]) for name in COLUMNS]]))
        values = [
            tf.Summary.Value(tag=tag, simple_value=row[name])
            for tag, name in (
                ("loss/discriminator", "d_loss"),
                ("loss/generator", "g_loss"),
                ("probability/D_of_real", "d_real"),
                ("probability/D_of_fake", "d_fake"),
                ("pictures_per_second", "pictures_per_second"),
            )
        ]
        self._add(tf.Summary(value=values), row["step"])

    def write_grid(self, step, png, shape):
        """Show a sample grid, PNG bytes of shape [H, W, C], in TensorBoard."""
        height, width, channels = shape
        picture = tf.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
        self._add(tf.Summary(value=[tf.Summary.Value(tag="samples", image=picture)]), step)

    def _add(self, summary, step):
        with _errors_of_writing():
            self._events.add_summary(summary, step)
            self._events.flush()

    def close(self):
        with _errors_of_writing():
            self._events.close()


@contextlib.contextmanager
def _errors_of_writing():
    """Turn what TensorFlow says of a full disk into what Python says: it would pass for a shortage of memory."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message.split("\n")[0])


def _short(value):
    return "%.6g" % value if isinstance(value, float) else value


def _csv_text(rows):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
