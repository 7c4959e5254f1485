"""Limits on cores, memory, address space and threads, in stand-ins for Linux' folders, and as a user meets them."""

import os
import sys

import pytest
from conftest import ENVIRONMENT

from utils.errors import UserError
from utils.runtime import devices, limits

resource = pytest.importorskip("resource", reason="Windows has no resource limits")
MOUNT = "31 23 0:28 {top} /sys/fs/cgroup{point} rw,relatime shared:9 - {kind} cgroup {options}\n"
V1 = MOUNT.format(top="{top}", point="/{name}", kind="cgroup", options="rw,{name}")
V2 = MOUNT.format(top="/", point="", kind="cgroup2", options="rw,nsdelegate")
NO_LIMIT = str(2**63 - 4096)  # what version 1 shows


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A function that writes the files of a machine with 64 cores, and returns the folder that contains them."""
    monkeypatch.setattr(limits, "visible_cores", lambda: 64)

    def write(mounts, cgroup, files):
        files = dict({f"sys/fs/cgroup/{name}": text for name, text in files.items()}, **{"proc/self/cgroup": cgroup})
        for name, text in dict(files, **{"proc/self/mountinfo": mounts}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text.strip() + "\n")
        return str(tmp_path)

    return write


@pytest.mark.parametrize(
    "quota, count",
    [("max 100000", 64), ("200000 100000", 2), ("150000 100000", 2), ("1000 100000", 1), ("9000000 100000", 64)],
)
def test_the_quota_of_a_container(machine, quota, count):
    """Inside a container with a namespace of its own, its group is the root."""
    assert limits.cores(machine(V2, "0::/\n", {"cpu.max": quota})) == count


def test_nested_groups_of_version_2(machine):
    files = {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000", "a/b/c/cpu.max": "700000 100000"}
    files.update({"a/memory.max": "4000", "a/b/memory.max": "max", "a/b/memory.high": "3000", "z/memory.max": "1"})
    root = machine(V2, "0::/a/b/c\n", files)
    assert limits.cores(root) == 3
    assert sorted(limits.memory_limits(root)) == [3000, 4000]


@pytest.mark.parametrize("top, path", (("/", "/docker/1/job"), ("/docker/1", "/docker/1/job")))
def test_nested_groups_of_version_1(machine, top, path):
    """In a container without a namespace of its own, the mounted folder is not the root of the groups."""
    mounts = "".join(V1.format(top=top, name=name) for name in ("cpu,cpuacct", "memory"))
    inside = "docker/1/" if top == "/" else ""
    files = {
        f"cpu,cpuacct/{inside}cpu.cfs_quota_us": "150000",
        f"cpu,cpuacct/{inside}cpu.cfs_period_us": "100000",
        f"cpu,cpuacct/{inside}job/cpu.cfs_quota_us": "-1",
        f"cpu,cpuacct/{inside}job/cpu.cfs_period_us": "100000",
        f"memory/{inside}memory.limit_in_bytes": "5000",
        f"memory/{inside}job/memory.limit_in_bytes": NO_LIMIT,
    }
    root = machine(mounts, f"5:cpu,cpuacct:{path}\n4:memory:{path}\n1:name=systemd:/\n0::/\n", files)
    assert limits.cores(root) == 2
    assert min(limits.memory_limits(root)) == 5000


def test_both_versions_at_once_and_groups_outside_the_mount(machine):
    unified = V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
    mounts = V1.format(top="/docker/1", name="cpu") + V1.format(top="/", name="memory") + unified
    files = {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000", "memory/memory.limit_in_bytes": "7"}
    root = machine(mounts, "3:cpu:/other\n4:memory:/../..\n0::/\n", dict(files, **{"unified/cgroup.procs": "1"}))
    assert limits.cores(root) == 4
    assert limits.memory_limits(root) == [7]


def test_a_machine_without_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "visible_cores", lambda: 3)
    assert limits.cores(str(tmp_path)) == 3 and limits.memory_limits(str(tmp_path)) == []


def test_the_least_memory_counts(machine):
    root = machine(V2, "0::/a\n", {"memory.max": "3000000000", "a/memory.max": "2000000000"})
    assert devices.available_memory(root) == 2000000000


def limit(monkeypatch, **soft):
    """Imitate soft resource limits; those that are not named are unlimited."""
    values = {getattr(resource, name): value for name, value in soft.items()}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (values.get(kind, resource.RLIM_INFINITY), -1))


def test_address_space(monkeypatch):
    monkeypatch.setattr(limits, "visible_cores", lambda: 2)
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    limit(monkeypatch)
    assert limits.check_address_space() == float("inf")
    limit(monkeypatch, RLIMIT_AS=1600000 * 1024)
    with pytest.raises(UserError) as caught:
        limits.check_limits()
    needed = [int(word) for word in str(caught.value).split() if word.isdigit()]
    assert str(caught.value) == (
        f"the address space is limited to 1600000 KB (`ulimit -v`), but TensorFlow needs about {needed[1]} KB on 2 "
        f"cores; run `ulimit -v unlimited`, or set MALLOC_ARENA_MAX=1 in the environment to need {needed[3]} KB"
    )
    for arenas, size in (("", needed[1]), ("1", needed[3])):
        monkeypatch.setenv("MALLOC_ARENA_MAX", arenas)
        limit(monkeypatch, RLIMIT_AS=size * 1024 + 5000)
        assert 0 < limits.check_address_space() <= 5000
        limit(monkeypatch, RLIMIT_AS=size * 1024 - 5000)
        with pytest.raises(UserError):
            limits.check_address_space()


def test_threads(machine, monkeypatch):
    monkeypatch.delitem(sys.modules, "numpy")
    limit(monkeypatch)
    root = machine(
        V2, "0::/a\n", {"pids.max": "max", "pids.current": "900", "a/pids.max": "500", "a/pids.current": "1"}
    )
    limits.check_limits(root)
    root = machine(V2, "0::/a\n", {"a/pids.max": "100", "a/pids.current": "95"})
    with pytest.raises(
        UserError, match=r"^this process may start only 5 threads, but TensorFlow needs about \d+ on 64"
    ):
        limits.check_limits(root)
    limit(monkeypatch, RLIMIT_NPROC=20)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UserError, match=r"only 20 threads, .*raise pids.max of the container .* or `ulimit -u`$"):
        limits.check_limits(str(root) + "/none")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    limits.check_limits(str(root) + "/none")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
@pytest.mark.parametrize("size", (50000, 300000, 1000000, 1500000, 1600000, 1700000, 2000000, 2600000))
def test_too_little_address_space_is_one_line(program, size):
    """Below all of them, TensorFlow aborted, hung or raised errors while it started its threads."""
    cores = len(os.sched_getaffinity(0))
    if size > 1000000 * cores:
        pytest.skip("enough for so few cores")
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "MALLOC_ARENA_MAX"}
    line = program.refuse("--max_steps", "1", env=environment, preexec_fn=lambda: limit_address_space(size))
    assert f"the address space is limited to {size} KB (`ulimit -v`), but TensorFlow needs about " in line


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
@pytest.mark.parametrize("arenas", ("1", "1000"))
def test_the_address_space_that_is_asked_for_suffices(program, arenas):
    size = limits._needed(int(arenas)) // 1024 + 50000  # 50 MB for the run
    environment = dict(ENVIRONMENT, MALLOC_ARENA_MAX=arenas)
    out = program.train("--max_steps", "2", env=environment, preexec_fn=lambda: limit_address_space(size))
    assert "Finished at step 2" in out


def limit_address_space(size):
    resource.setrlimit(resource.RLIMIT_AS, (size * 1024, size * 1024))
