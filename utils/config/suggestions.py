"""Suggestions for unknown names of settings, classes and help topics."""

import difflib

# What other tools call these settings, in lower case; difflib does not find these names.
SYNONYMS = {
    "learning_rate": ("lr",),
    "d_learning_rate": ("dlr",),
    "g_learning_rate": ("glr",),
    "batch_size": ("bs",),
    "pics_dir": ("data", "dataset", "dataroot", "input"),
    "num_samples": ("samples",),
    "samples_dir": ("out", "outf", "output"),
    "checkpoints_dir": ("ckpt",),
    "epochs": ("niter",),
    "max_steps": ("iters", "iterations"),
    "z_dim": ("nz", "latentdim"),
    "filters": ("ngf",),
    "d_width": ("ndf",),
    "channels": ("nc",),
    "image_size": ("size", "resolution"),
    "mirror": ("flip",),
    "ema_decay": ("ema",),
    "isTrain": ("sample",),
}


def suggestion(name, names, cure="see `python main.py --help`"):
    """Return the end of a message about an unknown name: '; did you mean <one of names>?', or the cure."""
    name, spellings = name.lower().replace("-", "_"), {known.lower(): known for known in names}
    for setting, synonyms in SYNONYMS.items():
        if name in synonyms and setting in names:
            spellings[name] = setting
    close = difflib.get_close_matches(name, list(spellings), 1, 0.5)
    return f"; did you mean {spellings[close[0]]}?" if close else f"; {cure}"
