"""The ID of a run, stored in its checkpoints and images, so that moving their folders does not change the ID."""

import hashlib
import json
import uuid

from utils.config import schema


def new_run_id():
    """Return the ID of a new run: 32 random hexadecimal digits."""
    return uuid.uuid4().hex


def get_run_id(manifest):
    """Return the ID of the run that a Manifest belongs to: 32 hexadecimal digits.

    Version 0.8 and earlier did not record IDs. For their runs, the ID is a hash of everything that cannot change during
    a run and of the folder in which the run began.
    """
    if manifest.saved.run_id:
        return manifest.saved.run_id
    fixed = {name: value for name, value in manifest.run.items() if schema.RUN[name].on_resume == "keep"}
    folder = manifest.run.get("checkpoints_dir")
    text = json.dumps([fixed, manifest.network, manifest.saved.fingerprint, folder], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def short_run_id(run_id):
    """Return the prefix of a run ID that is used in file names."""
    return run_id[:6]


def weights_digest(checkpoint):
    """Return 12 hexadecimal digits that identify the weights of a store.Checkpoint.

    The digits are a hash of the checkpoint's index file, which contains a checksum of each tensor.
    """
    with open(checkpoint.path + ".index", "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]
