"""TF_CONFIG, TensorFlow's own way to tell a process of the others that train with it.

tensorflow.org/guide/distributed_training#setting_up_the_tf_config_environment_variable
"""

import json
import re
from typing import NamedTuple, Tuple

from utils.errors import UserError

VARIABLE = "TF_CONFIG"
_ADDRESS = re.compile(r"\[?[\w.:%-]+\]?:([0-9]{1,5})")
_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


class Task(NamedTuple):
    """The part of this process among several."""

    jobs: Tuple[Tuple[str, int], ...]  # (type, index) of all workers; the first one is the chief
    addresses: Tuple[str, ...]  # host:port of each
    number: int  # of this one

    def name(self, number):
        """Return words for a worker."""
        return "worker %d (%s)" % (number, self.addresses[number])


def task_of(environment):
    """Return the Task that TF_CONFIG in this mapping describes, None without others; refuse what is wrong."""
    text = environment.get(VARIABLE, "")
    if not text.strip():
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        _refuse("is not JSON (%s)" % error)
    cluster, task = _dict(config, "").get("cluster"), config.get("task")
    if not cluster:
        return None  # of a single machine, as job schedulers set it too
    others = set(_dict(cluster, "cluster")) - {"chief", "worker"}
    if others:
        _refuse("has %s, but training here is by workers alone" % " and ".join(repr(name) for name in sorted(others)))
    jobs, addresses = [], []
    for kind in ("chief", "worker"):
        listed = cluster.get(kind, [])
        if not isinstance(listed, list) or (kind == "chief" and len(listed) > 1):
            _refuse("cluster.%s must be a list of addresses%s" % (kind, ", of one at most" * (kind == "chief")))
        for index, address in enumerate(listed):
            port = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
            if not port or not 0 < int(port.group(1)) < 2**16:
                _refuse("cluster.%s has %r, which is not host:port" % (kind, address))
            if address in addresses:
                _refuse("has the address %s twice" % address)
            jobs.append((kind, index))
            addresses.append(address)
    own = _dict(task, "task").get("type"), task.get("index")
    if type(own[1]) is not int or own not in jobs:
        there = ", ".join("%s %d" % job for job in jobs) or "none"
        _refuse("task is type %r, index %r, which is not among the workers there are: %s" % (*own, there))
    return Task(tuple(jobs), tuple(addresses), jobs.index(own)) if len(jobs) > 1 else None


def _dict(value, name):
    if not isinstance(value, dict):
        _refuse("%s must be an object {...}, and is %r" % (name or "as a whole", value))
    return value


def _refuse(words):
    raise UserError("%s %s; write it like %s, or unset it to train alone" % (VARIABLE, words, _EXAMPLE))
