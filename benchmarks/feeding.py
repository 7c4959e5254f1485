"""Measure the cost of feeding from the cache: alternate training steps fed from the cache and from memory.

    python benchmarks/feeding.py [--name value ...]

Takes the program's settings, such as --batch_size 64 or --crop random. Prints the median time ratio of
neighboring blocks of steps, and the images per second that the input pipeline delivers without training.
"""

import os
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from utils import data
from utils.config import settings
from utils.runtime.start import import_tensorflow

ROUNDS, STEPS = 60, 2
BATCHES = 500  # batches read without training


class Trainer:
    """The program's training graph, in a session of its own."""

    def __init__(self, resolved, dataset=None):
        """Feed from `dataset`, or from memory if it is None."""
        import tensorflow.compat.v1 as tf

        from model.train_graph import Reals, build_train_graph
        from utils.data.batches import build_batches

        run, network = resolved.run, resolved.network
        graph = tf.Graph()
        with graph.as_default():
            if dataset:
                batches = build_batches(dataset, resolved, run.batch_size)
                images = batches.images
                self.fetch = images.op  # takes a batch without copying it out
            else:
                shape = (run.batch_size, network.height, network.width, network.channels)
                noise = np.random.RandomState(0).uniform(-1, 1, shape)
                # A variable, because TensorFlow would precompute the operations on a constant.
                images = tf.Variable(noise, trainable=False, dtype=tf.float32).read_value()
            self._graph = build_train_graph(Reals(images, 1000), network, run)
            self.session = tf.Session(graph=graph)
            self.session.run(tf.global_variables_initializer())
            if dataset:
                self.session.run(batches.initializer, {batches.start: 0})

    def seconds(self, steps):
        """Return the mean duration of a step in seconds."""
        started = time.time()
        for _ in range(steps):
            self.session.run(self._graph.d_updates[0])
            self.session.run(self._graph.g_update)
        return (time.time() - started) / steps


def main():
    resolved = settings.resolve(sys.argv[1:])
    import_tensorflow()
    with tempfile.TemporaryDirectory() as work:
        resolved = resolved._replace(run=resolved.run._replace(cache_dir=work, checkpoints_dir=work))
        from_cache, from_memory = Trainer(resolved, data.load(resolved)), Trainer(resolved)
        for trainer in (from_cache, from_memory):
            trainer.seconds(3)
        times = np.array([[t.seconds(STEPS) for t in (from_cache, from_memory)] for _ in range(ROUNDS)])
        # Compare each block with the mean of its two neighbors of the other kind, so that a slow drift cancels out.
        ratios = times[1:, 0] / ((times[:-1, 1] + times[1:, 1]) / 2)
        cache, memory = np.median(times, axis=0)
        print(f"seconds per step: {cache:.4f} fed from the cache, {memory:.4f} fed from memory")
        low, high = np.percentile(ratios, [25, 75])
        print(f"ratio {np.median(ratios):.4f} (quartiles {low:.4f} to {high:.4f}), {len(ratios)} pairs")
        started = time.time()
        for _ in range(BATCHES):
            from_cache.session.run(from_cache.fetch)
        batch_size = resolved.run.batch_size
        rate = BATCHES * batch_size / (time.time() - started)
        print(f"input without training: {rate:.0f} images/s; training consumes {batch_size / memory:.0f} images/s")


if __name__ == "__main__":
    main()
