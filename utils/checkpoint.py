"""Checkpoints: dcgan-<step>.index, .data-* and .json in one folder; saved, verified, found and restored.

A checkpoint is written in a folder aside, read back there, and moved into place file by file, its JSON last. Only then
do older ones go. So what stands in the folder with its JSON is whole, at whatever moment the process was killed.
"""

import os
import re
import shutil
from typing import NamedTuple

import tensorflow.compat.v1 as tf

from utils import record
from utils.errors import UserError

PREFIX = "dcgan"
_SAVING = ".saving"


class Checkpoint(NamedTuple):
    """A checkpoint in a folder."""

    step: int
    path: str  # as TensorFlow wants it: without an ending


def find(folder):
    """Return the Checkpoints in `folder`, oldest first: those with both index and JSON."""
    if not os.path.isdir(folder):
        return []
    names = set(os.listdir(folder))
    steps = sorted(_step_of(name) for name in names if name.endswith(".json") and _step_of(name) is not None)
    return [_at(folder, step) for step in steps if "%s-%d.index" % (PREFIX, step) in names]


def newest(folder):
    """Return the newest Checkpoint in `folder`, or None."""
    return (find(folder) or [None])[-1]


def newest_or_refuse(folder):
    """Return the newest Checkpoint in `folder`; raise UserError where there is none."""
    found = newest(folder)
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


def _at(folder, step):
    return Checkpoint(step, os.path.join(folder, "%s-%d" % (PREFIX, step)))


def read_record(checkpoint):
    """Return the Record beside a checkpoint."""
    found = record.read(checkpoint.path + ".json")
    if found.step != checkpoint.step:
        raise UserError("%s.json is the record of step %d" % (checkpoint.path, found.step))
    return found


def save(session, saver, folder, step, record_text, keep):
    """Save all of the saver's variables as the newest checkpoint in `folder`, then remove all but the newest `keep`.

    Raise OSError where that fails; the older checkpoints are then untouched.
    """
    aside = os.path.join(folder, _SAVING)
    shutil.rmtree(aside, ignore_errors=True)  # of a save that was killed
    os.makedirs(aside)
    final = _at(folder, step)
    path = os.path.join(aside, os.path.basename(final.path))
    try:
        saver.save(session, path, write_meta_graph=False, write_state=False)
        _read_back(path)
    except tf.errors.OpError as error:  # such as a full disk, which TensorFlow counts among exhausted resources
        raise OSError("checkpoint %s: %s" % (path, error.message.split("\n")[0]))
    with open(path + ".json", "w", encoding="utf-8") as file:
        file.write(record_text)
    for name in os.listdir(aside):
        with open(os.path.join(aside, name), "rb") as file:
            os.fsync(file.fileno())
    # The JSON moves last: it is what makes the files a checkpoint. Sorted, they would come .data-*, .index, .json.
    for name in sorted(os.listdir(aside)):
        os.replace(os.path.join(aside, name), os.path.join(folder, name))
    os.rmdir(aside)
    # For TensorFlow's own tools only; this program goes by the files.
    tf.train.update_checkpoint_state(folder, os.path.basename(final.path))
    _remove_before(folder, find(folder)[-keep:][0].step)
    return final


def _read_back(path):
    """Read every tensor of a checkpoint, which checks their checksums."""
    reader = tf.train.load_checkpoint(path)
    for name in reader.get_variable_to_shape_map():
        reader.get_tensor(name)


def _remove_before(folder, step):
    """Remove the files of all checkpoints before `step`, and what a kill has left of such a removal."""
    steps = {name: _step_of(name) for name in os.listdir(folder)}
    old = [name for name in steps if steps[name] is not None and steps[name] < step]
    # A JSON goes first, so that no kill leaves a checkpoint that seems whole.
    for name in sorted(old, key=lambda name: not name.endswith(".json")):
        os.remove(os.path.join(folder, name))


def _step_of(name):
    """Return the step of a file's name, or None where it is no file of a checkpoint."""
    match = re.match(r"%s-(\d+)\.(json|index|data-\d+-of-\d+)$" % PREFIX, name)
    return int(match.group(1)) if match else None


def restore(session, saver, checkpoint, variables):
    """Load `variables` from a checkpoint; raise UserError where a variable is missing or has another shape.

    `Saver.restore` takes a wrong shape without a word when variables are resources, so it is looked at beforehand.
    """
    try:
        stored = dict(tf.train.list_variables(checkpoint.path))
        for variable in variables:
            name, shape = variable.op.name, variable.shape.as_list()
            if stored.get(name) != shape:
                found = "is missing" if name not in stored else "has shape %s there" % stored[name]
                raise UserError("%s: %s %s, the network wants %s" % (checkpoint.path, name, found, shape))
        saver.restore(session, checkpoint.path)
    except tf.errors.ResourceExhaustedError:  # no damage: memory is short
        raise
    except (tf.errors.OpError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise UserError(
            "%s is damaged (%s); move its files away to go on from an older one" % (checkpoint.path, reason)
        )
