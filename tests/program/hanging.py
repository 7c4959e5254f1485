"""A step that hangs, for tests that stop a process during a step. Forked processes import this module."""

import sys
import time

HANGING = "hanging in a session"


def hang_in_a_step():
    """Make the first step of this process print a line and then hang inside session.run."""
    import tensorflow.compat.v1 as tf

    from utils.data import batches

    def hang():
        print(HANGING, file=sys.__stdout__, flush=True)
        time.sleep(600)

    def build_batches(*arguments):
        built = build(*arguments)
        with tf.control_dependencies([tf.py_func(hang, [], [])]):
            return built._replace(images=tf.identity(built.images))

    build, batches.build_batches = batches.build_batches, build_batches
