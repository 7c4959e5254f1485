"""Several devices and several processes: they make the steps of one, stay alike, and fail with a line."""

import json
import signal
import socket
import subprocess
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ENVIRONMENT

from benchmarks.scaling import free_ports
from model import replicas
from model import train_graph as gan
from utils.errors import UserError
from utils.runtime import cluster, tf_config

NEEDS_TF2 = pytest.mark.skipif(tf.__version__.startswith("1."), reason="several replicas need TensorFlow 2")

FOLDERS = ("samples", "checkpoints", "cache")

# Runs the program, and then keeps the values of all variables.
RECORDED = """
import sys
import main, numpy
def recorded(session, *rest):
    import tensorflow.compat.v1 as tf
    code = run_steps(session, *rest)
    variables = tf.global_variables()
    numpy.savez(sys.argv[1], **{v.op.name: value for v, value in zip(variables, session.run(variables))})
    return code
run_steps, main.run_steps = main.run_steps, recorded
sys.exit(main.main(sys.argv[2:]))
"""


def config(number=0, kind="worker", **jobs):
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": number}})


@pytest.mark.parametrize(
    "text, words",
    [
        ("{", "is not JSON"),
        ("[1]", "as a whole must be an object {...}, and is [1]"),
        ('{"cluster": 3}', "cluster must be an object {...}, and is 3"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "task must be an object {...}, and is None"),
        (config(worker="a:1"), "cluster.worker must be a list of addresses;"),
        (config(chief=["a:1", "b:1"]), "cluster.chief must be a list of addresses, of one at most;"),
        (config(worker=["a:1", "b"]), "cluster.worker has 'b', which is not host:port"),
        (config(worker=["a:1", "b:99999"]), "has 'b:99999', which is not host:port"),
        (config(worker=["a:1", "b:1\n"]), "which is not host:port"),
        (config(worker=["a:1", 5]), "has 5, which is not host:port"),
        (config(worker=["a:1", "a:1"]), "has the address a:1 twice"),
        (config(worker=["a:1", "b:1"], ps=["c:1"]), "has 'ps', but training here is by workers alone"),
        (config(2, worker=["a:1", "b:1"]), "task is type 'worker', index 2, which is not among the workers there are"),
        (config("0", worker=["a:1", "b:1"]), "task is type 'worker', index '0'"),
        (config(0, "chief", worker=["a:1", "b:1"]), "task is type 'chief', index 0"),
        (config(0, "evaluator", worker=["a:1", "b:1"]), "task is type 'evaluator', index 0"),
    ],
)
def test_a_wrong_tf_config_is_one_line(text, words):
    with pytest.raises(UserError) as caught:
        tf_config.task_of({"TF_CONFIG": text})
    message = str(caught.value)
    assert message.startswith("TF_CONFIG ") and words in message and "\n" not in message
    assert "write it like" in message and "or unset it to train alone" in message


def test_a_right_tf_config():
    assert (
        tf_config.task_of({}) is tf_config.task_of({"TF_CONFIG": " "}) is tf_config.task_of({"TF_CONFIG": "{}"}) is None
    )
    assert tf_config.task_of({"TF_CONFIG": config(worker=["a:1"])}) is None
    task = tf_config.task_of({"TF_CONFIG": config(1, chief=["a:1"], worker=["b:2", "[::1]:3"])})
    assert task.jobs == (("chief", 0), ("worker", 0), ("worker", 1)) and task.number == 2
    assert task.name(2) == "worker 2 ([::1]:3)"
    assert tf_config.task_of({"TF_CONFIG": config(0, "chief", chief=["a:1"], worker=["b:2"])}).number == 0
    # As Kubernetes' training operator writes it.
    more = dict(json.loads(config(1, worker=["a:1", "b:1"])), environment="cloud")
    assert tf_config.task_of({"TF_CONFIG": json.dumps(more)}).number == 1


def test_a_wrong_tf_config_stops_training_before_it_starts(program):
    done = program.run(env=dict(ENVIRONMENT, TF_CONFIG="{"))
    assert done.returncode == 2 and done.stderr.startswith("main.py: TF_CONFIG is not JSON") and done.stdout == ""
    assert not program.checkpoints.exists() and not program.samples.exists()


@pytest.mark.skipif(not tf.__version__.startswith("1."), reason="newer ones can")
def test_several_workers_are_refused_on_tensorflow_1(program):
    done = program.run(env=dict(ENVIRONMENT, TF_CONFIG=config(worker=["127.0.0.1:1", "127.0.0.1:2"])))
    assert done.returncode == 2 and "several workers, who need TensorFlow 2, and this is 1.15" in done.stderr
    assert not program.checkpoints.exists()


def steps_of(count, tiny, checkpoint, steps=3, **changes):
    """Return the rows and all variables after some steps of `count` replicas; one replica writes the checkpoint."""
    run = tiny.run._replace(**{name: value for name, value in changes.items() if name in tiny.run._fields})
    network = tiny.network._replace(**{name: value for name, value in changes.items() if name in tiny.network._fields})
    run = run._replace(batch_size=8 // count)
    devices = ["/cpu:%d" % i for i in range(count)] if count > 1 else []
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        workers = cluster.Workers(None, 10, devices)
        assert (workers.replicas, workers.own_replicas, workers.rows(run.batch_size)) == (count, count, slice(0, 8))
        with workers.scope():
            images = tf.random.stateless_uniform([8, 16, 16, 3], [3, 4], minval=-1.0)
            labels = tf.constant([0, 1, 2, 2, 1, 0, 0, 1], tf.int32)
            ends = gan.build_train_graph(images, network, run, 40, labels, (5, 5, 10))
            initializer = tf.global_variables_initializer()
        variables = tf.global_variables()
        saver = tf.train.Saver(variables)
        with workers.session(tf.ConfigProto(device_count={"CPU": count})) as session:
            session.run(initializer)
            if count == 1:
                saver.save(session, checkpoint)
            saver.restore(session, checkpoint)  # the names are those of a single device
            session.run(ends.start_average)
            rows = []
            for i in range(steps):
                d = session.run(ends.d_updates[i % len(ends.d_updates)])
                g = session.run(ends.g_update)
                rows.append([d["d_loss"], d["d_real"], d["d_fake"], d["pictures_seen"], g["g_loss"], g["step"]])
            return rows, {v.op.name: value for v, value in zip(variables, session.run(variables))}


@NEEDS_TF2
@pytest.mark.parametrize(
    "changes",
    [
        {"augment": "none"},
        {"augment": "color,translation,cutout", "conditional": 1},
        {"d_norm": "spectral", "loss": "hinge"},
        {"d_norm": "layer", "gradient_penalty": "r1", "penalty_every": 2, "optimizer": "rmsprop"},
        {"d_norm": "spectral", "loss": "wasserstein", "gradient_penalty": "wgan-gp", "optimizer": "sgd"},
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"gradient_penalty": "r1"},  # whose gradient goes twice through the means that the replicas share
    ],
)
def test_two_replicas_make_the_step_of_one(tiny, tmp_path, changes):
    rows, variables = steps_of(1, tiny, str(tmp_path / "start"), **changes)
    rows_of_two, variables_of_two = steps_of(2, tiny, str(tmp_path / "start"), **changes)
    assert rows_of_two == pytest.approx(np.array(rows), rel=1e-5)
    assert set(variables) == set(variables_of_two)
    for name in variables:
        assert variables_of_two[name] == pytest.approx(variables[name], rel=1e-3, abs=1e-5), name


@NEEDS_TF2
def test_statistics_of_batch_norm_that_are_not_shared_make_another_step(tiny, tmp_path):
    rows, _ = steps_of(1, tiny, str(tmp_path / "start"))
    rows_of_two, _ = steps_of(2, tiny, str(tmp_path / "start"), sync_batch_norm=0)
    assert rows_of_two != pytest.approx(np.array(rows), rel=1e-5)


@NEEDS_TF2
def test_the_gradient_of_a_mean_over_replicas(graph):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])

    def on_each():
        x = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32) * 2.0 + 1.0  # 1 and 3
        (mean,) = replicas.mean([x])
        (gradient,) = tf.gradients(mean * x, x)  # of m x0 + m x1, halved: m + mean(x) each
        return mean, gradient

    with strategy.scope():
        mean, gradient = strategy.run(on_each)
    with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
        assert session.run(strategy.experimental_local_results(mean)) == (2.0, 2.0)
        assert session.run(strategy.experimental_local_results(gradient)) == (4.0, 4.0)


class Pair:
    """Two workers of a program on this machine, which have its folders in common."""

    def __init__(self, program, *arguments, of_second=()):
        addresses = ["127.0.0.1:%d" % port for port in free_ports(2)]
        self.processes = []
        for number in range(2):
            command = program.command(*arguments, *(of_second if number else ()))
            recorded = [command[0], "-c", RECORDED, str(program.folder / ("variables%d.npz" % number)), *command[2:]]
            environment = dict(ENVIRONMENT, TF_CONFIG=config(number, worker=addresses))
            with open(str(program.folder / ("out%d.txt" % number)), "w") as out:
                process = subprocess.Popen(
                    recorded, cwd=str(program.folder), stdout=out, stderr=subprocess.STDOUT, env=environment
                )
            self.processes.append(process)
        self._folder = program.folder

    def out(self, number):
        return (self._folder / ("out%d.txt" % number)).read_text()

    def await_line(self, words, number=0):
        began = time.time()
        while words not in self.out(number):
            assert time.time() - began < 300 and self.processes[number].poll() is None, self.out(0) + self.out(1)
            time.sleep(0.1)

    def codes(self):
        return [process.wait(timeout=300) for process in self.processes]

    def variables(self, number):
        with np.load(str(self._folder / ("variables%d.npz" % number))) as file:
            return {name: file[name] for name in file.files}


@pytest.fixture
def pair(program):
    """Given arguments, starts two workers; ends them with the test."""
    started = []

    def start(*arguments, **more):
        started.append(Pair(program, *arguments, **more))
        return started[-1]

    yield start
    for each in started:
        for process in each.processes:
            process.kill()
            process.wait()


@NEEDS_TF2
def test_two_workers_stay_alike_and_any_number_goes_on(program, pair):
    of_second = [("--%s_dir" % name, str(program.folder / ("second " + name))) for name in FOLDERS]
    options = ["--max_steps", "12", "--checkpoint_every", "5", "--conditional", "1", "--metrics_every", "6"]
    two = pair(*options, of_second=sum(of_second, ()))
    assert two.codes() == [0, 0], two.out(0) + two.out(1)
    first, second = two.variables(0), two.variables(1)
    assert set(first) == set(second)
    assert [name for name in first if not np.array_equal(first[name], second[name])] == []
    assert first["step"] == 12 and first["pictures_seen"] == 12 * 8
    assert "Global batch: 8 pictures, 4 on each of 2 workers, this is worker 1 (127.0.0.1" in two.out(1)
    # The chief alone writes, but for the pictures that each prepares for itself.
    assert [name for name in FOLDERS if (program.folder / ("second " + name)).exists()] == ["cache"]
    assert "step 10," in two.out(0) and "step 10," not in two.out(1)
    history = (program.checkpoints / "history.csv").read_text().split("\n")
    assert history[-2].startswith("12,8,96,")  # 12 pictures, all of them seen 8 times
    assert sorted(p.name for p in program.samples.iterdir()) == [
        "reals.png",
        "train_00000000.png",
        "train_00000012.png",
    ]

    def seen():
        return (program.checkpoints / "history.csv").read_text().split("\n")[-2].split(",")[:3]

    program.train("--max_steps", "20", "--batch_size", "8", "--conditional", "1")
    assert seen() == ["20", "13.3333", "160"]
    two = pair("--max_steps", "30", "--conditional", "1")
    assert two.codes() == [0, 0], two.out(0) + two.out(1)
    assert "Going on from step 20" in two.out(0) and seen()[2] == "240"
    assert program.run("--isTrain", "0", "--checkpoint", "latest").returncode == 0


@NEEDS_TF2
def test_a_worker_that_is_killed_is_named_and_all_go_on_together(program, pair):
    for killed in (0, 1):
        two = pair("--max_steps", "100000", "--checkpoint_every", "10")
        two.await_line("left\n")  # of the first line of steps
        two.processes[killed].kill()
        assert two.processes[1 - killed].wait(timeout=120) == 1
        out = two.out(1 - killed)
        line = out.strip().split("\n")[-1]
        assert line.startswith("main.py: worker %d (127.0.0.1:" % killed) and "has ended" in line
        assert "Traceback" not in out
    two = pair("--max_steps", "100000", "--checkpoint_every", "10")
    two.await_line("left\n")
    assert "Going on from step" in two.out(0)
    two.processes[1].send_signal(signal.SIGTERM)  # which is for all of them
    assert two.codes() == [143, 143], two.out(0) + two.out(1)
    assert "Stopped at step" in two.out(0) and "Stopped at step" in two.out(1)


@NEEDS_TF2
def test_a_worker_that_hangs_is_given_up(program, pair):
    two = pair("--max_steps", "100000", "--worker_timeout", "30")
    two.await_line("step 10,")
    two.processes[1].send_signal(signal.SIGSTOP)
    assert two.processes[0].wait(timeout=200) == 1
    assert "some worker has not answered for 30 s" in two.out(0) and "Traceback" not in two.out(0)


@NEEDS_TF2
@pytest.mark.parametrize("different", [("--learning_rate", "0.1"), ("--filters", "8", "--d_norm", "layer")])
def test_workers_with_different_settings_refuse_to_start(program, pair, different):
    two = pair("--max_steps", "10", of_second=different)
    assert two.codes() == [2, 2], two.out(0) + two.out(1)
    for number in range(2):
        last = two.out(number).strip().split("\n")[-1]
        assert last.startswith("main.py: worker 1 (127.0.0.1:") and "has other settings or other pictures than" in last


@NEEDS_TF2
def test_two_workers_roll_back_together(program, pair):
    two = pair("--optimizer", "sgd", "--learning_rate", "1000000", "--max_steps", "40")
    assert two.codes() == [1, 1], two.out(0) + two.out(1)
    for number in range(2):
        assert "(rollback 3 of at most 3)" in two.out(number) and "Traceback" not in two.out(number)
        assert "losses or weights are no longer numbers, after 3 rollbacks" in two.out(number)


@NEEDS_TF2
def test_a_port_in_use_and_a_worker_that_does_not_come(program):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        done = program.run(env=dict(ENVIRONMENT, TF_CONFIG=config(worker=[address, "127.0.0.1:1"])))
        assert done.returncode == 2 and "worker 0 (%s) cannot listen there" % address in done.stderr
    address = "127.0.0.1:%d" % free_ports(1)[0]
    done = program.run(
        "--worker_timeout", "2", env=dict(ENVIRONMENT, TF_CONFIG=config(worker=[address, "127.0.0.1:1"]))
    )
    assert done.returncode == 1 and "worker 1 (127.0.0.1:1) did not come within 2 s; start all workers" in done.stderr
