"""Read the tensors of a file that `torch.save` wrote in its format before version 1.6, without torch.

The file is five pickles (a magic number, a version, facts about the machine, the table of tensors, and a list of keys),
then for each key a count and the numbers themselves. Unpickling calls any function that a pickle names, so only the
functions that a table of tensors needs are allowed.
"""

import collections
import io
import pickle

import numpy as np

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001


def read_tensors(data):
    """Return the tensors in the bytes of a file, {name: array}, float32 or int64.

    Raise ValueError if the file has a different format, is incomplete, or contains anything but tensors of these types.
    """
    file = io.BytesIO(data)
    try:
        if (_Unpickler(file).load(), _Unpickler(file).load()) != (_MAGIC, _VERSION):
            raise ValueError("not a file of torch.save before 1.6")
        _, table, keys = (_Unpickler(file).load() for _ in range(3))
        types = {key: dtype for (dtype, key), *_ in table.values()}
        storages = {}
        for key in keys:
            count = int.from_bytes(file.read(8), "little")
            storages[key] = np.frombuffer(file.read(count * types[key].itemsize), types[key], count)
        return {name: _array(storages[key], *layout) for name, ((_, key), *layout) in table.items()}
    except ValueError:
        raise
    except Exception as error:  # unpickling damaged bytes may raise anything
        raise ValueError(f"damaged: {type(error).__name__}")


def _array(storage, offset, shape, strides):
    """Return an array of these numbers, [count]; numpy raises ValueError if the array would exceed them."""
    size = storage.itemsize
    return np.ndarray(shape, storage.dtype, storage, offset * size, [stride * size for stride in strides]).copy()


def _tensor(storage, offset, shape, strides, *_):
    return storage, offset, shape, strides


_ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Unpickler(pickle.Unpickler):
    """Unpickles tables of tensors; refuses everything else, and names it."""

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise ValueError(f"it contains {module}.{name}, which is not a tensor")
        return _ALLOWED[module, name]

    def persistent_load(self, pid):
        kind, dtype, key = pid[:3]
        if kind != "storage" or not isinstance(dtype, np.dtype) or pid[5] is not None:
            raise ValueError(f"it contains a {kind}, which is not a tensor")
        return dtype, key
