"""The ports of a run's workers: listen on one, wait for all others at the start, and notice when one ends later."""

import contextlib
import socket
import threading
import time

from utils.errors import RunError, UserError, reason_of

_WATCH_SECONDS = 3  # between two checks of the other workers
_REPORT_SECONDS = 10  # between two lines about the missing workers


def start_server(task, config):
    """Return the tf.train.Server of this process of a tf_config.Task; raise UserError if its port is in use."""
    import tensorflow.compat.v1 as tf

    jobs = {}
    for (kind, _), address in zip(task.jobs, task.addresses):
        jobs.setdefault(kind, []).append(address)
    kind, index = task.jobs[task.index]
    try:
        return tf.train.Server(tf.train.ClusterSpec(jobs), kind, index, config=config)
    except tf.errors.OpError as error:
        name, reason = task.name(task.index), reason_of(error)
        raise UserError(f"{name} cannot listen on its port ({reason}); is an earlier run still using it?")


class Peers:
    """The other workers of a tf_config.Task, reached by connecting to their ports."""

    def __init__(self, task, timeout):
        """timeout: seconds to wait for the others at the start."""
        self._task, self._timeout = task, timeout
        self._resolved = {}  # worker number: (address, port) of its first connection
        self.lost = []  # names of the workers that `watch` found to have ended

    def await_all(self):
        """Wait until every worker listens on its port; raise RunError after the timeout."""
        started, reported = time.time(), None
        missing = self.unreachable()
        while missing:
            if time.time() - started > self._timeout:
                raise RunError(f"{missing[0]} did not connect within {self._timeout} s; start all workers")
            if reported is None or time.time() - reported > _REPORT_SECONDS:
                print(f"Waiting for {', '.join(missing)}.", flush=True)
                reported = time.time()
            time.sleep(0.5)
            missing = self.unreachable()

    def unreachable(self, numbers=None):
        """Return the names of those of the other workers whose ports accept no connection; numbers None: all."""
        numbers = range(len(self._task.jobs)) if numbers is None else numbers
        return [self._task.name(n) for n in numbers if n != self._task.index and not self._is_reachable(n)]

    def _is_reachable(self, number):
        host, _, port = self._task.addresses[number].rpartition(":")
        place = self._resolved.get(number, (host.strip("[]"), int(port)))
        try:
            with socket.create_connection(place, timeout=5) as connection:
                self._resolved[number] = connection.getpeername()[:2]  # so that no name server is asked again
        except (OSError, UnicodeError):  # UnicodeError: not a valid host name
            return False
        return True

    @contextlib.contextmanager
    def watch(self, session):
        """Within this context, close the session when a worker has ended.

        TensorFlow itself notices that at once, after minutes, or never.
        """
        stopped = threading.Event()
        threading.Thread(target=self._watch, args=(session, stopped), daemon=True).start()
        try:
            yield
        finally:
            stopped.set()

    def _watch(self, session, stopped):
        # The chief checks all workers, the others check the chief: few connections, and each failure reaches all.
        numbers = None if self._task.index == 0 else [0]
        missing = []
        while not stopped.wait(_WATCH_SECONDS):
            missing_before, missing = missing, self.unreachable(numbers)
            lost = [name for name in missing if name in missing_before]
            if lost and not stopped.is_set():
                self.lost = lost
                session.close()  # which cancels the step that waits for them
                return
