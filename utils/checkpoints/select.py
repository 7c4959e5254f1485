"""Which checkpoint to sample from: the best one, the latest, or that of a step."""

import os
import sys
from typing import Any, NamedTuple

from utils.checkpoints import store as checkpoint
from utils.errors import UserError


class Choice(NamedTuple):
    """A checkpoint that is good."""

    checkpoint: Any  # checkpoint.Checkpoint
    record: Any  # record.Record
    words: str  # which one it is


def choose(folder, wanted):
    """Return the Choice of `wanted` in `folder`: 'best', 'latest' or a step; raise UserError where there is none.

    Without a best one, or where that is damaged, it is the latest.
    """
    if wanted not in ("best", "latest"):
        return _of_step(folder, int(wanted))
    latest = checkpoint.newest_good_or_refuse(folder)
    checkpoint.tell_damaged(latest)
    best = latest.record.state.best
    if wanted == "best" and best:
        words = "the best by %s, %.4g" % (best.metric, best.value)
        if best.step == latest.checkpoint.step:
            return Choice(latest.checkpoint, latest.record, words + ", and the latest")
        there = checkpoint.at(folder, best.step)
        try:
            return Choice(there, checkpoint.examine(there), words + "; the latest is step %d" % latest.checkpoint.step)
        except UserError as error:
            if checkpoint.find(folder)[-1] != latest.checkpoint and not os.path.exists(there.path + ".json"):
                return choose(folder, wanted)  # a run that is going on has a better one now
            print("main.py: the best checkpoint: %s; taking the latest" % error, file=sys.stderr, flush=True)
    return Choice(latest.checkpoint, latest.record, "the latest")


def _of_step(folder, step):
    there = checkpoint.at(folder, step)
    try:
        return Choice(there, checkpoint.examine(there), "as asked for")
    except UserError as error:
        steps = [found.step for found in checkpoint.find(folder)]
        if step in steps:
            raise
        if not steps:
            checkpoint.newest_good_or_refuse(folder)  # which says what is there instead
        words = ", ".join(map(str, steps[-10:]))
        raise UserError(
            "checkpoint = %d, but checkpoints_dir = %s has none of that step; there are %s" % (step, folder, words)
        ) from error


def restore(session, saver, folder, wanted, choice, variables):
    """Restore a Choice; if a run that is going on has removed it meanwhile, choose anew. Return which it was."""
    while True:
        try:
            checkpoint.restore(session, saver, choice.checkpoint, variables)
            return choice
        except UserError:
            if os.path.exists(choice.checkpoint.path + ".json"):  # which is the first to be removed
                raise
        choice = choose(folder, wanted)
