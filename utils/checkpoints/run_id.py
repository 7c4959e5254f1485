"""Which run a checkpoint or an image belongs to, wherever its folders are now: an identity of the run's own."""

import hashlib
import json
import uuid

from utils.config import schema


def new_run_id():
    """Return the identity of a run that begins: 32 hexadecimal digits at random."""
    return uuid.uuid4().hex


def get_run_id(manifest):
    """Return the identity of the run that a Manifest belongs to, 32 hexadecimal digits.

    Versions up to 0.8 recorded none. Theirs is made of what cannot change during a run, and the folder it began in.
    """
    if manifest.saved.run_id:
        return manifest.saved.run_id
    fixed = {name: value for name, value in manifest.run.items() if schema.RUN[name].on_resume == "keep"}
    folder = manifest.run.get("checkpoints_dir")
    text = json.dumps([fixed, manifest.network, manifest.saved.fingerprint, folder], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def short_run_id(run_id):
    """Return the part of an identity that file names have."""
    return run_id[:6]


def weights_digest(checkpoint):
    """Return 12 hexadecimal digits that differ where the weights of a store.Checkpoint differ.

    They come from its index, which has a checksum of each tensor.
    """
    with open(checkpoint.path + ".index", "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]
