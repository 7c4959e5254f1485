"""Suggestions for names that are not settings, or not classes."""

import difflib
import re

# Names of settings in other tools, without hyphens and underscores, that difflib does not find.
SYNONYMS = {
    "learning_rate": ("lr",),
    "d_learning_rate": ("dlr",),
    "g_learning_rate": ("glr",),
    "batch_size": ("bs",),
    "pics_dir": ("data", "dataset", "dataroot", "input"),
    "samples_dir": ("out", "outf", "output"),
    "checkpoints_dir": ("ckpt",),
    "epochs": ("niter",),
    "max_steps": ("iters", "iterations"),
    "z_dim": ("nz", "latentdim"),
    "filters": ("ngf",),
    "channels": ("nc",),
    "image_size": ("size", "resolution"),
    "mirror": ("flip",),
    "ema_decay": ("ema",),
    "isTrain": ("sample",),
}


def suggestion(name, names, cure="see `python main.py --help`"):
    """Return the end of a message about an unknown name: '; did you mean <one of names>?', or the cure."""
    plain = re.sub("[-_]", "", name.lower())
    meant = [setting for setting, synonyms in SYNONYMS.items() if plain in synonyms and setting in names]
    if not meant:
        spellings = {known.lower(): known for known in names}
        close = difflib.get_close_matches(name.lower().replace("-", "_"), list(spellings), 1, 0.5)
        meant = [spellings[close_name] for close_name in close]
    return f"; did you mean {meant[0]}?" if meant else f"; {cure}"
