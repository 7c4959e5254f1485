"""Several machines that train one run together, and several devices of one: the strategy, the session, what they tell.

Without others, on one device, there is no strategy, and the graph and the session are the plain ones.
"""

import contextlib
import socket
import threading
import time

from utils.errors import RunError, UserError, reason_of
from utils.runtime import devices as precision

_WATCH = 3  # seconds from one look for the others to the next


class Workers:
    """All processes that train together, this one among them; alone, every call is trivial."""

    def __init__(self, task, timeout, devices=None):
        """task: a tf_config.Task, or None. timeout: seconds to wait for another worker.

        devices: those to use where there is no task; None: all GPUs, of which each worker with a task takes all, too.
        """
        import tensorflow.compat.v1 as tf

        self.task, self._timeout = task, timeout
        self._places = {}  # (address, port) of the other workers, by their numbers, as they were found
        self._lost = []  # words for the workers that have ended
        self.number, self.count = (task.number, len(task.jobs)) if task else (0, 1)
        self.is_chief = self.number == 0
        self._strategy, self.replicas = None, 1
        devices = precision.gpus() if devices is None else devices
        if not hasattr(tf.distribute.MirroredStrategy, "run"):  # TensorFlow 1: one device, as ever
            if task:
                raise UserError(
                    "TF_CONFIG names several workers, who need TensorFlow 2, and this is %s; unset it to train alone"
                    % tf.__version__
                )
        elif task or len(devices) > 1:
            precision.take_memory_as_needed()
            # By ways that keep the order of what they add up: NCCL's does not in a graph like this one.
            if task:
                ring = tf.distribute.experimental.CollectiveCommunication.RING
                self._strategy = tf.distribute.experimental.MultiWorkerMirroredStrategy(ring)
            else:
                by_one = tf.distribute.ReductionToOneDevice()
                self._strategy = tf.distribute.MirroredStrategy(devices, cross_device_ops=by_one)
            self.replicas = self._strategy.num_replicas_in_sync
        self.own_replicas = self.replicas // self.count

    def scope(self):
        """Return the context in which the graph is built."""
        return self._strategy.scope() if self._strategy else contextlib.ExitStack()

    def rows(self, batch_size):
        """Return the slice of the batch of all replicas, of batch_size pictures each, that this process takes."""
        mine = self.own_replicas * batch_size
        return slice(self.number * mine, (self.number + 1) * mine)

    def describe(self, batch_size):
        """Return the line that says who trains."""
        words = "%d devices" % self.own_replicas
        if self.count > 1:
            words = "%d workers" % self.count
            words += " of %d devices" % self.own_replicas if self.own_replicas > 1 else ""
            words += ", this is %s" % self.task.name(self.number)
        return "Global batch: %d pictures, %d on each of %s." % (self.replicas * batch_size, batch_size, words)

    def _add_up(self, tensors):
        """Return the sums of tensors over all workers; of several replicas in one only the first counts."""
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

    def prepare_to_tell(self):
        """Add to the default graph, still empty, what `tell` needs: its place there is the same for any settings."""
        import tensorflow.compat.v1 as tf

        if self.count > 1:
            self._number_told = tf.placeholder(tf.int64, [])
            (self._told,) = self._add_up([self._number_told * tf.one_hot(self.number, self.count, dtype=tf.int64)])

    def prepare_to_follow(self, variables):
        """Add to the default graph, not yet finalised, what `follow_chief` needs to give these variables values."""
        import tensorflow.compat.v1 as tf

        if self.count > 1:
            values = [variable.read_value() for variable in variables]
            totals = self._add_up(values if self.is_chief else [tf.zeros_like(value) for value in values])
            with self._strategy.scope():
                self._follow = tf.group(*(v.assign(total) for v, total in zip(variables, totals)))

    @contextlib.contextmanager
    def session(self, config):
        """Give a tf.Session; with several workers, when all of them are there, and as long as none is seen to end."""
        import tensorflow.compat.v1 as tf

        if self.count == 1:
            with tf.Session(config=config) as session:
                yield session
            return
        config = self._strategy.update_config_proto(config)
        config.operation_timeout_in_ms = 1000 * self._timeout
        server = self._start_server(config)
        self._await_others()
        with tf.Session(server.target, config=config) as session:
            over = threading.Event()
            watch = threading.Thread(target=self._watch, args=(session, over), daemon=True)
            watch.start()
            try:
                yield session
            finally:
                over.set()

    def _start_server(self, config):
        import tensorflow.compat.v1 as tf

        jobs = {}
        for (kind, _), address in zip(self.task.jobs, self.task.addresses):
            jobs.setdefault(kind, []).append(address)
        kind, index = self.task.jobs[self.number]
        try:
            server = tf.train.Server(tf.train.ClusterSpec(jobs), kind, index, config=config)
        except tf.errors.OpError as error:
            raise UserError(
                "%s cannot listen there (%s); is its port in use, by a worker of an earlier run perhaps?"
                % (self.task.name(self.number), reason_of(error))
            )
        return server

    def _await_others(self):
        began, told = time.time(), None
        missing = self._unreachable(range(self.count))
        while missing:
            if time.time() - began > self._timeout:
                raise RunError("%s did not come within %d s; start all workers" % (missing[0], self._timeout))
            if told is None or time.time() - told > 10:
                print("Waiting for %s." % ", ".join(missing), flush=True)
                told = time.time()
            time.sleep(0.5)
            missing = self._unreachable(range(self.count))

    def _unreachable(self, numbers):
        """Return words for those of the other workers at whose address nobody listens."""
        missing = []
        for number in numbers:
            if number != self.number:
                host, _, port = self.task.addresses[number].rpartition(":")
                try:
                    place = self._places.get(number, (host.strip("[]"), int(port)))
                    with socket.create_connection(place, timeout=5) as connection:
                        self._places[number] = connection.getpeername()[:2]  # no name server is asked again
                except (OSError, UnicodeError):  # UnicodeError: of a name that cannot be one
                    missing.append(self.task.name(number))
        return missing

    def _watch(self, session, over):
        """End the session when a worker has ended: TensorFlow notices that at once, after minutes, or not at all."""
        # The chief looks for everyone, the others for the chief: few connections, and each failure reaches all.
        numbers = range(self.count) if self.is_chief else [0]
        missing = []
        while not over.wait(_WATCH):
            missing_before, missing = missing, self._unreachable(numbers)
            lost = [name for name in missing if name in missing_before]
            if lost and not over.is_set():
                self._lost = lost
                session.close()  # which cancels the step that waits for them
                return

    def tell(self, session, number):
        """Tell all workers a whole number; return those that all have told, in their order."""
        return session.run(self._told, {self._number_told: number}).tolist() if self.count > 1 else [number]

    def follow_chief(self, session):
        """Give the variables of `prepare_to_follow` the values that they have on the chief."""
        if self.count > 1:
            session.run(self._follow)

    def refuse_different(self, session, number):
        """Raise UserError where another worker has another number, of 63 bits, for what it is about to do."""
        numbers = self.tell(session, number)
        others = [self.task.name(n) for n, theirs in enumerate(numbers) if theirs != numbers[0]]
        if others:
            self.tell(session, 0)  # lest one that ends before the others know seem lost to them
            raise UserError(
                "%s has other settings or other pictures than %s; give all workers the same"
                % (others[0], self.task.name(0))
            )

    @contextlib.contextmanager
    def failures_named(self):
        """Turn the failure of another worker, inside this context, into a RunError that names it."""
        import tensorflow.compat.v1 as tf

        of_others = [getattr(tf.errors, name + "Error") for name in ("Unavailable", "Cancelled", "Aborted")]
        of_others += [tf.errors.FailedPreconditionError, tf.errors.InternalError]
        try:
            yield
        except (tf.errors.OpError, RuntimeError) as error:  # a session that `_watch` has closed is a RuntimeError
            if self.count == 1:
                raise
            time.sleep(0 if self._lost else 1)  # so that one that has just been killed is found missing
            lost = self._unreachable(range(self.count)) or self._lost
            if lost:
                what = "%s %s ended" % (", ".join(lost), "has" if len(lost) == 1 else "have")
            elif isinstance(error, tf.errors.DeadlineExceededError):
                what = "some worker has not answered for %d s" % self._timeout
            elif isinstance(error, tuple(of_others)):
                what = "a worker has failed (%s)" % reason_of(error)
            else:
                raise
            raise RunError(
                "%s; see what it printed, then start all workers again: they go on from the last checkpoint" % what
            )
