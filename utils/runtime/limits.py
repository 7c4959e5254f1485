"""Limits on this process that TensorFlow ignores: cores and memory of a container, address space, threads."""

import os
import pathlib
import re
import sys

from utils.errors import UserError

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None

_MOUNTS, _GROUPS = "proc/self/mountinfo", "proc/self/cgroup"  # Linux only
_MB = 2**20
_IS_OLD = sys.version_info < (3, 8)  # TensorFlow 1.15; the version must be known before TensorFlow is imported
# Measured with 1 to 64 cores: the address space in MB that TensorFlow takes without its threads, and the number of
# threads per core. Each thread has a stack and reserves an arena of malloc; glibc makes at most 8 arenas per core.
_PROGRAM, _THREADS = (950, 4) if _IS_OLD else (1850, 6)
_FEW_THREADS = 10  # regardless of the number of cores
_ARENA, _BLAS_BUFFER, _STACK = 64 * _MB, 32 * _MB, 8 * _MB


def read(path):
    """Return the text of a system file, or '' if it cannot be read."""
    try:
        with open(str(path), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def visible_cores():
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores(root="/"):
    """Return the number of cores that this process may use, at least 1: a container's quota counts, rounded up."""
    count = visible_cores()
    for group in _groups("cpu", root):
        # "200000 100000" or "max 100000" in version 2; "-1" and "100000", in two files, in version 1
        names = ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us")
        quota, period, *_ = [*" ".join(read(group / name) for name in names).split(), "max", "max"]
        if quota.isdecimal() and period.isdecimal():
            count = min(count, max(1, -(-int(quota) // int(period))))
    return count


def memory_limits(root="/"):
    """Return the memory limits of a container in bytes, an empty list if there are none."""
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    texts = [read(group / name).strip() for group in _groups("memory", root) for name in names]
    return [int(text) for text in texts if text.isdecimal()]  # without a limit, a file contains "max"


def _groups(controller, root):
    """Yield the folders of this process's control groups that may limit it, of versions 1 and 2, as pathlib.Paths.

    A group's limit also applies to the groups in it. root: the folder that contains proc and sys.
    """
    root = pathlib.Path(root)
    mounts = re.findall(r"^\S+ \S+ \S+ (\S+) (\S+) .* - (cgroup2?) \S* (\S+)$", read(root / _MOUNTS), re.MULTILINE)
    groups = re.findall(r"^\d+:([^:]*):(.*)$", read(root / _GROUPS), re.MULTILINE)
    for top, point, kind, options in mounts:
        for controllers, path in groups:  # version 2 has no controllers here
            is_new, names = kind == "cgroup2" and not controllers, controllers.split(",")
            if is_new or (kind == "cgroup" and controller in names and controller in options.split(",")):
                try:
                    group = pathlib.PurePosixPath(path).relative_to(top)
                except ValueError:  # in a container, the group may be outside the mounted ones
                    group = pathlib.PurePosixPath()
                for each in (group, *group.parents):
                    yield root / point.lstrip("/") / each


def check_limits(root="/"):
    """Raise UserError if TensorFlow could not start its threads: it would abort. root: as for `_groups`."""
    check_address_space()
    if "numpy" in sys.modules:  # a part of the threads, perhaps all, have been started already
        return
    needed, spare = _threads(), []
    for group in _groups("pids", root):
        limit, used = read(group / "pids.max").strip(), read(group / "pids.current").strip()
        spare += [int(limit) - int(used)] if limit.isdecimal() and used.isdecimal() else []
    if resource and os.geteuid() and resource.getrlimit(resource.RLIMIT_NPROC)[0] != resource.RLIM_INFINITY:
        spare.append(resource.getrlimit(resource.RLIMIT_NPROC)[0])  # root is not limited
    if spare and min(spare) < needed:
        raise UserError(
            f"this process may start only {max(0, min(spare))} threads, but TensorFlow needs about {needed} on "
            f"{visible_cores()} cores; raise pids.max of the container (`docker run --pids-limit`) or `ulimit -u`"
        )


def check_address_space():
    """Return the bytes of address space that TensorFlow leaves to a run; infinity without a limit.

    Raise UserError if TensorFlow itself would lack address space, because it would abort at a random place.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0] if resource else -1
    if limit == -1:  # unlimited
        return float("inf")
    arenas = os.environ.get("MALLOC_ARENA_MAX", "")
    needed = _needed(int(arenas)) if arenas.isdecimal() else _needed()
    if needed <= limit:
        return limit - needed
    raise UserError(
        f"the address space is limited to {limit // 1024} KB (`ulimit -v`), but TensorFlow needs about "
        f"{needed // 1024} KB on {visible_cores()} cores; run `ulimit -v unlimited`, or set MALLOC_ARENA_MAX=1 in the "
        f"environment to need {_needed(1) // 1024} KB"
    )


def _needed(max_arenas=10000):
    """Return the bytes of address space that TensorFlow and a small run need; max_arenas: malloc's maximum."""
    n, threads = visible_cores(), _threads()
    stack = max(_STACK, resource.getrlimit(resource.RLIMIT_STACK)[0])  # -1: unlimited, so a default of 2 MB
    return _PROGRAM * _MB + n * _BLAS_BUFFER + threads * stack + min(threads, 8 * n, max_arenas) * _ARENA


def _threads():
    """Return the number of threads that TensorFlow starts, approximately."""
    return _THREADS * visible_cores() + _FEW_THREADS
