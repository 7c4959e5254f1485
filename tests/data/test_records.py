"""Records are read as they were written, or the damage is detected."""

import numpy as np
import pytest

from utils.data.records import Records, checksums, record_bytes, to_record

SHAPE = (5, 5, 3)  # 75 bytes, not a multiple of 4


@pytest.fixture
def images():
    return np.random.RandomState(0).randint(0, 256, (6, *SHAPE)).astype(np.uint8)


@pytest.fixture
def stored(tmp_path, images):
    """Return (path, Records, requested checksums) for images 5, 4, ..., 0; image i is in slot 2 i + 1."""
    path, size = tmp_path / "r", record_bytes(SHAPE)
    records = np.zeros((12, size), np.uint8)
    slots = np.arange(1, 12, 2)
    records[slots] = [to_record(image) for image in images]
    path.write_bytes(records.tobytes())
    expected = checksums(records[slots])
    asked = []

    def rebuild(checksum):
        asked.append(checksum)
        return images[list(expected).index(checksum)]

    return path, Records(str(path), SHAPE, slots[::-1].astype(np.int32), expected[::-1].copy(), rebuild), asked


def test_they_are_read_in_any_order(stored, images):
    _, records, asked = stored
    assert records.shape == (6, *SHAPE)
    indices = np.array([0, 5, 5, 2, 3])
    taken = records.take(indices)
    assert taken.dtype == np.uint8 and np.array_equal(taken, images[5 - indices])
    assert asked == []


def test_a_checksum_notices_every_change_of_a_byte():
    record = np.random.RandomState(1).randint(0, 256, (1, record_bytes((8, 8, 1)))).astype(np.uint8)
    changed = np.repeat(record, record.size * 8, axis=0)
    for i in range(record.size):
        for bit in range(8):
            changed[8 * i + bit, i] ^= 1 << bit
    assert (checksums(changed) != checksums(record)).all()
    swapped = record.copy()
    swapped[0, :4], swapped[0, 4:8] = record[0, 4:8], record[0, :4]
    twice = record ^ np.uint8([0, 0, 0, 128] * (record.size // 4))  # the top bit of every word
    assert checksums(swapped) != checksums(record) and checksums(twice) != checksums(record)


def test_checksums_are_the_same_on_every_machine():
    records = np.arange(64, dtype=np.uint8).reshape(2, 32)
    assert checksums(records).tolist() == [2002245232, 2081221578]


def test_a_damaged_record_is_rebuilt_and_written_back(stored, images):
    path, records, asked = stored
    content = bytearray(path.read_bytes())
    content[3 * record_bytes(SHAPE) + 7] ^= 1
    path.write_bytes(content)  # overwrites the file in place
    assert np.array_equal(records.take(np.arange(6)), images[::-1]) and len(asked) == 1
    assert np.array_equal(records.take(np.arange(6)), images[::-1]) and len(asked) == 1


def test_a_file_truncated_under_the_reader_does_not_crash(stored, images):
    path, records, asked = stored
    with open(str(path), "r+b") as file:
        file.truncate(2 * record_bytes(SHAPE) + 10)
    assert np.array_equal(records.take(np.arange(6)), images[::-1]) and len(asked) == 5
    assert np.array_equal(records.take(np.arange(6)), images[::-1]) and len(asked) == 5


def test_a_rebuilt_record_that_differs_is_accepted(stored, images):
    path, records, _ = stored
    path.write_bytes(bytes(path.stat().st_size))
    records._rebuild = lambda checksum: images[0] // 2
    for _ in range(2):
        assert np.array_equal(records.take(np.array([3, 1])), [images[0] // 2] * 2)
