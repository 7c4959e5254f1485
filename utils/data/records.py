"""Records: decoded pictures in one file, each of the same length, read by their number and checked at every reading.

The checksum is multilinear hashing (Lemire & Kaser, "Strongly universal string hashing is fast", arXiv 1202.4961): all
records of a batch are checked by one matrix product, and a change of any kind goes unnoticed with probability 2**-32.
"""

import contextlib
import functools
import os

import numpy as np


def record_bytes(shape):
    """Return the length of the record of a picture of this shape: its bytes, filled up to whole 32-bit words."""
    return -(-int(np.prod(shape)) // 4) * 4


def to_record(picture):
    """Return a picture, uint8 of any shape, as a record: [record_bytes] uint8."""
    record = np.zeros(record_bytes(picture.shape), np.uint8)
    record[: picture.size] = picture.ravel()
    return record


@functools.lru_cache(maxsize=4)
def _factors(words):
    halves = np.random.RandomState(20260101).randint(0, 2**32, (2, words + 1), np.uint64)
    return halves[0] << np.uint64(32) | halves[1]


def checksums(records):
    """Return the checksum of each record: [n, record_bytes] uint8, contiguous, to [n] uint32."""
    words = records.view("<u4").astype(np.uint64)
    factors = _factors(words.shape[1])
    sums = np.einsum("ij,j->i", words, factors[1:]) + factors[0]
    return (sums >> np.uint64(32)).astype(np.uint32)


class Records:
    """The records of a run's pictures, in the order of the pictures' paths."""

    def __init__(self, path, shape, slots, expected, remake):
        """Read from the file at `path`.

        shape: [H, W, C] of a picture. slots: [n] int32, the number of each picture's record. expected: [n] uint32, the
        checksums. remake: given the checksum of a damaged record, returns its picture anew, or raises UserError.
        """
        self._shape, self._slots, self._expected, self._remake = tuple(shape), slots, expected, remake
        self._bytes = record_bytes(shape)
        self._length = (int(slots.max()) + 1) * self._bytes
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115  (open as long as the records are read)
        self._restore_length()
        self._rows = np.memmap(self._file, np.uint8, "r", shape=(self._length // self._bytes, self._bytes))

    def __len__(self):
        return len(self._slots)

    @property
    def shape(self):
        """[n, H, W, C]."""
        return (len(self), *self._shape)

    def take(self, indices):
        """Return the pictures at these indices, [n] integers: [n, H, W, C] uint8; a damaged record is made anew."""
        self._restore_length()
        slots = self._slots[indices]
        rows = self._rows[slots]
        for i in np.flatnonzero(checksums(rows) != self._expected[indices]):
            rows[i] = to_record(self._remake(int(self._expected[indices[i]])))
            self._expected[indices[i]] = checksums(rows[i : i + 1])[0]
            with contextlib.suppress(OSError):  # a full disk, say, after which it is made anew the next time, too
                self._file.seek(int(slots[i]) * self._bytes)
                self._file.write(rows[i])
        return rows[:, : int(np.prod(self._shape))].reshape(-1, *self._shape)

    def _restore_length(self):
        """Put zeros, which will not pass for records, where the file was cut short: to read there would be fatal."""
        if os.fstat(self._file.fileno()).st_size < self._length:
            os.ftruncate(self._file.fileno(), self._length)
