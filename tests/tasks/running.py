"""Run tasks on the sampler of tests/samplers.py."""

import contextlib
import os
import pathlib

import numpy as np
import tensorflow.compat.v1 as tf
from conftest import without_optimizations
from PIL import Image
from samplers import flat_sampler, selected

from model.sample_graph import build_sampler
from utils.sampling.generator import CheckpointGenerator
from utils.tasks import find_task

STEM = "sample_00000012_seed3_run012345"  # of all file names


def drawn(run, classes=(), size=16, weights=b"weights"):
    """Run the task that the settings select; return (printed lines, names of new files)."""
    folder = run.samples_dir
    from_run = selected(pathlib.Path(folder), classes, weights)
    before = set(os.listdir(folder))
    with tf.Session(config=without_optimizations(tf.ConfigProto())) as session:
        lines = list(find_task(run).run(CheckpointGenerator(session, flat_sampler(size), from_run), run))
    return lines, sorted(set(os.listdir(folder)) - before)


def image(*path):
    return np.asarray(Image.open(os.path.join(*path)))


@contextlib.contextmanager
def opened(network, classes, folder):
    """Open a CheckpointGenerator with random weights."""
    network = network._replace(conditional=int(bool(classes)))
    sampler = build_sampler(network, averaged=False, n_classes=len(classes))
    with tf.Session(config=without_optimizations(tf.ConfigProto())) as session:
        session.run(tf.global_variables_initializer())
        generator = CheckpointGenerator(session, sampler, selected(folder, classes, network=network))
        generator.weights = "w" * 12
        yield generator
