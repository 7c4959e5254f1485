"""The ports of other workers: proxies, firewalls, and workers that never answer."""

import contextlib
import json
import os
import signal
import socket
import threading
import time

import pytest
import tensorflow.compat.v1 as tf
from conftest import ENVIRONMENT

from benchmarks.scaling import free_ports
from utils.runtime import peers, tf_config

NEEDS_TF2 = pytest.mark.skipif(tf.__version__.startswith("1."), reason="several workers need TensorFlow 2")


def task(index, *addresses):
    """Return TF_CONFIG for this worker among workers at these addresses."""
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


def parse(index, *addresses):
    return tf_config.parse_task({"TF_CONFIG": task(index, *addresses)})


@contextlib.contextmanager
def silent_port():
    """Yield a listening socket, whose connections are never answered, and its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield listening, f"127.0.0.1:{listening.getsockname()[1]}"


# --- Proxies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment, proxy, added",
    [
        ({}, None, None),
        ({"HTTP_PROXY": "http://p:1"}, None, None),  # gRPC reads the names in lower case
        ({"https_proxy": "", "http_proxy": "http://p:1"}, None, None),  # gRPC uses the first one, which is empty
        ({"http_proxy": "http://p:1", "no_proxy": "other, 10.0.0.1 ,.lan,::1"}, None, None),
        ({"http_proxy": "http://p:1", "no_proxy": "0.0.1,n,1"}, None, None),  # ends of the hosts
        ({"http_proxy": "http://p:1"}, "http_proxy", "10.0.0.1,::1,b.lan"),
        ({"grpc_proxy": "http://p:1", "https_proxy": "http://q:1"}, "grpc_proxy", "10.0.0.1,::1,b.lan"),
        ({"https_proxy": "http://p:1", "no_proxy": "::1, .lan"}, "https_proxy", "10.0.0.1"),
        ({"http_proxy": "http://p:1", "no_proxy": ".lan", "no_grpc_proxy": "1"}, "http_proxy", "b.lan"),
    ],
)
def test_workers_connect_without_a_proxy(capsys, environment, proxy, added):
    before = dict(environment)
    peers.bypass_proxy(parse(0, "10.0.0.1:1", "b.lan:2", "[::1]:3", "b.lan:4"), environment)
    line = f"Workers connect directly, without {proxy} (as with no_proxy={added}).\n"
    assert capsys.readouterr().out == (line if proxy else "")
    if proxy:
        listed = before.get("no_grpc_proxy", before.get("no_proxy", "")).replace(" ", "")
        before["no_grpc_proxy"] = f"{listed},{added}" if listed else added
    assert environment == before


# --- Ports ----------------------------------------------------------------------------------------------------------


def test_workers_behind_a_firewall_do_not_add_up(monkeypatch):
    all_waiting = threading.Barrier(19)

    def drop(address, timeout):
        all_waiting.wait(60)  # raises BrokenBarrierError if they are not checked at the same time
        raise socket.timeout

    monkeypatch.setattr(socket, "create_connection", drop)
    addresses = [f"10.0.0.{i}:1" for i in range(20)]
    missing = peers.Peers(parse(3, *addresses), 1).unreachable()
    assert missing == [f"worker {i} (10.0.0.{i}:1)" for i in range(20) if i != 3]


class Session:
    """A session whose close() blocks, as TensorFlow's may while the session opens."""

    def __init__(self):
        self.closing = threading.Event()

    def close(self):
        self.closing.set()
        time.sleep(5)


@pytest.mark.parametrize("is_open", (True, False))
@pytest.mark.parametrize("is_lost", (True, False))
def test_only_a_session_that_does_not_open_ends_the_process(monkeypatch, capsys, is_open, is_lost):
    """A chief that measures or saves for longer than the timeout is not waiting."""
    codes, ended = [], threading.Event()

    def end(code):
        codes.append(code)
        ended.set()
        time.sleep(5)  # the thread does not continue

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(peers, "_WATCH_SECONDS", 0.01)
    monkeypatch.setattr(peers, "_CLOSE_SECONDS", 0.1)
    session = Session()
    with silent_port() as (other, address), peers.Peers(parse(1, address, "127.0.0.1:1"), 0.2).watch(session) as opened:
        if is_open:
            opened.set()
        if is_lost:
            other.close()
        assert session.closing.wait(60 if is_lost else 0.5) == is_lost
        ended.wait(0.5 if is_open else 60)
    assert codes == ([] if is_open else [1])
    reason = f"worker 0 ({address}) has ended" if is_lost else "a worker has not responded for 0.2 s"
    assert capsys.readouterr().err == ("" if is_open else f"main.py: {reason}; {peers.RESTART}\n")


# --- The program ----------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(program):
    """A function that starts worker `index` of two, whose other one is at `other`; return it when it listens."""
    processes = []

    def start(index, other, timeout=3):
        own = f"127.0.0.1:{free_ports(1)[0]}"
        addresses = (own, other) if index == 0 else (other, own)
        environment = dict(ENVIRONMENT, TF_CONFIG=task(index, *addresses))
        options = ("--image_size", "8", "--augment", "none", "--worker_timeout", str(timeout))
        processes.append(program.start(*options, env=environment))
        workers = peers.Peers(parse(0, "127.0.0.1:1", own), 0)
        while workers.unreachable():
            assert processes[0].poll() is None
            time.sleep(0.1)
        return processes[0]

    yield start
    for process in processes:
        process.kill()


@NEEDS_TF2
@pytest.mark.slow
@pytest.mark.parametrize("index, ends", ((0, False), (1, False), (1, True)))
def test_a_worker_that_never_answers_is_given_up(waiting, index, ends):
    """The other port belongs to a frozen process or another program; if `ends`, to a process that is then killed."""
    with silent_port() as (other, address):
        process = waiting(index, address, timeout=100 if ends else 3)
        started = time.time()
        if ends:
            for _ in range(2):  # the second connection is TensorFlow's: the session opens
                other.accept()
            other.close()
        _, error = process.communicate(timeout=120)
    assert process.returncode == 1 and time.time() - started < 90
    reason = f"worker 0 ({address}) has ended" if ends else "a worker has not responded for 3 s"
    assert error == f"main.py: {reason}; {peers.RESTART}\n"


@NEEDS_TF2
@pytest.mark.slow
@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_one_signal_ends_a_worker_that_waits_for_another(waiting, number):
    with silent_port() as (_, address):
        process = waiting(1, address, timeout=100)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (128 + number, "\nmain.py: stopped before the first step\n")
