"""TF_CONFIG, TensorFlow's standard environment variable for the list of processes that train together.

tensorflow.org/guide/distributed_training#setting_up_the_tf_config_environment_variable
"""

import json
import re
from typing import Dict, List, NamedTuple, Tuple

from utils.errors import UserError

VARIABLE = "TF_CONFIG"
_KINDS = ("chief", "worker")
_ADDRESS = re.compile(r"\[?[\w.:%-]+\]?:([0-9]{1,5})")
_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


class Task(NamedTuple):
    """The workers that train together, and the position of this process among them."""

    cluster: Dict[str, List[str]]  # host:port of the workers of each type
    jobs: Tuple[Tuple[str, int], ...]  # (type, index) of each worker; the first one is the chief
    index: int  # position of this process in jobs

    def address(self, index):
        """Return a worker's address, host:port."""
        kind, place = self.jobs[index]
        return self.cluster[kind][place]

    def host_and_port(self, index):
        """Return a worker's host, without the brackets of an IPv6 address, and its port."""
        host, _, port = self.address(index).rpartition(":")
        return host.strip("[]"), int(port)

    def name(self, index):
        """Return the name by which messages refer to a worker."""
        return f"worker {index} ({self.address(index)})"


def parse_task(environment):
    """Return the Task that TF_CONFIG in this mapping describes, or None for a single process.

    Raise UserError if the variable is invalid.
    """
    try:
        config = json.loads(environment.get(VARIABLE, "").strip() or "{}")
    except ValueError as error:
        _refuse(f"is not JSON ({error})")
    cluster, task = _object(config, "").get("cluster"), config.get("task")
    if not cluster:
        return None  # job schedulers also set the variable for single machines
    _check_cluster(_object(cluster, "cluster "))
    jobs = tuple((kind, index) for kind in _KINDS for index in range(len(cluster.get(kind, []))))
    own = _object(task, "task ").get("type"), task.get("index")
    if type(own[1]) is not int or own not in jobs:
        listed = ", ".join(f"{kind} {index}" for kind, index in jobs) or "no workers"
        _refuse(f"task is type {own[0]!r}, index {own[1]!r}, but cluster lists {listed}")
    return Task(cluster, jobs, jobs.index(own)) if len(jobs) > 1 else None


def _check_cluster(cluster):
    unsupported = sorted(set(cluster) - set(_KINDS))
    if unsupported:
        _refuse(f"cluster has {' and '.join(map(repr, unsupported))}; supported are 'chief' and 'worker'")
    seen = []
    for kind in _KINDS:
        addresses = cluster.get(kind, [])
        if not isinstance(addresses, list) or (kind == "chief" and len(addresses) > 1):
            _refuse(f"cluster.{kind} must be a list of addresses{', with at most one' * (kind == 'chief')}")
        for address in addresses:
            port = _ADDRESS.fullmatch(str(address))
            if not port or not 0 < int(port.group(1)) < 2**16:
                _refuse(f"cluster.{kind} has {address!r}, which is not host:port")
            if address in seen:
                _refuse(f"lists the address {address} twice")
            seen.append(address)


def _object(value, name):
    if not isinstance(value, dict):
        _refuse(f"{name}must be an object {{...}}, not {value!r}")
    return value


def _refuse(problem):
    raise UserError(f"{VARIABLE} {problem}; example: {_EXAMPLE}; unset it to train with one process")
