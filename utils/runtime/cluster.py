"""Data-parallel training with TensorFlow's distribution strategies: on the devices of a machine, or on several workers.

On a single device, and always with TensorFlow 1, the graph and the session are ordinary ones, without a strategy.
"""

import contextlib
import os
import time

import tensorflow.compat.v1 as tf

from utils.errors import RunError, UserError, reason_of
from utils.runtime.devices import describe_precision, gpus, keep_bfloat16_unfused
from utils.runtime.peers import RESTART, Peers, bypass_proxy, start_server

# Errors raised by an operation that waits for another worker when that worker fails.
_FAILURES = tuple(
    getattr(tf.errors, f"{name}Error")
    for name in ("Unavailable", "Cancelled", "Aborted", "FailedPrecondition", "Internal")
)


class Workers:
    """All processes that train one run, as seen from this process, which may be the only one.

    index: the index of this worker; worker 0 is the chief. num_workers: the number of workers. replicas, own_replicas:
    the number of devices on all workers and on this worker.
    """

    def __init__(self, task, timeout, devices=None):
        """task: a tf_config.Task, or None for a single process. timeout: the seconds to wait for another worker.

        devices: the names of the devices to use without a task; None: all GPUs. With a task, all GPUs are used.
        """
        self.task, self._timeout = task, timeout
        self.index, self.num_workers = (task.index, len(task.jobs)) if task else (0, 1)
        self.is_chief = self.index == 0
        self._peers = Peers(task, timeout) if task else None
        self._strategy = _open_strategy(task, gpus() if devices is None else devices)
        if task:
            bypass_proxy(task, os.environ)
        self.replicas = self._strategy.num_replicas_in_sync if self._strategy else 1
        self.own_replicas = self.replicas // self.num_workers

    def scope(self):
        """Return the context in which the graph is built; without a strategy, it has no effect."""
        return self._strategy.scope() if self._strategy else contextlib.ExitStack()

    def rows(self, batch_size):
        """Return this worker's slice of the global batch, which has batch_size images per replica."""
        own = self.own_replicas * batch_size
        return slice(self.index * own, (self.index + 1) * own)

    def announce(self, run):
        """Print the precision, and, with several devices or workers, how the global batch is split among them."""
        split = f"{self.own_replicas} devices"
        if self.num_workers > 1:
            split = f"{self.num_workers} workers" + (f" of {split}" if self.own_replicas > 1 else "")
            split += f"; this is {self.task.name(self.index)}"
        if self.replicas > 1:
            total = self.replicas * run.batch_size
            print(f"Global batch: {total} images, {run.batch_size} on each of {split}.", flush=True)
        print(describe_precision(run.precision), flush=True)

    def build_gather(self):
        """Add to the default graph the operation that `gather` runs, unless there is only one worker.

        The graph must still be empty, so that the operation has the same position on workers whose settings differ.
        """
        if self.num_workers > 1:
            self._own_number = tf.placeholder(tf.int64, [])
            (self._numbers,) = self._sum([self._own_number * tf.one_hot(self.index, self.num_workers, dtype=tf.int64)])

    def build_broadcast(self, variables):
        """Add the operation with which `broadcast` assigns these variables, unless there is only one worker."""
        if self.num_workers > 1:
            values = [variable.read_value() for variable in variables]
            sums = self._sum(values if self.is_chief else [tf.zeros_like(value) for value in values])
            with self._strategy.scope():
                self._broadcast = tf.group(*(variable.assign(value) for variable, value in zip(variables, sums)))

    def _sum(self, tensors):
        """Return the sums of tensors over all workers, counting only the first replica of each worker."""
        strategy = self._strategy

        def terms():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            is_first = tf.equal(replica % self.own_replicas, 0)
            return [tf.where_v2(is_first, tensor, tf.zeros_like(tensor)) for tensor in tensors]

        with strategy.scope():
            sums = [strategy.extended.reduce_to(tf.distribute.ReduceOp.SUM, term, term) for term in strategy.run(terms)]
        return [strategy.experimental_local_results(total)[0] for total in sums]

    @contextlib.contextmanager
    def session(self, config):
        """Open the tf.Session in which `gather`, `broadcast` and the other collective operations run.

        With several workers, the session opens once all are reachable, and closes as soon as one has ended.
        """
        if self.num_workers == 1:
            with tf.Session(config=config) as session:
                yield session
            return
        config = self._strategy.update_config_proto(config)
        config.operation_timeout_in_ms = 1000 * self._timeout
        keep_bfloat16_unfused(config)
        server = start_server(self.task, config)
        self._peers.await_all()
        session = tf.Session(server.target, config=config)
        with self._peers.watch(session) as opened, session as self._session:
            self.barrier()  # TensorFlow opens the session, on all workers, when its first operation runs
            opened.set()
            yield self._session

    def gather(self, number):
        """All-gather one integer per worker, each below 2^63; return a list in the order of the workers."""
        if self.num_workers == 1:
            return [number]
        return self._session.run(self._numbers, {self._own_number: number}).tolist()

    def all_reduce_max(self, number):
        """Return the largest of the integers that the workers pass."""
        return max(self.gather(number))

    def barrier(self):
        """Wait until all workers call this method."""
        self.gather(0)

    def broadcast(self):
        """Assign the chief's values to the variables that were passed to `build_broadcast`."""
        if self.num_workers > 1:
            self._session.run(self._broadcast)

    def check_same_config(self, fingerprint, what="different settings or images"):
        """Raise UserError on all workers if their fingerprints, integers below 2^63, differ; what: says the error."""
        fingerprints = self.gather(fingerprint)
        different = [index for index, other in enumerate(fingerprints) if other != fingerprints[0]]
        if different:
            self.barrier()  # an early exit would look like a crash to the other workers
            name, chief = self.task.name(different[0]), self.task.name(0)
            raise UserError(f"{name} has {what} from {chief}; they must match")

    @contextlib.contextmanager
    def translate_worker_errors(self):
        """Within this context, turn an error caused by another worker's failure into a RunError with the cause."""
        try:
            yield
        except (tf.errors.OpError, RuntimeError) as error:  # RuntimeError: the session was closed by Peers.watch
            failure = self.num_workers > 1 and self._describe_failure(error)
            if not failure:
                raise
            raise RunError(f"{failure}; {RESTART}")

    def _describe_failure(self, error):
        """Return a description of the worker failure that caused this error, or None."""
        time.sleep(0 if self._peers.lost else 1)  # a worker that was just killed may be reachable for a moment
        lost = self._peers.unreachable() or self._peers.lost
        if lost or isinstance(error, tf.errors.DeadlineExceededError):
            return self._peers.describe_failure(lost)
        return f"a worker has failed ({reason_of(error)})" if isinstance(error, _FAILURES) else None


def _open_strategy(task, devices):
    """Return the tf.distribute.Strategy for these workers or devices; None for a single device.

    TensorFlow 1 always uses one device: return None without a task, and raise UserError with one.
    """
    if not hasattr(tf.distribute.MirroredStrategy, "run"):  # TensorFlow 1: always one device
        if task:
            raise UserError(
                f"TF_CONFIG lists several workers, which requires TensorFlow 2; this is {tf.__version__}; unset it to "
                "train with one process"
            )
        return None
    if not task and len(devices) <= 1:
        return None
    for device in tf.config.experimental.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)  # the session's config comes too late for a strategy
    # Both strategies reduce values in a fixed order, unlike NCCL in a graph such as this one.
    if task:
        ring = tf.distribute.experimental.CollectiveCommunication.RING
        return tf.distribute.experimental.MultiWorkerMirroredStrategy(ring)
    return tf.distribute.MirroredStrategy(devices, cross_device_ops=tf.distribute.ReductionToOneDevice())
