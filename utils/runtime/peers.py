"""The ports of a run's workers: listen on this worker's port, wait for all other workers, and notice when one ends."""

import contextlib
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import tensorflow.compat.v1 as tf

from utils.errors import RunError, UserError, reason_of, warn

RESTART = "see its output, then restart all workers: they resume from the last checkpoint"

_WATCH_SECONDS = 3  # interval between checks of the other workers
_CLOSE_SECONDS = 5  # time for a session to end by itself after its timeout, or after `close`
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")  # gRPC uses the first one that is set


def bypass_proxy(task, environment):
    """Let gRPC connect to the workers of this tf_config.Task directly, as Peers does, and not through a proxy.

    Print a line if that changes anything. environment: os.environ, where gRPC reads these variables:
    grpc.github.io/grpc/core/md_doc_core_default_http_proxy_mapper.html
    """
    proxy = next((name for name in _PROXIES if name in environment), None)
    if not proxy or not environment[proxy]:
        return
    listed = environment.get("no_grpc_proxy", environment.get("no_proxy", "")).split(",")
    direct = tuple(filter(None, map(str.strip, listed)))  # a host that ends with one of them is reached directly
    hosts = {task.host_and_port(index)[0] for index in range(len(task.jobs))}
    proxied = sorted(host for host in hosts if not host.endswith(direct))
    if proxied:
        environment["no_grpc_proxy"] = ",".join([*direct, *proxied])
        print(f"Workers connect directly, without {proxy} (as with no_proxy={','.join(proxied)}).", flush=True)


def start_server(task, config):
    """Return this process's tf.train.Server for a tf_config.Task; raise UserError if it cannot listen on its port."""
    try:
        return tf.train.Server(tf.train.ClusterSpec(task.cluster), *task.jobs[task.index], config=config)
    except tf.errors.OpError as error:
        name, reason = task.name(task.index), reason_of(error)
        raise UserError(f"{name} cannot listen on its port ({reason}); is an earlier run still using it?")


class Peers:
    """The other workers of a tf_config.Task, reached by connecting to their ports."""

    def __init__(self, task, timeout):
        """timeout: seconds to wait for the other workers at startup."""
        self._task, self._timeout = task, timeout
        self._resolved = {}  # index of a worker: (address, port) of its first connection
        self.lost = []  # names of the workers that `watch` found to have ended

    def await_all(self):
        """Wait until every worker listens on its port; raise RunError after the timeout."""
        deadline, missing, printed = time.monotonic() + self._timeout, self.unreachable(), None
        while missing:
            if missing != printed:
                print(f"Waiting for {', '.join(missing)}.", flush=True)
                printed = missing
            if time.monotonic() > deadline:
                raise RunError(f"{missing[0]} did not connect within {self._timeout} s; start all workers")
            time.sleep(0.5)
            missing = self.unreachable()

    def unreachable(self, workers=None):
        """Return the names of the other workers whose ports cannot be reached; workers: indices, or None for all."""
        workers = range(len(self._task.jobs)) if workers is None else workers
        others = [index for index in workers if index != self._task.index]
        with ThreadPoolExecutor(32) as pool:  # a connection that a firewall drops takes 5 seconds
            are_reachable = pool.map(self._is_reachable, others)
            return [self._task.name(i) for i, is_reachable in zip(others, are_reachable) if not is_reachable]

    def _is_reachable(self, index):
        address = self._resolved.get(index, self._task.host_and_port(index))
        try:
            with socket.create_connection(address, timeout=5) as connection:
                self._resolved[index] = connection.getpeername()[:2]  # avoids repeated name lookups
        except (OSError, UnicodeError):  # UnicodeError: not a valid host name
            return False
        return True

    def describe_failure(self, lost):
        """Return why this worker no longer waits; lost: the names of the workers that have ended, if any."""
        if lost:
            return f"{', '.join(lost)} {'has' if len(lost) == 1 else 'have'} ended"
        return f"a worker has not responded for {self._timeout} s"

    @contextlib.contextmanager
    def watch(self, session):
        """Within this context, close the session when a worker that this one checks has ended; see `_watch`.

        TensorFlow itself may notice the end of a worker immediately, after minutes, or never. Yield an event to set
        once the session is open. Until then, TensorFlow 2.21 may ignore timeouts and `close`, so this process is ended
        if it still waits after the timeout or for a worker that has ended.
        """
        opened, stopped = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, args=(session, opened, stopped), daemon=True).start()
        try:
            yield opened
        finally:
            opened.set()
            stopped.set()

    def _watch(self, session, opened, stopped):
        # The chief checks all workers, the others check the chief: few connections suffice for all to notice a failure.
        workers = None if self._task.index == 0 else [0]
        deadline, missing = time.monotonic() + self._timeout, []
        while not stopped.wait(_WATCH_SECONDS):
            missing_before, missing = missing, self.unreachable(workers)
            self.lost = [name for name in missing if name in missing_before]
            if self.lost and not stopped.is_set():
                # `close` cancels the step that waits for the lost workers; while the session opens, it may not return.
                threading.Thread(target=session.close, daemon=True).start()
            if (self.lost or time.monotonic() > deadline) and not opened.wait(_CLOSE_SECONDS):
                warn(f"{self.describe_failure(self.lost)}; {RESTART}")
                os._exit(1)
            if self.lost:
                return
