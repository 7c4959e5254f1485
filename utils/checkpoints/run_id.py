"""The identity of a run, which its checkpoints and images keep wherever their folders are."""

import hashlib
import json
import uuid

from utils.config import schema


def new_run_id():
    """Return the identity of a new run: 32 random hexadecimal digits."""
    return uuid.uuid4().hex


def get_run_id(manifest):
    """Return the identity of the run that a Manifest belongs to, 32 hexadecimal digits.

    Versions up to 0.8 recorded none. For them it is a hash of what cannot change during a run, and of the folder where
    the run began.
    """
    if manifest.saved.run_id:
        return manifest.saved.run_id
    fixed = {name: value for name, value in manifest.run.items() if schema.RUN[name].on_resume == "keep"}
    folder = manifest.run.get("checkpoints_dir")
    text = json.dumps([fixed, manifest.network, manifest.saved.fingerprint, folder], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def short_run_id(run_id):
    """Return the part of an identity that file names contain."""
    return run_id[:6]


def weights_digest(checkpoint):
    """Return 12 hexadecimal digits that identify the weights of a store.Checkpoint.

    They are a hash of its index, which has a checksum of each tensor.
    """
    with open(checkpoint.path + ".index", "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]
