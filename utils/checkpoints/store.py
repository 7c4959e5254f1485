"""Checkpoints: dcgan-<step>.index, .data-* and .json in one folder; saved, verified, found and restored.

A checkpoint is written in a folder aside, read back there, and moved into place file by file, its JSON last. Only then
do older ones go. So what stands in the folder with its JSON is whole, at whatever moment the process was killed; and
what is damaged later is noticed, because every byte of a checkpoint is under a checksum and is read before it is used.
"""

import contextlib
import os
import re
import shutil
import sys
from typing import Any, List, NamedTuple, Tuple

import tensorflow.compat.v1 as tf

from utils.checkpoints import manifest as record
from utils.errors import UserError, reason_of

PREFIX = "dcgan"
_SAVING = ".saving"


class Checkpoint(NamedTuple):
    """A checkpoint in a folder."""

    step: int
    path: str  # as TensorFlow wants it: without an ending


class Keep(NamedTuple):
    """Which checkpoints stay when another one is saved."""

    newest: int  # as many
    every: int = 0  # those whose step is a multiple of it; 0: none
    best: Tuple[int, ...] = ()  # steps of the best ones
    not_these: Tuple[int, ...] = ()  # steps of those that are damaged


class Found(NamedTuple):
    """The newest checkpoint that is good."""

    checkpoint: Checkpoint
    record: Any  # record.Record
    damaged: List[Tuple[Checkpoint, str]]  # the newer ones, each with words: which, and what is wrong with it


def find(folder):
    """Return the Checkpoints in `folder`, oldest first, whole or not."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    steps = {_step_of(name) for name in names} - {None}
    return [at(folder, step) for step in sorted(steps)]


def newest_good(folder):
    """Return the Found of `folder`, or None where no checkpoint is there; raise UserError where none is good."""
    there_were, damaged = find(folder), []
    for checkpoint in reversed(there_were):
        try:
            there = examine(checkpoint)
        except record.LaterVersionError:
            raise
        except UserError as error:
            damaged.append((checkpoint, str(error)))
        else:
            return Found(checkpoint, there, _still_there(damaged, folder))
    if find(folder) != there_were:  # a run that is going on has saved some and removed others meanwhile
        return newest_good(folder)
    if not any(os.path.exists(checkpoint.path + ".json") for checkpoint in there_were) and len(there_were) <= 1:
        return None  # what the very first save left, when it was killed, is no loss
    words = ", ".join(words for _, words in damaged[:3])
    raise UserError(
        "none of the %d checkpoints in checkpoints_dir = %s is good: %s; bring one back from a backup, or start a new "
        "run with other --checkpoints_dir and --samples_dir" % (len(damaged), folder, words)
    )


def _still_there(damaged, folder):
    """Return those that a run that is going on has not simply removed meanwhile."""
    there_are = find(folder)
    return [(checkpoint, words) for checkpoint, words in damaged if checkpoint in there_are]


def best_of(found):
    """Return the record.Best of a Found, or None where its checkpoint is not there any more, or is damaged."""
    best = found.record.state.best
    if best and best.step != found.checkpoint.step:  # which has just been read
        try:
            examine(at(os.path.dirname(found.checkpoint.path), best.step))
        except UserError as error:
            print("main.py: the best checkpoint: %s; choosing a new one" % error, file=sys.stderr, flush=True)
            return None
    return best


def tell_damaged(found):
    """Print which checkpoints are passed over, and why."""
    for _, words in found.damaged:
        print("main.py: %s; going back to %s" % (words, found.checkpoint.path), file=sys.stderr, flush=True)


def newest_good_or_refuse(folder):
    """Return the Found of `folder`; raise UserError where there is none."""
    found = newest_good(folder)
    if not found:
        names = os.listdir(folder) if os.path.isdir(folder) else None
        if names is None:
            what = "it is not a folder" if os.path.exists(folder) else "it does not exist"
        else:
            what = "none of its %d files is a %s-<step>.json" % (len(names), PREFIX)
        raise UserError(
            "no checkpoint in checkpoints_dir = %s (%s); train first: isTrain = 1, then python main.py" % (folder, what)
        )
    return found


def at(folder, step):
    """Return the Checkpoint of this step, whether or not it is there."""
    return Checkpoint(step, os.path.join(folder, "%s-%d" % (PREFIX, step)))


def examine(checkpoint):
    """Read all of a checkpoint, and return its record; raise UserError where anything is wrong with it."""
    if not os.path.exists(checkpoint.path + ".json"):
        raise UserError(
            "%s is not whole (its .json is missing: a save that was stopped, or is still going on)" % checkpoint.path
        )
    there = record.read(checkpoint.path + ".json")
    if there.step != checkpoint.step:
        raise UserError("%s.json is the record of step %d" % (checkpoint.path, there.step))
    with _damage_named(checkpoint.path):
        _read_back(checkpoint.path)
    return there


@contextlib.contextmanager
def _damage_named(path):
    try:
        yield
    except (UserError, MemoryError, tf.errors.ResourceExhaustedError):  # no damage: memory is short
        raise
    except Exception as error:  # OpError, ValueError, IndexError ...: that depends on TensorFlow's version
        raise UserError("%s is damaged (%s)" % (path, reason_of(error)))


def save(session, saver, folder, step, record_text, keep):
    """Save all of the saver's variables as the checkpoint of `step` in `folder`, then remove older ones.

    keep: a Keep; damaged ones stay no longer than until this one stands. Raise OSError where saving fails; the older
    checkpoints are then untouched.
    """
    aside = os.path.join(folder, _SAVING)
    shutil.rmtree(aside, ignore_errors=True)  # of a save that was killed
    os.makedirs(aside)
    final = at(folder, step)
    path = os.path.join(aside, os.path.basename(final.path))
    try:
        saver.save(session, path, write_meta_graph=False, write_state=False)
        _read_back(path)
        with open(path + ".json", "w", encoding="utf-8") as file:
            file.write(record_text)
        for name in os.listdir(aside):
            with open(os.path.join(aside, name), "rb") as file:
                os.fsync(file.fileno())
    except Exception as error:  # such as a full disk, which TensorFlow counts among exhausted resources
        shutil.rmtree(aside, ignore_errors=True)  # there, every byte is wanted
        raise OSError("checkpoint %s: %s" % (path, reason_of(error)))
    _publish(aside, folder, step)
    try:  # it stands; whatever fails from here on is no loss
        # For TensorFlow's own tools only; this program goes by the files.
        tf.train.update_checkpoint_state(folder, os.path.basename(final.path))
        _remove_older(folder, step, keep)
    except (OSError, tf.errors.OpError) as error:
        words = "\nmain.py: the checkpoint of step %d is saved, but older ones cannot be cleared away (%s)"
        print(words % (step, reason_of(error)), file=sys.stderr)
    return final


def _publish(aside, folder, step):
    """Move a checkpoint into place; its JSON last, for that is what makes the files a checkpoint."""
    with contextlib.suppress(FileNotFoundError):  # of a damaged one, or of another course of the run
        os.remove(at(folder, step).path + ".json")
    for name in sorted(os.listdir(aside)):  # .data-*, .index, .json
        os.replace(os.path.join(aside, name), os.path.join(folder, name))
    os.rmdir(aside)
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def rewrite_record(checkpoint, record_text):
    """Put another JSON in the place of a checkpoint's: at every moment the one or the other is there."""
    aside = os.path.join(os.path.dirname(checkpoint.path), _SAVING + ".json")
    with open(aside, "w", encoding="utf-8") as file:
        file.write(record_text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, checkpoint.path + ".json")


def _read_back(path):
    """Read every tensor of a checkpoint, which checks their checksums."""
    reader = tf.train.load_checkpoint(path)
    for name in reader.get_variable_to_shape_map():
        reader.get_tensor(name)


def _remove_older(folder, step, keep):
    """Remove the checkpoints before `step` that are not to stay, and what a kill has left of such a removal.

    Later ones, which are damaged or of another course of the run, are none of its business.
    """
    damaged = [s for s in keep.not_these if s < step]
    steps = [checkpoint.step for checkpoint in find(folder) if checkpoint.step <= step]
    good = [s for s in steps if s not in damaged]
    old = damaged + [s for s in good[: -keep.newest] if s not in keep.best and not (keep.every and s % keep.every == 0)]
    names = [name for name in os.listdir(folder) if _step_of(name) in old]
    # A JSON goes first, so that no kill leaves a checkpoint that seems whole.
    for name in sorted(names, key=lambda name: not name.endswith(".json")):
        os.remove(os.path.join(folder, name))


def _step_of(name):
    """Return the step of a file's name, or None where it is no file of a checkpoint."""
    match = re.match(r"%s-(\d+)\.(json|index|data-\d+-of-\d+)$" % PREFIX, name)
    return int(match.group(1)) if match else None


def restore(session, saver, checkpoint, variables):
    """Load `variables` from a checkpoint; raise UserError where a variable is missing or has another shape.

    `Saver.restore` takes a wrong shape without a word when variables are resources, so it is looked at beforehand.
    """
    with _damage_named(checkpoint.path):
        stored = dict(tf.train.list_variables(checkpoint.path))
        for variable in variables:
            name, shape = variable.op.name, variable.shape.as_list()
            if stored.get(name) != shape:
                found = "is missing" if name not in stored else "has shape %s there" % stored[name]
                raise UserError("%s: %s %s, the network wants %s" % (checkpoint.path, name, found, shape))
        saver.restore(session, checkpoint.path)
