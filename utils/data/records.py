"""Records: decoded images in one file, of the same length, read by index and verified by checksum at every read.

The checksum is multilinear hashing (Lemire & Kaser, "Strongly universal string hashing is fast", arXiv 1202.4961): one
matrix product verifies all records of a batch, and a change goes undetected with probability 2**-32.
"""

import contextlib
import functools
import threading

import numpy as np

from utils.output.alpha import composite


def record_bytes(shape):
    """Return the record length for an image of this shape: its size in bytes, padded to a multiple of 4."""
    return -(-int(np.prod(shape)) // 4) * 4


def to_record(image):
    """Return an image, uint8 of any shape, as a record, [record_bytes] uint8."""
    record = np.zeros(record_bytes(image.shape), np.uint8)
    record[: image.size] = image.ravel()
    return record


@functools.lru_cache(maxsize=4)
def _factors(count):
    """Return the random factors for records of `count` 32-bit integers, [count + 1] uint64; the same everywhere."""
    halves = np.random.RandomState(20260101).randint(0, 2**32, (2, count + 1), np.uint64)
    return halves[0] << np.uint64(32) | halves[1]


def checksums(records):
    """Return the checksum of each record, [n] uint32; records: [n, record_bytes] uint8, contiguous."""
    integers = records.view("<u4")
    factors = _factors(integers.shape[1])
    sums = np.einsum("ij,j->i", integers, factors[1:], dtype=np.uint64)  # converts a few integers at a time
    return ((sums + factors[0]) >> np.uint64(32)).astype(np.uint32)


class Records:
    """The records of a run's images, in the order of the images' paths.

    Records are read from the file, not through a memory map: some file systems do not support memory maps, and access
    beyond the end of a truncated file would crash the process.
    """

    def __init__(self, path, shape, slots, expected, rebuild):
        """Read from the file at `path`.

        shape: [H, W, C] of an image. slots: [n] int32, the position of each image's record in the file. expected:
        [n] uint32, the checksums. rebuild: a function that decodes the image of a damaged record again: given the
        record's checksum, it returns the image, [H, W, C] uint8, or raises UserError.
        """
        self.shape = (len(slots), *shape)  # shape of all images together: [n, H, W, C]
        self._slots, self._expected, self._rebuild = slots, expected, rebuild
        self._bytes = record_bytes(shape)
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115  (open as long as records are read)
        self._lock = threading.Lock()  # batches and metrics may read at the same time

    def take(self, indices):
        """Return the images at these indices, [m] integers, as [m, H, W, C] uint8; damaged records are rebuilt."""
        slots, expected = self._slots[indices], self._expected[indices]
        rows = np.zeros((len(slots), self._bytes), np.uint8)  # in a truncated file, zeros fail the checksum
        with self._lock:
            for row, slot in zip(rows, slots):
                self._file.seek(int(slot) * self._bytes)
                self._file.readinto(row)
        for i in np.flatnonzero(checksums(rows) != expected):
            rows[i] = to_record(self._rebuild(int(expected[i])))
            self._expected[indices[i]] = checksums(rows[i : i + 1])[0]
            with self._lock, contextlib.suppress(OSError):  # on a full disk, each read rebuilds the record
                self._file.seek(int(slots[i]) * self._bytes)
                self._file.write(rows[i])
        return rows[:, : int(np.prod(self.shape[1:]))].reshape(-1, *self.shape[1:])


class CompositedRecords:
    """Records of images with an alpha channel, composited on a background color when they are read."""

    def __init__(self, records, background):
        """records: Records of [H, W, 4], premultiplied; background: a color, see alpha.composite."""
        self._records, self._background = records, background
        self.shape = (*records.shape[:3], 3)

    def take(self, indices):
        """Return the images at these indices, [m] integers, as [m, H, W, 3] uint8."""
        images = self._records.take(indices)  # composited one at a time: together they need several times the memory
        return np.stack([composite(image, self._background) for image in images])
