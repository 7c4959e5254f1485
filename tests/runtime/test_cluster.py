"""Several workers: what they exchange, how they fail, and complete runs with two workers."""

import json
import re
import signal
import socket
import subprocess
import sys
import time

import forked
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ENVIRONMENT, ROOT

from benchmarks.scaling import free_ports
from utils.errors import RunError, UserError
from utils.metrics import efficientnet
from utils.runtime import cluster, devices, peers, tf_config

NEEDS_TF2 = pytest.mark.skipif(tf.__version__.startswith("1."), reason="several workers need TensorFlow 2")
slow = pytest.mark.slow

FOLDERS = ("samples", "checkpoints", "cache")
SMALL = ("--image_size", "8", "--augment", "none")  # a graph that builds in half the time

# Each script writes its output to the file that its first argument names.
REDIRECT = """
import os, sys
for descriptor in (1, 2):
    os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
"""

# Runs the program, and saves the values of all variables at the end of its session.
RECORDED = """
import contextlib
import numpy
from utils.runtime import cluster
session_of = cluster.Workers.session
@contextlib.contextmanager
def recorded(workers, config):
    import tensorflow.compat.v1 as tf
    with session_of(workers, config) as session:
        yield session
        variables = tf.global_variables()
        numpy.savez(sys.argv[2], **{v.op.name: value for v, value in zip(variables, session.run(variables))})
cluster.Workers.session = recorded
import main
sys.exit(main.main(sys.argv[3:]))
"""

# Exchanges everything that workers exchange, then waits for the other worker in a loop. Its arguments: the program's
# folder, a timeout, a precision, and a file whose creation starts the exchange.
EXCHANGE = """
import time
sys.path.insert(0, sys.argv[2])
from utils.runtime.start import import_tensorflow
import_tensorflow()
from model.graph_mode import tf
from utils.errors import RunError, UserError
from utils.runtime import cluster, devices, tf_config
workers = cluster.Workers(tf_config.parse_task(os.environ), int(sys.argv[3]))
workers.build_gather()
with workers.scope():
    values = [tf.get_variable("values", initializer=[workers.index + 0.5, 5.0])]
    values.append(tf.get_variable("count", initializer=tf.constant(2**40 + workers.index, tf.int64)))
    images, kernel = tf.Variable(tf.ones([4, 8, 8, 8])), tf.Variable(tf.ones([3, 3, 8, 8]))
    maps = tf.nn.leaky_relu(tf.nn.bias_add(tf.nn.conv2d(images, kernel, 1, "SAME"), tf.Variable(tf.zeros([8]))))
workers.build_broadcast(values)
print("ready", flush=True)
while not os.path.exists(sys.argv[5]):
    time.sleep(0.02)
try:
    with workers.translate_worker_errors(), workers.session(devices.session_config(sys.argv[4])) as session:
        session.run(tf.global_variables_initializer())
        print("maps", session.run(maps)[0, 4, 4, 0])
        print("gathered", workers.gather(2**63 - 1 - workers.index), workers.all_reduce_max(7 - workers.index))
        try:
            workers.check_same_config(workers.index)
        except UserError as error:
            print(error)
        workers.check_same_config(5)
        workers.broadcast()
        print("values", [value.tolist() for value in session.run(values)], flush=True)
        while True:
            workers.barrier()
            time.sleep(0.01)
except RunError as error:
    print(error, flush=True)
    sys.exit(1)
"""


def task(index, *addresses):
    """Return TF_CONFIG for this worker among workers at these addresses."""
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


class Pair:
    """Two workers on this machine that run a script: forks (see forked.py) where possible."""

    def __init__(self, folder, script, arguments, **variables):
        """arguments: one list per worker, passed after its output file; variables: added to the environment."""
        self.processes, self._outputs, self._folder = [], [folder / f"out{i}.txt" for i in range(2)], folder
        (folder / "script.py").write_text(REDIRECT + script)
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        for index, output in enumerate(self._outputs):
            output.write_text("")
            environment = dict(ENVIRONMENT, TF_CONFIG=task(index, *addresses), **variables)
            command = [str(folder / "script.py"), str(output), *arguments[index]]
            if forked.IS_POSSIBLE:
                self.processes.append(forked.ForkedProcess(command, str(folder), environment))
            else:
                self.processes.append(subprocess.Popen([sys.executable, *command], cwd=str(folder), env=environment))

    def out(self, index):
        return self._outputs[index].read_text()

    def wait_for(self, text, index=0):
        """Wait until worker `index` has printed `text`."""
        started = time.time()
        while text not in self.out(index):
            assert time.time() - started < 300 and self.processes[index].poll() is None, self.out(0) + self.out(1)
            time.sleep(0.05)

    def codes(self):
        return [process.wait(timeout=300) for process in self.processes]

    def variables(self, index):
        with np.load(str(self._folder / f"variables{index}.npz")) as file:
            return {name: file[name] for name in file.files}

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def started():
    """A list of Pairs, which are stopped at the end of the test."""
    pairs = []
    yield pairs
    for each in pairs:
        each.end()


@pytest.fixture
def pair(program, started):
    """A function that starts the program with these arguments as two workers on this machine that share its folders."""

    def start(*arguments, of_second=()):
        commands = [program.command(*arguments)[2:], program.command(*arguments, *of_second)[2:]]
        commands = [[str(program.folder / f"variables{i}.npz"), *command] for i, command in enumerate(commands)]
        started.append(Pair(program.folder, RECORDED, commands))
        return started[-1]

    return start


@pytest.fixture
def exchanging(tmp_path, started):
    """A function that starts two workers with a timeout in seconds and returns when they wait for each other.

    Further arguments are added to the workers' environment.
    """

    def start(timeout, **variables):
        # TensorFlow fuses bfloat16 convolutions only on processors with AVX-512.
        precision = "bfloat16" if "avx512f" in devices.processor_flags() else "float32"
        arguments = [ROOT, str(timeout), precision, str(tmp_path / "start")]
        started.append(Pair(tmp_path, EXCHANGE, [arguments] * 2, **variables))
        for index in range(2):
            started[-1].wait_for("ready", index)
        (tmp_path / "start").write_text("")
        for index in range(2):
            started[-1].wait_for("values", index)
        return started[-1]

    return start


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Without a proxy, this process prints no line about it and leaves the environment alone."""
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


# --- One process ----------------------------------------------------------------------------------------------------


def test_a_single_process_exchanges_with_itself_and_adds_nothing_to_the_graph(graph):
    workers = cluster.Workers(None, 10, [])
    assert (workers.index, workers.num_workers, workers.is_chief, workers.replicas) == (0, 1, True, 1)
    assert workers.rows(8) == slice(0, 8)
    workers.build_gather()
    workers.build_broadcast([])
    assert graph.get_operations() == []
    with workers.translate_worker_errors(), workers.session(None) as session:
        assert session.graph is graph
        assert workers.gather(3) == [3] and workers.all_reduce_max(True) == 1
        workers.broadcast()
        workers.barrier()
        workers.check_same_config(5)
    with pytest.raises(RuntimeError, match="a mistake"), workers.translate_worker_errors():
        raise RuntimeError("a mistake")


@NEEDS_TF2
def test_the_global_batch_is_described(monkeypatch, capsys, settings):
    run = settings.run._replace(batch_size=4, precision="float32")
    precision = "Convolutions are computed in float32.\n"
    cluster.Workers(None, 10, ["/cpu:0", "/cpu:1"]).announce(run)
    assert capsys.readouterr().out == "Global batch: 8 images, 4 on each of 2 devices.\n" + precision
    text = task(1, "a:1", "b:2")
    monkeypatch.setenv("TF_CONFIG", text)
    with tf.Graph().as_default():
        workers = cluster.Workers(tf_config.parse_task({"TF_CONFIG": text}), 10)
    workers.announce(run)
    split = "Global batch: 8 images, 4 on each of 2 workers; this is worker 1 (b:2).\n"
    assert capsys.readouterr().out == split + precision
    assert workers.rows(4) == slice(4, 8)


@NEEDS_TF2
def test_a_port_in_use_and_a_worker_that_does_not_come(monkeypatch, capsys):
    def open_session(address):
        text = task(0, address, "127.0.0.1:1")
        monkeypatch.setenv("TF_CONFIG", text)
        with tf.Graph().as_default():
            workers = cluster.Workers(tf_config.parse_task({"TF_CONFIG": text}), 1)
            with workers.session(devices.session_config("float32")):
                pass

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError) as caught:
            open_session(address)
    assert str(caught.value).startswith(f"worker 0 ({address}) cannot listen on its port (")
    assert str(caught.value).endswith("); is an earlier run still using it?")
    with pytest.raises(RunError) as caught:
        open_session(f"127.0.0.1:{free_ports(1)[0]}")
    assert str(caught.value) == "worker 1 (127.0.0.1:1) did not connect within 1 s; start all workers"
    assert capsys.readouterr().out == "Waiting for worker 1 (127.0.0.1:1).\n"


def test_an_address_is_resolved_once_and_a_name_that_cannot_exist_is_unreachable(monkeypatch):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        addresses = ("here:1", f"localhost:{listening.getsockname()[1]}", "a" * 64 + ".b:2", "127.0.0.1:1")
        others = peers.Peers(tf_config.parse_task({"TF_CONFIG": task(0, *addresses)}), 1)
        asked = []
        getaddrinfo = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: asked.append(a[0]) or getaddrinfo(*a, **k))
        for _ in range(2):
            assert others.unreachable() == [f"worker 2 ({addresses[2]})", "worker 3 (127.0.0.1:1)"]
            assert others.unreachable([0, 1]) == []
    assert asked.count("localhost") == 1


@NEEDS_TF2
@pytest.mark.parametrize("precision", ("float32", "bfloat16", "float16"))
def test_only_bfloat16_is_left_unfused(precision):
    config = devices.session_config(precision)
    devices.keep_bfloat16_unfused(config)
    options = config.graph_options.rewrite_options
    assert options.remapping == (options.OFF if precision == "bfloat16" else options.DEFAULT)


# --- Two workers ----------------------------------------------------------------------------------------------------


@NEEDS_TF2
@slow
def test_two_workers_exchange_numbers_and_values_and_one_that_hangs_is_given_up(exchanging):
    two = exchanging(6, http_proxy="http://127.0.0.1:9", no_proxy="")  # a proxy that nobody can reach
    assert "Workers connect directly, without http_proxy (as with no_proxy=127.0.0.1).\n" in two.out(0)
    maps, gathered, different, values = two.out(0).strip().split("\n")[-4:]
    assert (maps, gathered) == ("maps 72.0", f"gathered [{2**63 - 1}, {2**63 - 2}] 7")
    names = [rf"worker {number} \(127.0.0.1:\d+\)" for number in range(2)]
    assert re.fullmatch(f"{names[1]} has different settings or images from {names[0]}; they must match", different)
    assert values == f"values [[0.5, 5.0], {2**40}]"
    assert two.out(1).strip().split("\n")[-4:] == [maps, gathered, different, values]
    first, second = two.processes
    second.send_signal(signal.SIGSTOP)
    assert first.wait(timeout=120) == 1
    assert "a worker has not responded for 6 s; see its output, then restart all workers" in two.out(0)
    second.send_signal(signal.SIGCONT)
    assert second.wait(timeout=120) == 1
    assert re.search(r"^worker 0 \(127.0.0.1:\d+\) has ended; see its output", two.out(1), re.MULTILINE)
    assert "Traceback" not in two.out(0) + two.out(1)


@NEEDS_TF2
@slow
def test_a_chief_that_is_killed_is_named(exchanging):
    two = exchanging(60)
    started = time.time()
    two.processes[0].kill()
    assert two.processes[1].wait(timeout=120) == 1 and time.time() - started < 50  # long before the timeout
    assert re.search(r"^worker 0 \(127.0.0.1:\d+\) has ended; see its output, then restart", two.out(1), re.MULTILINE)
    assert "Traceback" not in two.out(1)


# --- Runs of two workers --------------------------------------------------------------------------------------------


def last_row(program):
    """Return step, epoch and pictures_seen from the last row of history.csv, as strings."""
    return (program.checkpoints / "history.csv").read_text().split("\n")[-2].split(",")[:3]


def assert_alike(two):
    """Check that all variables are equal in both processes; return the first process's variables."""
    first, second = two.variables(0), two.variables(1)
    assert set(first) == set(second)
    assert [name for name in first if not np.array_equal(first[name], second[name])] == []
    return first


@NEEDS_TF2
@slow
def test_two_workers_stay_alike_and_a_run_is_resumed_by_any_number_even_after_a_kill(program, pair):
    of_second = [(f"--{name}_dir", str(program.folder / f"second {name}")) for name in FOLDERS]
    options = ["--max_steps", "6", "--checkpoint_every", "5", "--conditional", "1", "--log_every", "5"]
    options += ["--metrics_every", "3", "--metrics_samples", "8"]
    two = pair(*options, of_second=sum(of_second, ()))
    assert two.codes() == [0, 0], two.out(0) + two.out(1)
    variables = assert_alike(two)
    assert variables["step"] == 6 and variables["pictures_seen"] == 6 * 8
    assert "Global batch: 8 images, 4 on each of 2 workers; this is worker 1 (127.0.0.1" in two.out(1)
    # Only the chief writes, except that each worker prepares its own images.
    assert [name for name in FOLDERS if (program.folder / f"second {name}").exists()] == ["cache"]
    assert "step 3:" in two.out(0) and "step 3:" not in two.out(1)
    assert last_row(program) == ["6", "4", "48"]  # 12 images, each seen 4 times
    grids = ["classes.csv", "reals.png", "timelapse.gif", "timelapse.webp", "train_00000000.png", "train_00000006.png"]
    assert sorted(p.name for p in program.samples.iterdir()) == grids

    program.train("--max_steps", "10", "--batch_size", "8", "--conditional", "1", "--augment", "none")
    assert last_row(program) == ["10", "6.66667", "80"]

    endless = ["--max_steps", "100000", "--checkpoint_every", "2", "--log_every", "2", "--conditional", "1"]
    endless += ["--augment", "none"]
    two = pair(*endless)
    two.wait_for("left\n")  # ends the first line of steps
    assert "from step 10" in two.out(0)
    two.processes[1].kill()
    assert two.processes[0].wait(timeout=120) == 1
    line = two.out(0).strip().split("\n")[-1]
    assert re.match(r"main.py: worker 1 \(127.0.0.1:\d+\) has ended; see its output, then restart all workers", line)
    assert "Traceback" not in two.out(0)

    two = pair(*endless)
    two.wait_for("left\n")
    assert re.search(r"from step \d*[02468],", two.out(0))
    two.processes[1].send_signal(signal.SIGTERM)  # stops both workers
    assert two.codes() == [143, 143], two.out(0) + two.out(1)
    assert "Stopped at step" in two.out(0) and "Stopped at step" in two.out(1)
    step = int(assert_alike(two)["step"])
    assert two.variables(0)["pictures_seen"] == step * 8
    assert (program.checkpoints / f"dcgan-{step}.json").exists()


@NEEDS_TF2
@slow
def test_workers_with_different_settings_refuse_to_start(pair):
    """The graphs also differ, so that only the `build_gather` operations match."""
    different = ("--learning_rate", "0.1", "--filters", "8", "--d_norm", "layer")
    two = pair(*SMALL, "--max_steps", "10", of_second=different)
    assert two.codes() == [2, 2], two.out(0) + two.out(1)
    for number in range(2):
        last = two.out(number).strip().split("\n")[-1]
        assert last.startswith("main.py: worker 1 (127.0.0.1:") and "has different settings or images from" in last


@NEEDS_TF2
@slow
@pytest.mark.skipif(not efficientnet.path(), reason=f"needs {efficientnet.LITE0.package}")
@pytest.mark.parametrize(
    ("setting", "values", "options"),
    (
        ("d_features", ("none", "efficientnet"), ()),
        ("clusters", (2, 4), ("--d_features", "efficientnet")),
        ("cluster_levels", ("last", "all"), ("--d_features", "efficientnet", "--clusters", "4")),
    ),
)
def test_workers_whose_d_features_or_clusters_differ_refuse_to_start(pair, setting, values, options):
    """As if d_features = 'auto' had found the package on one worker alone, or the chief resumed an earlier run."""
    chosen = [(f"--{setting}", str(value)) for value in values]
    two = pair(*SMALL, "--max_steps", "10", *options, *chosen[0], of_second=chosen[1])
    assert two.codes() == [2, 2], two.out(0) + two.out(1)
    for number, value in enumerate(values):
        last = two.out(number).strip().split("\n")[-1]
        assert last.startswith("main.py: worker 1 (127.0.0.1:")
        assert (
            f" has a different value of {setting} (here {value!r}; set it on all workers) from worker 0 (127.0.0.1:"
            in last
        )


@NEEDS_TF2
@slow
def test_the_time_limit_of_the_chief_stops_all_workers_at_the_same_step(program, pair):
    """The other worker's limit has no effect. Workers need more time to start than these limits."""
    soon, options = ("--max_minutes", "0.000001"), (*SMALL, "--max_steps", "3")
    two = pair(*options, *soon, of_second=("--max_minutes", "0"))
    assert two.codes() == [0, 0], two.out(0) + two.out(1)
    assert assert_alike(two)["step"] == 1 and (program.checkpoints / "dcgan-1.json").exists()
    end = "Stopped by max_minutes at step 1"
    assert f"{end}, saved in " in two.out(0) and f"{end}; worker 0 (127.0.0.1:" in two.out(1)
    two = pair(*options, of_second=soon)
    assert two.codes() == [0, 0], two.out(0) + two.out(1)
    assert assert_alike(two)["step"] == 3 and all("Finished at step 3" in two.out(index) for index in range(2))


@NEEDS_TF2
@slow
def test_two_workers_roll_back_together(pair):
    two = pair(*SMALL, "--optimizer", "sgd", "--learning_rate", "1000000", "--max_steps", "40")
    assert two.codes() == [1, 1], two.out(0) + two.out(1)
    for number in range(2):
        assert "(rollback 3 of at most 3)" in two.out(number) and "Traceback" not in two.out(number)
        assert "after 3 rollbacks" in two.out(number).strip().split("\n")[-1]
