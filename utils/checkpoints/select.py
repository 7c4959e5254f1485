"""Select a checkpoint: the newest good one, the best one, or the one at a given step."""

import os
from typing import NamedTuple, Tuple

from utils.checkpoints import store
from utils.checkpoints.manifest import LaterVersionError, Manifest
from utils.checkpoints.run_id import weights_digest
from utils.errors import UserError, warn
from utils.output import files


class Selected(NamedTuple):
    """A verified checkpoint."""

    checkpoint: store.Checkpoint
    manifest: Manifest
    description: str  # why it was selected
    damaged: Tuple[int, ...] = ()  # steps of newer checkpoints that were skipped
    weights: str = ""  # digest of the weights, see run_id.weights_digest; `restore_selected` adds it


def newest_good(folder):
    """Return the newest good checkpoint in `folder`, a Selected; None if it has none, or only an interrupted first one.

    Warn about newer checkpoints that are skipped. Raise UserError if there are checkpoints, but none is good, or if a
    newer one is from a later version of this program.
    """
    files.check_plain("checkpoints_dir", folder)
    checkpoints, reasons = store.find(folder), {}
    for checkpoint in reversed(checkpoints):
        try:
            manifest = store.verify(checkpoint)
        except LaterVersionError:
            raise
        except UserError as error:
            reasons[checkpoint] = error
        else:
            # A training run in progress may have removed some checkpoints in the meantime.
            damaged = [existing for existing in store.find(folder) if existing in reasons]
            for each in reversed(damaged):
                warn(f"{reasons[each]}; going back to {checkpoint.path}")
            return Selected(checkpoint, manifest, "the latest", tuple(each.step for each in damaged))
    if store.find(folder) != checkpoints:  # a training run in progress has changed them
        return newest_good(folder)
    if not any(os.path.exists(checkpoint.json) for checkpoint in checkpoints) and len(checkpoints) <= 1:
        return None  # only the first save was interrupted: nothing is lost
    listed = ", ".join(map(str, list(reasons.values())[:3]))
    raise UserError(
        f"none of the {len(reasons)} checkpoints in checkpoints_dir = {folder} is good: {listed}; restore one from a "
        "backup, or start a new run with a different --checkpoints_dir and --samples_dir"
    )


def require_newest_good(folder):
    """Return the newest good checkpoint in `folder`, a Selected; raise UserError if there is none."""
    selected = newest_good(folder)
    if selected:
        return selected
    if os.path.isdir(folder):
        problem = f"it contains no {store.PREFIX}-<step>.json"
    else:
        problem = "it is not a folder" if os.path.exists(folder) else "it does not exist"
    near = " or ".join(_nearby_checkpoints(folder))
    cure = f"set checkpoints_dir to {near}" if near else "train first: isTrain = 1, then python main.py"
    raise UserError(f"no checkpoint in checkpoints_dir = {folder} ({problem}); {cure}")


def _nearby_checkpoints(folder):
    """Return up to three folders with checkpoints: subfolders of `folder`, and its parent."""
    inside = [os.path.join(folder, name) for name in sorted(os.listdir(folder))] if os.path.isdir(folder) else []
    readable = [each for each in (*inside, os.path.dirname(folder)) if os.access(each, os.R_OK)]
    return [each for each in readable if store.find(each)][:3]


def verify_best(selected):
    """Return the manifest.Best recorded in a Selected; None if the best checkpoint is gone or damaged."""
    best = selected.manifest.saved.best
    if best and best.step != selected.checkpoint.step:  # the selected one is already verified
        try:
            store.verify(store.checkpoint_at(selected.checkpoint.folder, best.step))
        except UserError as error:
            warn(f"the best checkpoint: {error}; choosing a new one")
            return None
    return best


def select(folder, wanted):
    """Return the Selected checkpoint that `wanted` names in `folder`; raise UserError if there is none.

    wanted: 'best', 'latest' or a step. If the best is unknown or damaged, return the latest.
    """
    if wanted not in ("best", "latest"):
        return _select_step(folder, int(wanted))
    latest = require_newest_good(folder)
    best = latest.manifest.saved.best
    if wanted == "latest" or not best:
        return latest
    description = f"the best by {best.metric}, {best.value:.4g}"
    if best.step == latest.checkpoint.step:
        return latest._replace(description=f"{description}, and the latest")
    checkpoint = store.checkpoint_at(folder, best.step)
    try:
        description += f"; the latest is step {latest.checkpoint.step}"
        return Selected(checkpoint, store.verify(checkpoint), description)
    except UserError as error:
        if store.find(folder)[-1] != latest.checkpoint and not os.path.exists(checkpoint.json):
            return select(folder, wanted)  # a training run in progress has a better one now
        warn(f"the best checkpoint: {error}; using the latest")
    return latest


def _select_step(folder, step):
    files.check_plain("checkpoints_dir", folder)
    steps = [existing.step for existing in store.find(folder)]
    if step not in steps:
        if not steps:
            require_newest_good(folder)  # raises a UserError that describes the folder
        listed = ", ".join(map(str, steps[-10:]))
        raise UserError(f"checkpoint = {step}, but checkpoints_dir = {folder} lacks that step; it has {listed}")
    checkpoint = store.checkpoint_at(folder, step)
    return Selected(checkpoint, store.verify(checkpoint), "as requested")


def restore_selected(session, saver, variables, selected, wanted):
    """Restore a Selected and return it; if a training run has just removed it, select `wanted` again."""
    while True:
        try:
            store.restore(session, saver, selected.checkpoint, variables)
            return selected._replace(weights=weights_digest(selected.checkpoint))
        except (UserError, FileNotFoundError):
            if os.path.exists(selected.checkpoint.json):  # a removal begins with the JSON file: this is a real failure
                raise
        selected = select(selected.checkpoint.folder, wanted)
