"""Which checkpoint to use: the newest good one, the best one, or that of a step."""

import os
from typing import NamedTuple, Tuple

from utils.checkpoints import store
from utils.checkpoints.manifest import LaterVersionError, Manifest
from utils.checkpoints.run_id import weights_digest
from utils.errors import UserError
from utils.output import plain_paths
from utils.output.terminal import warn


class Damaged(NamedTuple):
    """A checkpoint that cannot be used."""

    checkpoint: store.Checkpoint
    reason: str  # which one, and what is wrong with it


class Selected(NamedTuple):
    """A verified checkpoint."""

    checkpoint: store.Checkpoint
    manifest: Manifest
    description: str  # why this one
    damaged: Tuple[Damaged, ...] = ()  # newer ones that were skipped
    weights: str = ""  # their fingerprint, see run_id.weights_digest; only what `restore_selected` returns has it


def newest_good(folder):
    """Return the newest good checkpoint in `folder`, a Selected; None where there is no checkpoint at all.

    Raise UserError if there are some, but none is good.
    """
    plain_paths.check("checkpoints_dir", folder)
    checkpoints, damaged = store.find(folder), []
    for checkpoint in reversed(checkpoints):
        try:
            manifest = store.verify(checkpoint)
        except LaterVersionError:
            raise
        except UserError as error:
            damaged.append(Damaged(checkpoint, str(error)))
        else:
            return Selected(checkpoint, manifest, "the latest", _still_existing(damaged, folder))
    if store.find(folder) != checkpoints:  # a training run in progress has saved some and removed others meanwhile
        return newest_good(folder)
    if not any(os.path.exists(checkpoint.json) for checkpoint in checkpoints) and len(checkpoints) <= 1:
        return None  # the remains of the very first save, when it was killed: nothing is lost
    reasons = ", ".join(each.reason for each in damaged[:3])
    raise UserError(
        f"none of the {len(damaged)} checkpoints in checkpoints_dir = {folder} is good: {reasons}; restore one from a "
        "backup, or start a new run with other --checkpoints_dir and --samples_dir"
    )


def _still_existing(damaged, folder):
    """Return those that a training run in progress has not removed meanwhile."""
    existing = store.find(folder)
    return tuple(each for each in damaged if each.checkpoint in existing)


def warn_damaged(selected):
    """Say which newer checkpoints are skipped, and why."""
    for each in selected.damaged:
        warn(f"{each.reason}; going back to {selected.checkpoint.path}")


def require_newest_good(folder):
    """Return the newest good checkpoint in `folder`, a Selected; raise UserError if there is none."""
    selected = newest_good(folder)
    if selected:
        return selected
    if os.path.isdir(folder):
        problem = f"none of its {len(os.listdir(folder))} files is a {store.PREFIX}-<step>.json"
    else:
        problem = "it is not a folder" if os.path.exists(folder) else "it does not exist"
    near = _nearby_checkpoints(folder)
    cure = (
        f"there are some in {', '.join(near)}: give that folder"
        if near
        else "train first: isTrain = 1, then python main.py"
    )
    raise UserError(f"no checkpoint in checkpoints_dir = {folder} ({problem}); {cure}")


def _nearby_checkpoints(folder):
    """Return up to three folders with checkpoints right inside `folder`, or the one around it: that of a file."""
    inside = [os.path.join(folder, name) for name in sorted(os.listdir(folder))] if os.path.isdir(folder) else []
    readable = [each for each in (*inside, os.path.dirname(folder)) if os.access(each, os.R_OK)]
    return [each for each in readable if store.find(each)][:3]


def best_of(selected):
    """Return the manifest.Best recorded in a Selected; None where its checkpoint is gone or damaged."""
    best = selected.manifest.saved.best
    if best and best.step != selected.checkpoint.step:  # which has just been verified
        try:
            store.verify(store.checkpoint_at(selected.checkpoint.folder, best.step))
        except UserError as error:
            warn(f"the best checkpoint: {error}; choosing a new one")
            return None
    return best


def select(folder, wanted):
    """Return the checkpoint `wanted` in `folder`, a Selected; raise UserError if there is none.

    wanted: 'best', 'latest' or a step. Without a best one, or where that is damaged, it is the latest.
    """
    if wanted not in ("best", "latest"):
        return _of_step(folder, int(wanted))
    latest = require_newest_good(folder)
    warn_damaged(latest)
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


def _of_step(folder, step):
    plain_paths.check("checkpoints_dir", folder)
    checkpoint = store.checkpoint_at(folder, step)
    try:
        return Selected(checkpoint, store.verify(checkpoint), "as requested")
    except UserError as error:
        steps = [existing.step for existing in store.find(folder)]
        if step in steps:
            raise
        if not steps:
            require_newest_good(folder)  # which says what is in the folder instead
        listed = ", ".join(map(str, steps[-10:]))
        raise UserError(
            f"checkpoint = {step}, but checkpoints_dir = {folder} has none of that step; it has {listed}"
        ) from error


def restore_selected(session, saver, variables, selected, wanted):
    """Restore a Selected; return it, or what `wanted` means now if a training run has removed it meanwhile."""
    while True:
        try:
            store.restore(session, saver, selected.checkpoint, variables)
            return selected._replace(weights=weights_digest(selected.checkpoint))
        except (UserError, FileNotFoundError):
            if os.path.exists(selected.checkpoint.json):  # which is the first file to be removed
                raise
        selected = select(selected.checkpoint.folder, wanted)
