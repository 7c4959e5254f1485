"""What feeding from the cache costs a training step: the same step, fed from the cache and from a constant, in turns.

    python benchmarks/feeding.py [--name value ...]

Takes the program's settings, such as --batch_size 64 or --crop random. Prints the median of the ratios of neighbouring
blocks of steps, and how many pictures a second the input side would bring if nothing were trained on them.
"""

import os
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from utils.config import settings
from utils.data import prepare
from utils.runtime.start import import_tensorflow

ROUNDS, STEPS = 60, 2


class Trainer:
    """The program's training graph, in a session of its own."""

    def __init__(self, run, network, pictures=None):
        """Feed from `pictures`, or from a constant."""
        import tensorflow.compat.v1 as tf

        from model import train_graph as gan
        from utils.data import batches as dataset

        graph = tf.Graph()
        with graph.as_default():
            size = network.image_size
            if pictures:
                batches = dataset.batches(pictures, run.batch_size, size, run.mirror, run.seed)
                images = batches.images
                self.fetch = images.op  # brings a batch, and copies nothing out
            else:
                noise = np.random.RandomState(0).uniform(-1, 1, (run.batch_size, size, size, network.channels))
                # A variable, lest TensorFlow work out beforehand what follows from a constant.
                images = tf.Variable(noise, trainable=False, dtype=tf.float32).read_value()
            self._ends = gan.build_train_graph(images, network, run, 1000)
            self.session = tf.Session(graph=graph)
            self.session.run(tf.global_variables_initializer())
            if pictures:
                self.session.run(batches.initializer, {batches.start: 0})

    def seconds(self, steps):
        """Return how long a step takes, over so many."""
        started = time.time()
        for _ in range(steps):
            self.session.run(self._ends.d_updates[0])
            self.session.run(self._ends.g_update)
        return (time.time() - started) / steps


def main():
    run, network = settings.resolve(sys.argv[1:])
    import_tensorflow()
    with tempfile.TemporaryDirectory() as work:
        run = run._replace(cache_dir=work, checkpoints_dir=work)
        pictures, _ = prepare.load(run, prepare.recipe_of(run, network))
        from_cache, from_constant = Trainer(run, network, pictures), Trainer(run, network)
        for trainer in (from_cache, from_constant):
            trainer.seconds(3)
        times = np.array([[t.seconds(STEPS) for t in (from_cache, from_constant)] for _ in range(ROUNDS)])
        # Each block against the mean of its two neighbours of the other kind, so that a slow drift cancels.
        ratios = times[1:, 0] / ((times[:-1, 1] + times[1:, 1]) / 2)
        cache, constant = np.median(times, axis=0)
        print("a step fed from the cache %.4f s, from a constant %.4f s" % (cache, constant))
        words = "ratio %.4f (quartiles %.4f to %.4f), of %d"
        print(words % (np.median(ratios), *np.percentile(ratios, [25, 75]), len(ratios)))
        started, rounds = time.time(), 500
        for _ in range(rounds):
            from_cache.session.run(from_cache.fetch)
        rate = rounds * run.batch_size / (time.time() - started)
        print("without a step: %.0f pictures/s; steps want %.0f" % (rate, run.batch_size / constant))


if __name__ == "__main__":
    main()
