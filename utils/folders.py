"""Look at a run's folders before anything is written: can they be written, and whose work is in them?"""

import os
import re
import tempfile

from utils.errors import UserError
from utils.logs import HISTORY


def make_writable(name, folder):
    """Create the folder of the setting `name`, and try it out."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError("%s = %s cannot be written (%s); choose another folder" % (name, folder, error.strerror))


def refuse_work_of_others(samples_dir, checkpoints_dir):
    """Raise UserError where a new run would write over what an earlier one left."""
    grids = sorted(n for n in _names(samples_dir) if re.match(r"train_\d+\.png$|reals\.png$", n))
    if grids:
        found = "samples_dir = %s holds %s of an earlier run" % (samples_dir, grids[-1])
    elif HISTORY in _names(checkpoints_dir):
        found = "checkpoints_dir = %s holds %s of an earlier run" % (checkpoints_dir, HISTORY)
    else:
        return
    raise UserError(
        "%s, but there is no checkpoint in %s to go on from; move its files away, or start a new run with other "
        "--samples_dir and --checkpoints_dir" % (found, checkpoints_dir)
    )


def _names(folder):
    return os.listdir(folder) if os.path.isdir(folder) else []
