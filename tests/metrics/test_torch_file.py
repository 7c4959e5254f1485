"""Reading torch's old files: only what a table of tensors needs is unpickled."""

import collections
import io
import pickle
import struct

import numpy as np
import pytest

from utils.metrics.torch_file import read_tensors


class Named:
    """Something that pickles as the global `module.name`, called with `arguments`, or by itself without them."""

    def __init__(self, module, name, arguments=None):
        self.module, self.name, self.arguments = module, name, arguments


class Storage:
    """Something that pickles as a reference to the numbers of a key."""

    def __init__(self, key, count, kind="FloatStorage"):
        self.pid = ("storage", Named("torch", kind), key, "cpu", count, None)


class Pickler(pickle._Pickler):
    """A pickler of the above; in pure Python, since it writes globals that cannot be imported here."""

    def persistent_id(self, value):
        return value.pid if isinstance(value, Storage) else None

    def save(self, value, save_persistent_id=True):
        if not isinstance(value, Named):
            return super().save(value, save_persistent_id)
        self.write(f"c{value.module}\n{value.name}\n".encode())
        if value.arguments is not None:
            super().save(value.arguments)
            self.write(pickle.REDUCE)


def tensor(key, count, shape, strides, offset=0, kind="FloatStorage"):
    arguments = (Storage(key, count, kind), offset, shape, strides, False, collections.OrderedDict())
    return Named("torch._utils", "_rebuild_tensor_v2", arguments)


def written(table, storages):
    """Return the bytes of a file with a table of tensors, and {key: array of numbers}."""
    file = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, table, list(storages)):
        Pickler(file, 2).dump(part)
    for numbers in storages.values():
        file.write(struct.pack("<q", len(numbers)) + numbers.tobytes())
    return file.getvalue()


NUMBERS = np.arange(12, dtype=np.float32)


def test_tensors_are_read():
    table = collections.OrderedDict(
        plain=tensor("1", 12, (3, 4), (4, 1)),
        turned=tensor("1", 12, (4, 3), (1, 4)),
        part=tensor("1", 12, (2,), (1,), offset=10),
        count=tensor("0", 1, (), (), kind="LongStorage"),
    )
    read = read_tensors(written(table, {"0": np.array([7]), "1": NUMBERS}))
    assert list(read) == ["plain", "turned", "part", "count"]
    assert read["plain"].dtype == np.float32 and np.array_equal(read["plain"], NUMBERS.reshape(3, 4))
    assert np.array_equal(read["turned"], NUMBERS.reshape(3, 4).T) and read["turned"].flags.c_contiguous
    assert read["part"].tolist() == [10, 11] and read["count"].shape == () and read["count"] == 7


@pytest.mark.parametrize(
    "thing, name",
    (
        (Named("os", "system", ("touch written.txt",)), "os.system"),
        (Named("builtins", "eval", ("1",)), "builtins.eval"),
        (Named("torch", "HalfStorage"), "torch.HalfStorage"),
        (Named("numpy.core.multiarray", "_reconstruct", (1,)), "_reconstruct"),
    ),
)
def test_anything_but_tensors_is_refused_by_name(thing, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"it contains .*{name}, which is not a tensor"):
        read_tensors(written({"a": thing}, {"1": NUMBERS}))
    assert not (tmp_path / "written.txt").exists()


def test_a_reference_to_anything_but_numbers_is_refused():
    storage = Storage("1", 12)
    storage.pid = ("module", *storage.pid[1:])
    with pytest.raises(ValueError, match="it contains a module, which is not a tensor"):
        read_tensors(written({"a": storage}, {"1": NUMBERS}))


@pytest.mark.parametrize(
    "shape, strides, offset", (((4, 4), (4, 1), 0), ((3, 4), (4, 1), 1), ((12,), (-1,), 10), ((2,), (1,), -1))
)
def test_a_tensor_cannot_exceed_its_numbers(shape, strides, offset):
    data = written({"a": tensor("1", 12, shape, strides, offset)}, {"1": NUMBERS})
    with pytest.raises(ValueError, match=r"size of buffer|offset"):
        read_tensors(data)


def test_a_file_damaged_anywhere_is_an_error():
    whole = written({"a": tensor("1", 12, (3, 4), (4, 1))}, {"1": NUMBERS})
    for end in range(0, len(whole) - 1, 7):
        with pytest.raises(ValueError):
            read_tensors(whole[:end])
    with pytest.raises(ValueError, match=r"not a file of torch\.save before 1\.6"):
        read_tensors(pickle.dumps(1) + pickle.dumps(2))
    with pytest.raises(ValueError, match="damaged"):
        read_tensors(b"PK\x03\x04 a zip file, as torch writes now")
