"""Helpers for tests that prepare images."""

import csv
import os

import numpy as np
import pytest

from utils.data import decoder, depths, prepare
from utils.data.decode import DecodeOptions, decode
from utils.errors import UserError

RECIPE = DecodeOptions(size=16, channels=3, crop="center", background=(255, 255, 255))


def own_folders(run, pics, tmp_path):
    """Return run settings for the images in `pics`, with empty folders for checkpoints and cache."""
    for name in ("checkpoints", "cache"):
        (tmp_path / name).mkdir()
    return run._replace(
        pics_dir=str(pics), checkpoints_dir=str(tmp_path / "checkpoints"), cache_dir=str(tmp_path / "cache")
    )


def decode_here(tasks, job, processes):
    """Do what pool.decode_all does in this process, because starting processes takes most of a test's time."""
    return decoder.decode_here(tasks, job)


def decode_alone(path, options=RECIPE):
    """Return the image in a file, decoded as a data set of one image."""
    try:
        return decode(path, options, {})[0]
    except depths.UnknownLevelError as error:
        return decode(path, options, depths.estimate_levels([error.value_range], 0))[0]


def load(run, options=RECIPE):
    """Return the images, [n, H, W, C] uint8, and the Summary."""
    dataset, summary = prepare.prepare_images(run, options)
    return dataset.records.take(np.arange(dataset.n)), summary


def refused(run):
    """Prepare images; return the one-line message of the UserError."""
    with pytest.raises(UserError) as raised:
        prepare.prepare_images(run, RECIPE)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def skipped(run):
    """Return skipped.csv as {path: reason}."""
    with open(os.path.join(run.checkpoints_dir, "skipped.csv"), newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["path", "reason"]
    return dict(rows)


def in_cache(run, ending):
    """Return the path of the only cache file with this suffix."""
    (name,) = [name for name in os.listdir(run.cache_dir) if name.endswith(ending)]
    return os.path.join(run.cache_dir, name)
