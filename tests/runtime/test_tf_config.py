"""TF_CONFIG, the variable that lists the workers of a run."""

import json

import pytest
import tensorflow.compat.v1 as tf
from conftest import ENVIRONMENT

from utils.errors import UserError
from utils.runtime import tf_config


def config(number=0, kind="worker", **jobs):
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": number}})


@pytest.mark.parametrize(
    "text, problem",
    [
        ("{", "is not JSON"),
        ("[1]", "must be an object {...}, not [1]"),
        ('{"cluster": 3}', "cluster must be an object {...}, not 3"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "task must be an object {...}, not None"),
        (config(worker="a:1"), "cluster.worker must be a list of addresses;"),
        (config(chief=["a:1", "b:1"]), "cluster.chief must be a list of addresses, with at most one;"),
        (config(worker=["a:1", "b"]), "cluster.worker has 'b', which is not host:port"),
        (config(worker=["a:1", "b:99999"]), "has 'b:99999', which is not host:port"),
        (config(worker=["a:1", "b:1\n"]), "which is not host:port"),
        (config(worker=["a:1", 5]), "has 5, which is not host:port"),
        (config(worker=["a:1", "a:1"]), "lists the address a:1 twice"),
        (config(worker=["a:1", "b:1"], ps=["c:1"]), "cluster has 'ps'; supported are 'chief' and 'worker'"),
        (config(2, worker=["a:1", "b:1"]), "task is type 'worker', index 2, but cluster lists worker 0, worker 1"),
        (config("0", worker=["a:1", "b:1"]), "task is type 'worker', index '0', but"),
        (config(0, "chief", worker=["a:1", "b:1"]), "task is type 'chief', index 0, but"),
        (config(0, "evaluator", worker=["a:1", "b:1"]), "task is type 'evaluator', index 0, but"),
    ],
)
def test_an_invalid_tf_config_is_one_line(text, problem):
    with pytest.raises(UserError) as caught:
        tf_config.parse_task({"TF_CONFIG": text})
    message = str(caught.value)
    assert message.startswith("TF_CONFIG ") and problem in message and "\n" not in message
    assert '; example: {"cluster"' in message and message.endswith("; unset it to train with one process")


def test_a_valid_tf_config():
    for text in (" ", "{}", config(worker=["a:1"])):
        assert tf_config.parse_task({"TF_CONFIG": text}) is None
    assert tf_config.parse_task({}) is None
    task = tf_config.parse_task({"TF_CONFIG": config(1, chief=["a:1"], worker=["b:2", "[::1]:3"])})
    assert task.jobs == (("chief", 0), ("worker", 0), ("worker", 1)) and task.index == 2
    assert task.name(2) == "worker 2 ([::1]:3)"
    assert tf_config.parse_task({"TF_CONFIG": config(0, "chief", chief=["a:1"], worker=["b:2"])}).index == 0
    # As Kubernetes' training operator writes it.
    more = dict(json.loads(config(1, worker=["a:1", "b:1"])), environment="cloud")
    assert tf_config.parse_task({"TF_CONFIG": json.dumps(more)}).index == 1


def test_an_invalid_tf_config_stops_training_before_it_starts(program):
    done = program.run(env=dict(ENVIRONMENT, TF_CONFIG="{"))
    assert done.returncode == 2 and done.stderr.startswith("main.py: TF_CONFIG is not JSON") and done.stdout == ""
    assert not program.checkpoints.exists() and not program.samples.exists()


@pytest.mark.slow
@pytest.mark.skipif(not tf.__version__.startswith("1."), reason="TensorFlow 2 supports several workers")
def test_several_workers_are_refused_on_tensorflow_1(program):
    done = program.run(env=dict(ENVIRONMENT, TF_CONFIG=config(worker=["127.0.0.1:1", "127.0.0.1:2"])))
    assert done.returncode == 2 and "several workers, which requires TensorFlow 2; this is 1.15" in done.stderr
    assert not program.checkpoints.exists()
