"""Checks that keep a run from mixing its files with those from another run."""

import os
import re

from utils.checkpoints.run_id import get_run_id
from utils.errors import UserError
from utils.output.history import HISTORY, PENDING
from utils.output.images import read_metadata
from utils.training.report.page import REPORT

_GRIDS = r"train_\d+\.png$|reals\.png$"
# Files of step 0 do not count: a run killed during its first save leaves them. Later checkpoints belong to a run.
_CHECKPOINTS = rf"dcgan-[1-9]\d*\.|logs$|({re.escape(HISTORY)}|{re.escape(PENDING)}|{re.escape(REPORT)})$"


def check_no_foreign_files(run):
    """Raise UserError if a new run would overwrite the files of an earlier one; run: the run settings."""
    for setting, pattern in (("samples_dir", _GRIDS), ("checkpoints_dir", _CHECKPOINTS)):
        folder = getattr(run, setting)
        left = _find(folder, pattern)
        if left:
            raise UserError(
                f"{setting} = {folder} contains {left[-1]} from an earlier run, but {run.checkpoints_dir} contains no "
                "checkpoint to resume from; move its files elsewhere, or set different --samples_dir and "
                "--checkpoints_dir"
            )


def check_grids_owner(recorded, run):
    """Raise UserError if a resumed run would mix its grids with those from another run.

    recorded: the Manifest to resume from; run: the run settings. Grids from version 0.8 or earlier have no run ID.
    """
    folder = run.samples_dir
    for name in reversed(_find(folder, _GRIDS)):
        owner = read_metadata(os.path.join(folder, name)).get("run")
        if owner == get_run_id(recorded):
            return  # the newest grid that has an owner
        if owner:
            raise UserError(
                f"samples_dir = {folder} contains {name} from a different run than the checkpoints in "
                f"{run.checkpoints_dir}; set samples_dir to this run's folder or to an empty one"
            )


def _find(folder, pattern):
    return sorted(name for name in os.listdir(folder) if re.match(pattern, name)) if os.path.isdir(folder) else []
