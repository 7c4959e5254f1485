"""Records: decoded images of equal length in one file, read by number, with a checksum verified at every read.

The checksum is multilinear hashing (Lemire & Kaser, "Strongly universal string hashing is fast", arXiv 1202.4961): one
matrix product verifies all records of a batch, and any change goes unnoticed with probability 2**-32.
"""

import contextlib
import functools
import os
import threading

import numpy as np

from utils.output.alpha import composite
from utils.runtime import filesystem

_CHUNK = 2**24  # bytes of records whose checksums are computed at a time


def record_bytes(shape):
    """Return the length of the record of an image of this shape: its bytes, padded to a multiple of 4."""
    return -(-int(np.prod(shape)) // 4) * 4


def to_record(image):
    """Return an image, uint8 of any shape, as a record, [record_bytes] uint8."""
    record = np.zeros(record_bytes(image.shape), np.uint8)
    record[: image.size] = image.ravel()
    return record


@functools.lru_cache(maxsize=4)
def _factors(count):
    """Return the random factors for records of `count` 32-bit integers, [count + 1] uint64; fixed for all machines."""
    halves = np.random.RandomState(20260101).randint(0, 2**32, (2, count + 1), np.uint64)
    return halves[0] << np.uint64(32) | halves[1]


def checksums(records):
    """Return the checksum of each record: [n, record_bytes] uint8, contiguous, to [n] uint32."""
    integers, sums = records.view("<u4"), np.empty(len(records), np.uint64)
    factors = _factors(integers.shape[1])
    chunk = max(1, _CHUNK // max(1, records.shape[1]))  # as 64-bit integers the records take twice their memory
    for start in range(0, len(records), chunk):
        part = slice(start, start + chunk)
        sums[part] = np.einsum("ij,j->i", integers[part].astype(np.uint64), factors[1:])
    return ((sums + factors[0]) >> np.uint64(32)).astype(np.uint32)


class Records:
    """The records of a run's images, in the order of the images' paths."""

    def __init__(self, path, shape, slots, expected, rebuild):
        """Read from the file at `path`.

        shape: [H, W, C] of an image. slots: [n] int32, the position of each image's record in the file. expected:
        [n] uint32, the checksums. rebuild: given the checksum of a damaged record, returns its image, [H, W, C]
        uint8, decoded again, or raises UserError.
        """
        self._shape, self._slots, self._expected, self._rebuild = tuple(shape), slots, expected, rebuild
        self._bytes = record_bytes(shape)
        self._length = (int(slots.max()) + 1) * self._bytes
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115  (open as long as records are read)
        self._restore_length()
        self._rows = _rows(self._file, (self._length // self._bytes, self._bytes))

    def __len__(self):
        return len(self._slots)

    @property
    def shape(self):
        """Shape of all images together: [n, H, W, C]."""
        return (len(self), *self._shape)

    def take(self, indices):
        """Return the images at these indices, [m] integers, as [m, H, W, C] uint8; damaged records are rebuilt."""
        self._restore_length()
        slots = self._slots[indices]
        rows = self._rows[slots]
        for i in np.flatnonzero(checksums(rows) != self._expected[indices]):
            rows[i] = to_record(self._rebuild(int(self._expected[indices[i]])))
            self._expected[indices[i]] = checksums(rows[i : i + 1])[0]
            with contextlib.suppress(OSError):  # such as a full disk: the record is then rebuilt at each read
                self._file.seek(int(slots[i]) * self._bytes)
                self._file.write(rows[i])
        return rows[:, : int(np.prod(self._shape))].reshape(-1, *self._shape)

    def _restore_length(self):
        """Append zeros, which fail the checksum, if the file was truncated: reading past its end would be fatal."""
        if os.fstat(self._file.fileno()).st_size < self._length:
            os.ftruncate(self._file.fileno(), self._length)


def _rows(file, shape):
    """Return an array of the records in an open file, shape [n, record_bytes], that can be indexed with arrays."""
    try:
        return np.memmap(file, np.uint8, "r", shape=shape)
    except OSError as error:
        filesystem.warn_unsupported(
            os.path.dirname(file.name), "memory maps", error, "images are read from the file at each step"
        )
        return _UnmappedRows(file.name, shape[1])


class _UnmappedRows:
    """The records in a file whose file system has no memory maps."""

    def __init__(self, path, length):
        """length: the bytes of each."""
        self._length, self._lock = length, threading.Lock()  # batches and measurements may read at the same time
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  (open as long as records are read)

    def __getitem__(self, slots):
        """Return the records in these slots, [m] integers: [m, record_bytes] uint8."""
        rows = np.zeros((len(slots), self._length), np.uint8)
        with self._lock:
            for row, slot in zip(rows, slots):
                self._file.seek(int(slot) * self._length)
                self._file.readinto(row)
        return rows


class CompositedRecords:
    """Records of images with an alpha channel, read as they are shown: on a color."""

    def __init__(self, records, background):
        """records: Records of [H, W, 4], premultiplied; background: the color, as of alpha.composite."""
        self._records, self._background = records, background
        self.shape = (*records.shape[:3], 3)

    def take(self, indices):
        """Return images by their numbers: [n, H, W, 3] uint8."""
        images = self._records.take(indices)  # one at a time: all at once would take several times the memory
        return np.stack([composite(image, self._background) for image in images])
