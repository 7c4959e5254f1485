"""Checkpoints on disk: dcgan-<step>.index, .data-* and .json in one folder; saved, verified, pruned and restored.

A checkpoint is written to a temporary folder, read back there, and moved into place file by file, the JSON file last.
Only then are older checkpoints removed. A checkpoint with a JSON file is therefore complete, no matter when the process
is killed. Later damage is detected: checksums cover every byte of a checkpoint, and all bytes are read before use.
"""

import contextlib
import os
import re
import shutil
from typing import NamedTuple, Tuple

import tensorflow.compat.v1 as tf

from utils.checkpoints import manifest as manifests
from utils.errors import UserError, reason_of, warn
from utils.output import files

PREFIX = "dcgan"
_SAVING = ".saving"


class Checkpoint(NamedTuple):
    """A checkpoint in a folder, complete or not."""

    step: int
    path: str  # without an extension, as TensorFlow expects it

    @property
    def folder(self):
        """The folder that contains the checkpoint."""
        return os.path.dirname(self.path)

    @property
    def json(self):
        """The path of the checkpoint's manifest."""
        return self.path + ".json"


class RetentionPolicy(NamedTuple):
    """The rule for which older checkpoints are kept when a new one is saved."""

    newest: int  # how many of the newest checkpoints are kept
    every: int = 0  # checkpoints whose step is a multiple of `every` are kept; 0: none
    best: Tuple[int, ...] = ()  # steps of the best checkpoints
    damaged: Tuple[int, ...] = ()  # steps of damaged checkpoints to be removed


def checkpoint_at(folder, step):
    """Return the Checkpoint at this step, whether or not it exists."""
    return Checkpoint(step, os.path.join(folder, f"{PREFIX}-{step}"))


def find(folder):
    """Return the Checkpoints in `folder`, oldest first, complete or not."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [checkpoint_at(folder, step) for step in sorted({_parse_step(name) for name in names} - {None})]


def verify(checkpoint):
    """Read every byte of a checkpoint and return its Manifest; raise UserError if anything is wrong with it."""
    if not os.path.exists(checkpoint.json):
        raise UserError(f"{checkpoint.path} is incomplete (no .json file: interrupted or still being saved)")
    manifest = manifests.read(checkpoint.json)
    if manifest.step != checkpoint.step:
        raise UserError(f"{checkpoint.json} belongs to step {manifest.step}")
    with _reading(checkpoint) as prefix:
        _read_back(prefix)
    return manifest


@contextlib.contextmanager
def _reading(checkpoint):
    """Yield a path to a checkpoint that TensorFlow accepts; turn damage into a UserError."""
    try:
        with _plain(checkpoint.path) as prefix:
            yield prefix
    except (UserError, MemoryError, tf.errors.ResourceExhaustedError):  # out of memory is not damage
        raise
    except Exception as error:  # OpError, ValueError, IndexError ..., depending on TensorFlow's version
        raise UserError(f"{checkpoint.path} is damaged ({reason_of(error)})")


@contextlib.contextmanager
def _plain(path):
    """Yield a path to the checkpoint at `path` that TensorFlow accepts; it is valid inside the context."""
    with files.plain_folder(os.path.dirname(path)) as folder:
        yield os.path.join(folder, os.path.basename(path))


def _read_back(prefix):
    """Read every tensor in a checkpoint, which verifies its checksum."""
    reader = tf.train.load_checkpoint(prefix)
    for name in reader.get_variable_to_shape_map():
        reader.get_tensor(name)


def save(session, saver, checkpoint, manifest_text, keep):
    """Save all of the saver's variables as `checkpoint`, then remove the older ones that `keep` does not retain.

    keep: a RetentionPolicy; damaged checkpoints are removed once this one is complete. Raise OSError if saving fails;
    the older checkpoints are then untouched.
    """
    temporary = os.path.join(checkpoint.folder, _SAVING)
    shutil.rmtree(temporary, ignore_errors=True)  # left over from an interrupted save
    os.makedirs(temporary)
    path = os.path.join(temporary, os.path.basename(checkpoint.path))
    try:
        with _plain(path) as prefix:
            saver.save(session, prefix, write_meta_graph=False, write_state=False)
            _read_back(prefix)
        files.write(path + ".json", manifest_text.encode())
        for name in os.listdir(temporary):
            files.fsync_file(os.path.join(temporary, name))
    except Exception as error:  # TensorFlow reports a full disk as an exhausted resource
        shutil.rmtree(temporary, ignore_errors=True)  # frees its disk space
        raise OSError(f"checkpoint {path}: {reason_of(error)}")
    _publish(temporary, checkpoint)
    try:  # the checkpoint is complete; a failure from here on loses nothing
        _prune(checkpoint, keep)
    except OSError as error:
        problem = f"older ones cannot be removed ({reason_of(error)})"
        warn(f"the checkpoint at step {checkpoint.step} is saved, but {problem}", fresh_line=True)
    # Only TensorFlow's own tools need this file; the program lists the folder instead.
    with contextlib.suppress(OSError, tf.errors.OpError), files.plain_folder(checkpoint.folder) as folder:
        tf.train.update_checkpoint_state(folder, os.path.basename(checkpoint.path))


def _publish(temporary, checkpoint):
    """Move a checkpoint's files into place, the JSON file last: it marks the checkpoint as complete."""
    with contextlib.suppress(FileNotFoundError):  # the file exists if a damaged or rolled-back checkpoint is replaced
        os.remove(checkpoint.json)
    for name in sorted(os.listdir(temporary)):  # .data-*, .index, .json
        os.replace(os.path.join(temporary, name), os.path.join(checkpoint.folder, name))
    os.rmdir(temporary)
    files.fsync_folder(checkpoint.folder)


def rewrite_manifest(checkpoint, manifest_text):
    """Replace a checkpoint's JSON file atomically."""
    files.write(checkpoint.json, manifest_text.encode(), sync=True)


def _prune(checkpoint, keep):
    """Remove older checkpoints that are not to be kept, and files left behind by an interrupted removal.

    Later checkpoints are kept; they are damaged or were undone by a rollback.
    """
    damaged = {step for step in keep.damaged if step < checkpoint.step}
    good = [each.step for each in find(checkpoint.folder) if each.step <= checkpoint.step and each.step not in damaged]
    kept = {*keep.best, *(step for step in good if keep.every and step % keep.every == 0), *good[-keep.newest :]}
    removed = damaged | (set(good) - kept)
    names = os.listdir(checkpoint.folder)
    names = [name for name in names if _parse_step(name) in removed or re.match(rf"{PREFIX}-.*\.part$", name)]
    # JSON files are removed first, so that an interrupted removal leaves no checkpoint that seems complete.
    for name in sorted(names, key=lambda name: not name.endswith(".json")):
        os.remove(os.path.join(checkpoint.folder, name))


def _parse_step(name):
    """Return the step in the name of a checkpoint file, or None for any other name."""
    match = re.match(rf"{PREFIX}-(\d+)\.(json|index|data-\d+-of-\d+)$", name)
    return int(match.group(1)) if match else None


def shapes(checkpoint):
    """Return {name: shape} of the variables in a checkpoint; raise UserError if it is damaged."""
    with _reading(checkpoint) as prefix:
        return dict(tf.train.list_variables(prefix))


def values(checkpoint, names):
    """Return the values of these variables in a checkpoint; raise UserError if it is damaged."""
    with _reading(checkpoint) as prefix:
        reader = tf.train.load_checkpoint(prefix)
        return [reader.get_tensor(name) for name in names]


def restore(session, saver, checkpoint, variables):
    """Load `variables` from a checkpoint; raise UserError if the checkpoint does not fit or is damaged.

    The checkpoint must contain each variable in the same shape. `Saver.restore` silently accepts the wrong shape for a
    resource variable, so shapes are compared first.
    """
    with _reading(checkpoint) as prefix:
        stored = dict(tf.train.list_variables(prefix))
        for variable in variables:
            name, shape = variable.op.name, variable.shape.as_list()
            if stored.get(name) != shape:
                problem = "is missing" if name not in stored else f"has shape {stored[name]}"
                raise UserError(f"{checkpoint.path}: {name} {problem}; the network needs {shape}")
        saver.restore(session, prefix)
