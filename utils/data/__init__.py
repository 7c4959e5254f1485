"""The images of a run: `load` returns them; batches.build_batches turns them into a TensorFlow stream.

This package imports no TensorFlow, except in batches, because the decoding processes also import it.
"""

from utils.data.classes import require_classes
from utils.data.prepare import ImageDataset, load

__all__ = ["ImageDataset", "load", "require_classes"]
