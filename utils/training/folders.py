"""Checks that keep a run from mixing its files or its images with those from another run."""

import os
import re

from utils.checkpoints import fingerprints
from utils.checkpoints.run_id import get_run_id
from utils.config.command_line import new_run_command, shell_words, short_path
from utils.errors import UserError, warn
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


def check_same_data_set(settings, saved, dataset):
    """Raise UserError if the images are a different data set; return whether that could be checked.

    saved: the SavedState to resume from; dataset: the ImageDataset.
    """
    if saved.fingerprint in ("", dataset.fingerprint):
        return True
    run = settings.run
    recorded = fingerprints.read(run.checkpoints_dir, saved.run_id)
    difference = recorded and recorded.describe_difference(dataset, run)
    if difference:
        weights = shell_words("--init_from", short_path(run.checkpoints_dir))
        hint = "" if run.init_from else f" (add {weights} to start from the weights of this run)"
        raise UserError(f"{difference}; start a new run: {new_run_command(settings)}{hint}")
    return recorded is not None


def announce_changes(settings, saved, dataset, is_checked):
    """Print that the images have changed, if so. is_checked: the result of check_same_data_set."""
    if saved.fingerprint in ("", dataset.fingerprint):
        return
    before = f"{saved.fingerprint.split()[0]} before, {dataset.n} now"
    reason = dataset.why_changed(saved.data_version)
    change = f"The training images have changed ({before}{reason}); resuming, but not bit-exactly."
    if is_checked:
        print(change, flush=True)
    else:  # a run from an earlier version, or a damaged file
        cure = f"stop this run, and start a new run: {new_run_command(settings)}"
        warn(f"{change} If they are a different data set, {cure}")


def _find(folder, pattern):
    return sorted(name for name in os.listdir(folder) if re.match(pattern, name)) if os.path.isdir(folder) else []
