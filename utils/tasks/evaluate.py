"""Evaluation: measure samples against the images in pics_dir, and check whether the images are memorized."""

import os

from utils.config.startup import entry
from utils.sampling.naming import checkpoint_name
from utils.tasks.task import Task


def _describe(run):
    return [
        f"Evaluating {checkpoint_name(run)}",
        entry("Images", run.pics_dir),
        entry("Comparison", os.path.join(run.samples_dir, "nearest_<step>_run<id>.png")),
        entry("Image cache", run.cache_dir),
    ]


def _run(generator, run):
    from utils.metrics.evaluate import evaluate

    return evaluate(generator, run)


TASK = Task(
    setting="evaluate",
    uses=(
        "evaluate_samples", "pics_dir", "cache_dir", "max_bad", "metrics_network", "inception_graph", "seed",
        "precision",
    ),
    describe=_describe,
    run=_run,
    memory_setting="evaluate_samples",
)  # fmt: skip
