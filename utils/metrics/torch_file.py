"""Read the tensors of a file that `torch.save` wrote in its format of before 1.6, without torch.

The file is four pickles (a magic number, a version, facts about the machine, and the table of tensors, whose numbers
are named by a key), a pickled list of the keys, and for each key a count and the numbers themselves. A pickle may call
any function that it names, so only those three are admitted of which a table of tensors is made.
"""

import collections
import io
import pickle
import struct

import numpy as np

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read_tensors(data):
    """Return the tensors in the bytes of such a file, {name: array}, float32 or int64.

    Raise ValueError if it is not such a file, is incomplete, or contains anything but tensors of these types.
    """
    file = io.BytesIO(data)
    try:
        if (_Tensors(file).load(), _Tensors(file).load()) != (_MAGIC, _VERSION):
            raise ValueError("not a file of torch.save before 1.6")
        _Tensors(file).load()
        table = _Tensors(file).load()
        storages = dict.fromkeys(_Tensors(file).load())
        types = {tensor.key: tensor.type for tensor in table.values()}
        for key in storages:
            (count,) = struct.unpack("<q", file.read(8))
            numbers = file.read(count * types[key].itemsize)
            storages[key] = np.frombuffer(numbers, types[key], count)
        return {name: tensor.of(storages[tensor.key]) for name, tensor in table.items()}
    except ValueError:
        raise
    except Exception as error:  # unpickling damaged bytes may raise anything
        raise ValueError(f"damaged: {type(error).__name__}")


class _Tensor:
    """A tensor whose numbers are yet to be read."""

    def __init__(self, storage, offset, shape, strides, *_):
        self.type, self.key = storage
        self._offset, self._shape, self._strides = offset, tuple(shape), tuple(strides)

    def of(self, storage):
        """Return the array, from the 1-D array of its numbers."""
        last = self._offset + sum((n - 1) * stride for n, stride in zip(self._shape, self._strides))
        if min(self._offset, *self._strides, 0) < 0 or last >= len(storage):
            raise ValueError("a tensor is larger than its numbers")
        strides = [stride * storage.itemsize for stride in self._strides]
        view = np.lib.stride_tricks.as_strided(storage[self._offset :], self._shape, strides)
        return np.ascontiguousarray(view).reshape(self._shape)


_ADMITTED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    **{("torch", name): dtype for name, dtype in _TYPES.items()},
}


class _Tensors(pickle.Unpickler):
    """Unpickles tables of tensors, and refuses everything else by name."""

    def find_class(self, module, name):
        if (module, name) not in _ADMITTED:
            raise ValueError(f"it contains {module}.{name}, which is not a tensor")
        return _ADMITTED[module, name]

    def persistent_load(self, pid):
        kind, dtype, key = pid[:3]
        if kind != "storage" or not isinstance(dtype, np.dtype) or pid[5] is not None:
            raise ValueError(f"it contains a {kind}, which is not a tensor")
        return dtype, key
