"""What a setting may have been meant by a name that is not one."""

import difflib
import re

# What other tools call a setting, without hyphens and underscores, where the names are not alike.
SYNONYMS = {
    "lr": "learning_rate",
    "dlr": "d_learning_rate",
    "glr": "g_learning_rate",
    "bs": "batch_size",
    "data": "pics_dir",
    "dataset": "pics_dir",
    "dataroot": "pics_dir",
    "input": "pics_dir",
    "out": "samples_dir",
    "outf": "samples_dir",
    "output": "samples_dir",
    "ckpt": "checkpoints_dir",
    "niter": "epochs",
    "iters": "max_steps",
    "iterations": "max_steps",
    "steps": "max_steps",
    "nz": "z_dim",
    "latentdim": "z_dim",
    "ngf": "filters",
    "ndf": "d_width",
    "nc": "channels",
    "size": "image_size",
    "resolution": "image_size",
    "imgsize": "image_size",
    "flip": "mirror",
    "ema": "ema_decay",
    "randomseed": "seed",
    "train": "isTrain",
    "sample": "isTrain",
}


def suggestion(name, names, cure="see `python main.py --help`"):
    """Return the end of a message about an unknown name: '; did you mean <one of names>?', or the cure."""
    spellings = {known.lower(): known for known in names}
    synonym = SYNONYMS.get(re.sub("[-_]", "", name.lower()))
    if synonym in names:
        return f"; did you mean {synonym}?"
    close = difflib.get_close_matches(name.lower().replace("-", "_"), list(spellings), 1, 0.5)
    return f"; did you mean {spellings[close[0]]}?" if close else f"; {cure}"
