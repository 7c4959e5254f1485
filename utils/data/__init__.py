"""A run's images: `load` returns them, and batches.build_batches turns them into a TensorFlow stream.

Only batches.py imports TensorFlow, because the decoding processes also import this package.
"""

from utils.data.classes import require_classes
from utils.data.prepare import ImageDataset, load

__all__ = ["ImageDataset", "load", "require_classes"]
