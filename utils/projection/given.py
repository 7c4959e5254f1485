"""The images to project: find them, and prepare them as images are prepared for training."""

import contextlib
import os
from typing import Any, NamedTuple

import numpy as np

from utils.config.settings import ROOT, absolute
from utils.data import decode, depths, formats
from utils.data.prepare import decode_options
from utils.data.scan import Scan
from utils.errors import UserError, warn
from utils.output.images import center_crop
from utils.sampling import class_names
from utils.sampling.projected import valid_name

UNUSABLE = (decode.BadImageError, OSError, MemoryError)


class Given(NamedTuple):
    """An image to project."""

    name: str  # of the projected image
    path: str
    image: Any  # [H, W, C] uint8, as the network sees it


def list_paths(text):
    """Return {name: path} of the images that the setting `project` lists: files, and folders with images.

    Raise UserError if a path does not exist, a folder contains no images, or two images would have the same name.
    """
    paths = {}
    for _, part, _ in class_names.split(text, ","):
        path = absolute(class_names.unquoted(part.strip()), ROOT)
        for name, file in _files(path):
            if paths.setdefault(valid_name(name), file) != file:
                raise UserError(
                    f"project: {file} and {paths[valid_name(name)]} have the same name; project them one at a time, or "
                    "rename one of them"
                )
    return paths


def _files(path):
    """Return (name, path) of the image at a path, or of all images in this folder."""
    cure = "give the paths of images or folders, separated by commas"
    if not os.path.isdir(path):
        if not os.path.isfile(path):
            raise UserError(f"project: {path or repr('')} does not exist; {cure}")
        return [(os.path.basename(path), path)]
    names = sorted(os.fsdecode(name) for name, *_ in Scan(path))
    files = [(name, os.path.join(path, name)) for name in names if formats.has_image_extension(name)]
    if not files:
        raise UserError(f"project: {path} contains no images; {cure}")
    return files


def prepare(paths, settings):
    """Return the images at these paths, {name: path}, as a list of Given, prepared as for training with `settings`.

    Unusable files cause a warning; raise UserError if all of them are unusable.
    """
    images = []
    for name, path in paths.items():
        try:
            images.append(Given(name, path, _decode(path, settings)))
        except UNUSABLE as error:
            warn(f"project: {path} cannot be used ({error}); leaving it out")
    if not images:
        raise UserError("project: none of the files is a usable image")
    return images


def _decode(path, settings):
    """Return the image at a path, [H, W, C] uint8; raise one of UNUSABLE."""
    options, sides = decode_options(settings), (settings.network.height, settings.network.width)
    return center_crop(_record(path, options, settings.run.white_level)[None], *sides)[0]


def _record(path, options, white_level):
    try:
        return decode.decode(path, options, {})[0]
    except depths.UnknownLevelError as error:  # more than 8 bits per channel: estimate white from this image alone
        return decode.decode(path, options, depths.estimate_levels([error.value_range], white_level))[0]


def training_images(settings, count, seed):
    """Return up to `count` random usable images in pics_dir, a list of Given; [] if the folder cannot be used."""
    images = []
    with contextlib.suppress(UserError):
        files = _files(settings.run.pics_dir)
        for i in np.random.RandomState(seed).permutation(len(files)):
            with contextlib.suppress(*UNUSABLE):
                images.append(Given("training", files[i][1], _decode(files[i][1], settings)))
            if len(images) == count:
                break
    return images
