"""Checks of a run's folders before anything is written: do they hold files of another run?"""

import os
import re

from utils.checkpoints.run_id import get_run_id
from utils.errors import UserError
from utils.output.history import HISTORY
from utils.tasks.timelapse import belongs_to_run
from utils.training.report.page import REPORT

_GRIDS = r"train_\d+\.png$|reals\.png$"
# A kill may have left parts of the very first checkpoint; all other checkpoints belong to a run.
_CHECKPOINTS = rf"dcgan-[1-9]\d*\.|logs$|({re.escape(HISTORY)}|{re.escape(REPORT)})$"


def check_no_foreign_files(run):
    """Raise UserError if a new run would overwrite the files of an earlier one; run: the run settings."""
    for setting, pattern in (("samples_dir", _GRIDS), ("checkpoints_dir", _CHECKPOINTS)):
        folder = getattr(run, setting)
        left = _find(folder, pattern)
        if left:
            raise UserError(
                f"{setting} = {folder} holds {left[-1]} of an earlier run, but there is no checkpoint in "
                f"{run.checkpoints_dir} to resume from; move its files away, or set different --samples_dir and "
                "--checkpoints_dir"
            )


def check_grids_owner(manifest, run):
    """Raise UserError if a resumed run would write its grids among the grids of another run.

    manifest: the Manifest to resume from; run: the run settings. Grids of version 0.8 or earlier have no owner.
    """
    run_id = get_run_id(manifest)
    grids = _find(run.samples_dir, _GRIDS)
    foreign = [name for name in grids if not belongs_to_run(os.path.join(run.samples_dir, name), run_id)]
    if foreign:
        raise UserError(
            f"samples_dir = {run.samples_dir} holds {foreign[-1]} of another run than the checkpoints in "
            f"{run.checkpoints_dir}; set samples_dir to the folder of this run, or to an empty folder"
        )


def _find(folder, pattern):
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name for name in names if re.match(pattern, name))
