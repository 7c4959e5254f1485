"""Open a run: complete its graph, open its session, and initialize or restore its variables.

All workers of a run have the same objects and make the same calls. Only the chief measures, prints and writes files.
"""

import contextlib
import hashlib
import json
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf

from utils.config import VERSION, schema
from utils.data.batches import reraise_input_errors
from utils.runtime import devices
from utils.runtime.signals import StopSignals
from utils.training import d_features
from utils.training.quality import open_measurer
from utils.training.run import Run


class Parts(NamedTuple):
    """The parts of a run, built before its session is opened."""

    settings: Any  # config.settings.Settings
    workers: Any  # runtime.cluster.Workers
    dataset: Any  # the training ImageDataset
    start: Any  # the starting point: see starting_point.py
    batches: Any  # data.batches.Batches, in the default graph
    graph: Any  # model.train_graph.TrainGraph, in the default graph
    sampler: Any  # model.sample_graph.Sampler, in the default graph


@contextlib.contextmanager
def open_run(parts):
    """Complete and finalize the default graph, open the session, initialize or restore all variables; yield the Run.

    Raise UserError if workers have different settings or images, RunError if another worker fails.
    """
    run, workers = parts.settings.run, parts.workers
    with workers.scope():
        initializer = tf.global_variables_initializer()
    parts.start.build(parts.graph)
    workers.build_broadcast(tf.global_variables())
    measurer = open_measurer(parts.dataset, parts.settings) if workers.is_chief else None
    tf.get_default_graph().finalize()

    opening = workers.session(devices.session_config(run.precision))
    signals = StopSignals(is_waiting=workers.num_workers > 1)
    with workers.translate_worker_errors(), reraise_input_errors(parts.batches), signals, opening as session:
        network = parts.settings.network
        # They depend on the installed packages, and on the run that the chief resumes.
        numbers = {
            "d_features": network.d_features != d_features.NONE,
            "clusters": network.clusters,
            "cluster_levels": network.cluster_levels == "all",
        }
        for name, number in numbers.items():
            here = f"here {getattr(network, name)!r}; set it on all workers"
            workers.check_same_config(int(number), f"a different value of {name} ({here})")
        workers.check_same_config(config_fingerprint(parts.settings, parts.dataset.fingerprint))
        session.run(initializer)
        parts.start.start(session)
        workers.broadcast()
        opened = Run(session, parts, measurer, signals)
        signals.is_waiting = False
        with contextlib.closing(opened.progress):
            yield opened


def config_fingerprint(settings, images):
    """Return a 63-bit integer, equal on all workers of a run; images: the fingerprint of the training images."""
    run, network = settings.run, settings.network
    relevant = {name: value for name, value in run._asdict().items() if schema.RUN[name].on_resume != "free"}
    text = json.dumps([VERSION, images, relevant, network], sort_keys=True)
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) >> (256 - 63)
