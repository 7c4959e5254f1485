"""Data-parallel training by TensorFlow's distribution strategies: devices of one machine, and several workers.

On one device there is no strategy, and the graph and the session are the plain ones. TensorFlow is imported inside the
functions, so that this module can be imported before `start.import_tensorflow`.
"""

import contextlib
import time

from utils.errors import RunError, UserError, reason_of
from utils.runtime.devices import gpus, keep_bfloat16_unfused, take_memory_as_needed
from utils.runtime.peers import Peers, start_server


class Workers:
    """All processes that train one run, seen from this one; a single process gathers from and waits for itself only.

    index, num_workers: of this worker, from 0, and of all; worker 0 is the chief. replicas, own_replicas: the
    devices of all workers and of this one.
    """

    def __init__(self, task, timeout, devices=None):
        """task: a tf_config.Task, or None for a single process. timeout: seconds to wait for another worker.

        devices: the names of those to use without a task; None: all GPUs, which each worker with a task always uses.
        """
        self.task, self._timeout = task, timeout
        self.index, self.num_workers = (task.index, len(task.jobs)) if task else (0, 1)
        self.is_chief = self.index == 0
        self._peers = Peers(task, timeout) if task else None
        self._session = None
        self._strategy = _strategy_of(task, gpus() if devices is None else devices)
        self.replicas = self._strategy.num_replicas_in_sync if self._strategy else 1
        self.own_replicas = self.replicas // self.num_workers

    def scope(self):
        """Return the context in which the graph is built."""
        return self._strategy.scope() if self._strategy else contextlib.ExitStack()

    def rows(self, batch_size):
        """Return this worker's slice of the global batch, of batch_size images for each replica."""
        own = self.own_replicas * batch_size
        return slice(self.index * own, (self.index + 1) * own)

    def describe(self, batch_size):
        """Return the line that gives the global batch and its split."""
        split = f"{self.own_replicas} devices"
        if self.num_workers > 1:
            split = f"{self.num_workers} workers" + (f" of {split}" if self.own_replicas > 1 else "")
            split += f"; this is {self.task.name(self.index)}"
        return f"Global batch: {self.replicas * batch_size} images, {batch_size} on each of {split}."

    def build_gather(self):
        """Add the operation of `gather` to the default graph.

        The graph must still be empty, so that workers with different settings, too, find it at the same place.
        """
        import tensorflow.compat.v1 as tf

        if self.num_workers > 1:
            self._own_number = tf.placeholder(tf.int64, [])
            (self._numbers,) = self._sum([self._own_number * tf.one_hot(self.index, self.num_workers, dtype=tf.int64)])

    def build_broadcast(self, variables):
        """Add the operation of `broadcast` for these variables to the default graph."""
        import tensorflow.compat.v1 as tf

        if self.num_workers > 1:
            values = [variable.read_value() for variable in variables]
            sums = self._sum(values if self.is_chief else [tf.zeros_like(value) for value in values])
            with self._strategy.scope():
                self._broadcast = tf.group(*(variable.assign(value) for variable, value in zip(variables, sums)))

    def _sum(self, tensors):
        """Return the sums of tensors over all workers; a worker's first replica counts, its others give zeros."""
        import tensorflow.compat.v1 as tf

        strategy = self._strategy

        def of_replica():
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            counts = tf.equal(number % self.own_replicas, 0)
            return [tf.where_v2(counts, tensor, tf.zeros_like(tensor)) for tensor in tensors]

        with strategy.scope():
            parts = strategy.run(of_replica)
            sums = [strategy.extended.reduce_to(tf.distribute.ReduceOp.SUM, part, part) for part in parts]
        return [strategy.experimental_local_results(total)[0] for total in sums]

    @contextlib.contextmanager
    def session(self, config):
        """Open a tf.Session, which `gather`, `broadcast` and the others then use.

        With several workers it opens once all can be reached, and is closed as soon as one has ended.
        """
        import tensorflow.compat.v1 as tf

        if self.num_workers == 1:
            with tf.Session(config=config) as self._session:
                yield self._session
            return
        config = self._strategy.update_config_proto(config)
        config.operation_timeout_in_ms = 1000 * self._timeout
        keep_bfloat16_unfused(config)
        server = start_server(self.task, config)
        self._peers.await_all()
        with tf.Session(server.target, config=config) as self._session, self._peers.watch(self._session):
            yield self._session

    def gather(self, number):
        """Return the whole numbers, below 2^63, with which all workers call this, as a list in their order."""
        if self.num_workers == 1:
            return [number]
        return self._session.run(self._numbers, {self._own_number: number}).tolist()

    def all_reduce_max(self, number):
        """Return the largest of the whole numbers with which all workers call this."""
        return max(self.gather(number))

    def barrier(self):
        """Wait until all workers call this."""
        self.gather(0)

    def broadcast(self):
        """Give the variables of `build_broadcast` the values that they have on the chief."""
        if self.num_workers > 1:
            self._session.run(self._broadcast)

    def check_same_config(self, fingerprint):
        """Raise UserError on all workers if their fingerprints, numbers below 2^63, differ."""
        fingerprints = self.gather(fingerprint)
        different = [number for number, other in enumerate(fingerprints) if other != fingerprints[0]]
        if different:
            self.barrier()  # an early exit would look like a crash to the others
            name, chief = self.task.name(different[0]), self.task.name(0)
            raise UserError(f"{name} has different settings or images from {chief}; they must match")

    @contextlib.contextmanager
    def translate_worker_errors(self):
        """Turn the failure of another worker, inside this context, into a RunError that names it."""
        import tensorflow.compat.v1 as tf

        try:
            yield
        except (tf.errors.OpError, RuntimeError) as error:  # RuntimeError: the session was closed by Peers.watch
            failure = self._failure_behind(error) if self.num_workers > 1 else None
            if failure is None:
                raise
            raise RunError(f"{failure}; see its output, then restart all workers: they resume from the last checkpoint")

    def _failure_behind(self, error):
        """Return the failure of another worker that this error comes from, in words, or None."""
        import tensorflow.compat.v1 as tf

        time.sleep(0 if self._peers.lost else 1)  # so that a worker that has just been killed is already unreachable
        lost = self._peers.unreachable() or self._peers.lost
        if lost:
            return f"{', '.join(lost)} {'has' if len(lost) == 1 else 'have'} ended"
        if isinstance(error, tf.errors.DeadlineExceededError):
            return f"some worker has not answered for {self._timeout} s"
        names = ("Unavailable", "Cancelled", "Aborted", "FailedPrecondition", "Internal")
        if isinstance(error, tuple(getattr(tf.errors, f"{name}Error") for name in names)):
            return f"a worker has failed ({reason_of(error)})"
        return None


def _strategy_of(task, devices):
    """Return the tf.distribute.Strategy for these workers or devices; None for a single device."""
    import tensorflow.compat.v1 as tf

    if not hasattr(tf.distribute.MirroredStrategy, "run"):  # TensorFlow 1: always one device
        if task:
            raise UserError(
                f"TF_CONFIG lists several workers, which requires TensorFlow 2; this is {tf.__version__}; unset it to "
                "train with one process"
            )
        return None
    if not task and len(devices) <= 1:
        return None
    take_memory_as_needed()
    # Both keep the order in which values are reduced; NCCL does not in a graph like this one.
    if task:
        ring = tf.distribute.experimental.CollectiveCommunication.RING
        return tf.distribute.experimental.MultiWorkerMirroredStrategy(ring)
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=tf.distribute.ReductionToOneDevice())
