"""Look at a run's folders before anything is written: whose work is in them?"""

import os
import re

from utils.errors import UserError
from utils.output.history import HISTORY

_GRIDS = r"train_\d+\.png$|reals\.png$"


def refuse_work_of_others(samples_dir, checkpoints_dir):
    """Raise UserError where a new run would write over what an earlier one left."""
    for setting, folder, pattern in (
        ("samples_dir", samples_dir, _GRIDS),
        # Of the very first checkpoint a kill may have left pieces; all others were somebody's.
        ("checkpoints_dir", checkpoints_dir, r"dcgan-[1-9]\d*\.|logs$|%s$" % re.escape(HISTORY)),
    ):
        left = sorted(name for name in _names(folder) if re.match(pattern, name))
        if left:
            _refuse("%s = %s holds %s" % (setting, folder, left[-1]), checkpoints_dir)


def _refuse(found, checkpoints_dir):
    raise UserError(
        "%s of an earlier run, but there is no checkpoint in %s to go on from; move its files away, or start a new run "
        "with other --samples_dir and --checkpoints_dir" % (found, checkpoints_dir)
    )


def refuse_grids_of_others(then, now):
    """Raise UserError where a run that goes on would write its grids among those of another.

    then, now: its run settings, as recorded (a dict) and of today. The two folders may have been moved together.
    """
    if "samples_dir" not in then or "checkpoints_dir" not in then:
        return
    way_then = os.path.relpath(then["samples_dir"], then["checkpoints_dir"])
    way_now = os.path.relpath(now.samples_dir, now.checkpoints_dir)
    if way_then != way_now and any(re.match(_GRIDS, name) for name in _names(now.samples_dir)):
        raise UserError(
            "samples_dir = %s holds grids of another run; those of this one are in %s: give that, or an empty folder"
            % (now.samples_dir, then["samples_dir"])
        )


def _names(folder):
    return os.listdir(folder) if os.path.isdir(folder) else []
