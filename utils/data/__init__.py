"""The images of a run: `load` is the way in; batches.build_batches makes a TensorFlow stream of its result.

No TensorFlow is imported here, because the decoding processes import this package, too.
"""

from utils.data import prepare, report
from utils.data.classes import require_classes
from utils.data.prepare import ImageDataset

__all__ = ["ImageDataset", "load", "require_classes"]


def load(settings, listing=True):
    """Return the ImageDataset in pics_dir, decoded for these settings as far as necessary; print what was found.

    listing: whether to list the unusable files in skipped.csv. Raise UserError if no images are usable, if more than
    max_bad are not, or if the cache cannot be written.
    """
    dataset, summary = prepare.prepare_images(settings.run, prepare.decode_options(settings), listing)
    print(report.describe(dataset, summary, settings.run), flush=True)
    return dataset
