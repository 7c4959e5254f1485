"""The folders of a run, before anything is written: whether they can be written, and whose files are in them."""

import os
import re

from utils.checkpoints.run_id import get_run_id
from utils.errors import UserError
from utils.output.history import HISTORY
from utils.output.images import read_metadata
from utils.training.report.page import REPORT

_GRIDS = r"train_\d+\.png$|reals\.png$"


def check_no_foreign_files(samples_dir, checkpoints_dir):
    """Raise UserError if a new run would overwrite the files of an earlier one."""
    for setting, folder, pattern in (
        ("samples_dir", samples_dir, _GRIDS),
        # A kill may have left parts of the very first checkpoint; all others belong to a run.
        ("checkpoints_dir", checkpoints_dir, rf"dcgan-[1-9]\d*\.|logs$|({re.escape(HISTORY)}|{re.escape(REPORT)})$"),
    ):
        left = sorted(name for name in _names(folder) if re.match(pattern, name))
        if left:
            raise UserError(
                f"{setting} = {folder} holds {left[-1]} of an earlier run, but there is no checkpoint in "
                f"{checkpoints_dir} to resume from; move its files away, or start a new run with other --samples_dir "
                "and --checkpoints_dir"
            )


def check_grids_owner(manifest, run):
    """Raise UserError if a resumed run would write its grids among those of another one.

    manifest: of the checkpoint to resume from; run: the settings of today. The folders may have been moved.
    """
    grids = sorted(name for name in _names(run.samples_dir) if re.match(_GRIDS, name))
    owners = (read_metadata(os.path.join(run.samples_dir, name)).get("run") for name in reversed(grids))
    owner = next(filter(None, owners), None)
    if owner is None:  # grids of version 0.8 or earlier: then another run began in the same folder of checkpoints
        then = manifest.run
        is_other = then.get("checkpoints_dir") == run.checkpoints_dir and then.get("samples_dir") != run.samples_dir
    else:
        is_other = owner != get_run_id(manifest)
    if grids and is_other:
        raise UserError(
            f"samples_dir = {run.samples_dir} holds {grids[-1]} of another run than the checkpoints in "
            f"{run.checkpoints_dir}; give the samples_dir of this run, or an empty folder"
        )


def _names(folder):
    return os.listdir(folder) if os.path.isdir(folder) else []
