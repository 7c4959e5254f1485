"""The logged values of a run: checkpoints/history.csv."""

import contextlib
import os
import zlib

from utils.config.schema import short_repr
from utils.config.startup import counted
from utils.errors import reason_of, recorded_warnings, warn
from utils.output import files

HISTORY, PENDING = "history.csv", "history.csv.pending"
# The columns that every row fills, and their TensorBoard tags ('': no tag).
TAGS = {
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
STEP_COLUMNS = tuple(TAGS)
# Lengths of rows without metrics: now, before lead and augmented were added, and before data_wait was added.
_LENGTHS = (len(STEP_COLUMNS), 10, 9)


class History:
    """Writes a row of history.csv for each logged step.

    Rows that cannot be written, for example because another program holds the file, are kept in memory (0.3 kB each),
    and `sync` also keeps them on disk, in history.csv.pending. They are written as soon as that is possible.
    """

    def __init__(self, folder, step, metrics):
        """Continue after `step`; rows from later steps are dropped. Raise OSError if a file of kept rows is unreadable.

        metrics: the names of the last columns, which are empty in rows without a measurement. Columns found only
        in an existing history.csv are kept after them.
        """
        self._folder, self._step, self._columns = folder, step, (*STEP_COLUMNS, *metrics)
        self._path, self._kept = os.path.join(folder, HISTORY), os.path.join(folder, PENDING)
        self._has_kept = os.path.exists(self._kept)
        header, lines, _ = _parse(_read(self._kept), step, self._columns)
        rows = filter(None, (_row(line, header) for line in lines))
        self._pending = {int(row["step"]): self._line(row) for row in rows}  # {step: line}
        self._padding = None  # a comma for each column found only in history.csv; None: the file is not open yet

    def _line(self, row, columns=None):
        values = (row.get(name, "") for name in columns or self._columns)
        return ",".join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in values)

    def write_row(self, row):
        """Add a row, a dict of numbers for STEP_COLUMNS and for the metrics that were measured.

        Raise OSError if the file cannot be written; the row is then kept.
        """
        self._pending[row["step"]] = self._line(row)
        self._flush()

    def _flush(self):
        if self._padding is None:
            self._open()
        if self._pending:
            files.append_line(self._path, "\n".join(line + self._padding for line in self._pending.values()))
            self._pending = {}
        if self._has_kept:
            with contextlib.suppress(OSError):  # the rows are in history.csv, where `_open` finds them
                os.remove(self._kept)
                self._has_kept = False

    def _open(self):
        """Drop later rows from history.csv, and lines that cannot be read, after copying the whole file."""
        with open(self._path, "ab"):  # raises before a long file is read if another program holds it
            pass
        data = _read(self._path)
        header, lines, unreadable = _parse(data, self._step, self._columns)
        rows = {}
        for line in lines:
            row = _row(line, header)
            if row:
                rows[int(row["step"])] = row
            else:
                unreadable.append(line)
        if unreadable:
            self._copy_unreadable(data, unreadable, len(rows))
        columns = tuple(dict.fromkeys((*self._columns, *header)))
        kept = [self._line(rows[step], columns) for step in sorted(rows)]  # a spreadsheet may have sorted them
        continued = "\n".join([",".join(columns), *kept, ""]).encode()
        if continued != data:
            files.write(self._path, continued, sync=True)
        self._pending = {step: line for step, line in self._pending.items() if step not in rows}
        self._padding = "," * (len(columns) - len(self._columns))

    def _copy_unreadable(self, data, unreadable, count):
        name = f"history-unreadable-{zlib.crc32(data):08x}.csv"
        files.write(os.path.join(self._folder, name), data, sync=True)
        warning = (
            f"{self._path} has {counted(len(unreadable), 'unreadable line')}, such as {short_repr(unreadable[0])}; the "
            f"file is kept as {name}, and training continues with {counted(count, 'readable row')}"
        )
        if warning not in recorded_warnings:
            warn(warning, fresh_line=True)

    def sync(self):
        """Put all rows on disk, in history.csv.pending if history.csv lacks some; raise OSError if that fails."""
        if self._pending:
            lines = [",".join(self._columns), *self._pending.values(), ""]
            files.write(self._kept, "\n".join(lines).encode(), sync=True)
            self._has_kept = True
        else:
            files.fsync_file(self._path)

    def close(self):
        """Write the rows that are still pending; if that fails, print what becomes of them and raise OSError."""
        try:
            self._flush()
        except OSError as error:
            fate = "now lost"
            with contextlib.suppress(OSError):
                self.sync()
                fate = f"kept in {PENDING} until it can be written"
            rows = counted(len(self._pending), "row")
            warn(f"{self._path} cannot be written ({reason_of(error)}) and lacks {rows}, {fate}", fresh_line=True)
            raise


def rows_up_to(folder, step, most):
    """Return rows of history.csv up to a step, each as a dict {column: float}.

    These are at most `most` evenly spaced rows, plus at most `most` rows with metrics. All others are skipped without
    parsing, so that reading a long file is fast. While another program keeps the file from being read, there are none.
    """
    data = b""
    with contextlib.suppress(OSError):
        data = _read(os.path.join(folder, HISTORY))
    header, lines, _ = _parse(data, step, STEP_COLUMNS)
    measured = [i for i, line in enumerate(lines) if line.rstrip(",").count(",") >= len(STEP_COLUMNS)]
    chosen = sorted({*spread(range(len(lines)), most), *spread(measured, most)})
    rows = filter(None, (_row(lines[i], header) for i in chosen))
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def spread(items, most):
    """Return at most `most` of the items, evenly spaced, including the first and the last; most: 2 or more."""
    if len(items) <= most:
        return list(items)
    return [items[i * (len(items) - 1) // (most - 1)] for i in range(most)]


def _read(path):
    """Return the contents of a file, b"" if it does not exist."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read()
    return b""


def _parse(data, step, columns):
    """Return the column names of a history.csv, its lines up to a step, and a list of its unreadable lines.

    The names are `columns` if it has no header. Other programs may have reordered the columns, and added empty ones, a
    byte order mark, quotes, or different line ends. The last line is incomplete if it has no line end.
    """
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").replace('"', "")
    *lines, incomplete = text.split("\n")
    names = tuple(lines[0].rstrip(",").split(",")) if lines else ()
    if "step" in names and len(set(names)) == len(names) and all(map(str.isidentifier, names)):
        columns, lines = names, lines[1:]
    place = columns.index("step")
    steps = [_step(line, place) for line in lines]
    unreadable = [line for line, number in zip(lines, steps) if number is None and line.strip(", ")]
    if incomplete and (_step(incomplete, place) or 0) <= step:
        unreadable.append(incomplete)
    return columns, [line for line, number in zip(lines, steps) if number is not None and number <= step], unreadable


def _step(line, place):
    """Return the step in the field of a line with this index, or None."""
    fields = line.split(",", place + 1)
    return int(fields[place]) if len(fields) > place and fields[place].isdecimal() else None


def _row(line, header):
    """Return the row in a line as a dict of strings, or None if the line is damaged."""
    values = line.split(",")
    is_longer = len(values) > len(header) and not any(values[len(header) :])  # a spreadsheet may add empty columns
    if not is_longer and len(values) not in {min(len(header), length) for length in (len(header), *_LENGTHS)}:
        return None
    try:
        for value in filter(None, values):
            float(value)
    except ValueError:
        return None
    return dict(zip(header, values))
