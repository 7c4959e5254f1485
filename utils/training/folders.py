"""The folders of a run, before anything is written: whether they can be written, and whose files are in them."""

import os
import re

from utils.errors import UserError
from utils.output.history import HISTORY

_GRIDS = r"train_\d+\.png$|reals\.png$"


def refuse_files_of_others(samples_dir, checkpoints_dir):
    """Raise UserError if a new run would overwrite the files of an earlier one."""
    for setting, folder, pattern in (
        ("samples_dir", samples_dir, _GRIDS),
        # A kill may have left parts of the very first checkpoint; all others belong to a run.
        ("checkpoints_dir", checkpoints_dir, rf"dcgan-[1-9]\d*\.|logs$|{re.escape(HISTORY)}$"),
    ):
        left = sorted(name for name in _names(folder) if re.match(pattern, name))
        if left:
            raise UserError(
                f"{setting} = {folder} holds {left[-1]} of an earlier run, but there is no checkpoint in "
                f"{checkpoints_dir} to resume from; move its files away, or start a new run with other --samples_dir "
                "and --checkpoints_dir"
            )


def refuse_grids_of_others(then, now):
    """Raise UserError if a resumed run would write its grids among those of another one.

    then, now: its run settings, as recorded (a dict) and of today. The two folders may have been moved together.
    """
    if "samples_dir" not in then or "checkpoints_dir" not in then:
        return
    recorded = _from_one_to_the_other(then["checkpoints_dir"], then["samples_dir"])
    today = _from_one_to_the_other(now.checkpoints_dir, now.samples_dir)
    if recorded != today and any(re.match(_GRIDS, name) for name in _names(now.samples_dir)):
        raise UserError(
            f"samples_dir = {now.samples_dir} holds grids of another run; those of this one are in "
            f"{then['samples_dir']}: give that, or an empty folder"
        )


def _from_one_to_the_other(start, path):
    try:
        return os.path.relpath(path, start)
    except ValueError:  # on different drives of Windows
        return path


def _names(folder):
    return os.listdir(folder) if os.path.isdir(folder) else []
