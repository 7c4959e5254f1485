"""Measure the scaling efficiency of two single-threaded workers relative to one, in alternating runs.

    python benchmarks/scaling.py --rounds 3
    python benchmarks/scaling.py --model 3.15

Each worker is pinned to its own core and takes batch_size images per step. The result is the median step time. Linux
only. The second command measures nothing: it prints the table in docs/scaling.md for a step time of 3.15 s.
"""

import argparse
import csv
import json
import os
import socket
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Bytes of G's and D's gradients with filters = 64 and d_width = 1; each gradient is reduced once per step.
GRADIENTS = (2371139 + 1560065) * 4
# Batch-norm reductions per step: 16 in D's update, 14 in G's.
NORM_REDUCTIONS = 30
# Other reductions: the gradients and the losses of D and G, stop requests, and the check for finite values.
OTHER_REDUCTIONS = 6
# Latency of a message in seconds: half of the time that two workers on one machine needed to reduce 1 KB.
LATENCY = 0.0005


def efficiency(step, workers, gigabits, shared):
    """Return the efficiency, 0 to 1, with a ring all-reduce that does not overlap with the computation.

    A reduction takes 2 * (workers - 1) sequential messages (Patarasuk & Yuan 2009). step: seconds per step of a single
    worker. gigabits: bandwidth in Gbit/s. shared: whether the workers share the batch-norm statistics.
    """
    transfer = 2 * (workers - 1) / workers * GRADIENTS / (gigabits * 1e9 / 8)
    latency = (OTHER_REDUCTIONS + (NORM_REDUCTIONS if shared else 0)) * 2 * (workers - 1) * LATENCY
    return step / (step + transfer + latency)


def print_model(step):
    """Print the table in docs/scaling.md."""
    print(
        "| workers | shared statistics, 10 Gbit/s | shared, 100 Gbit/s | own statistics, 10 Gbit/s | own, 100 Gbit/s |"
    )
    print("|---|---|---|---|---|")
    for workers in (2, 8, 16, 32, 64, 128, 256, 512, 1024):
        cells = [efficiency(step, workers, gigabits, shared) for shared in (1, 0) for gigabits in (10, 100)]
        print(f"| {workers} | {' | '.join(f'{100 * cell:.0f}%' for cell in cells)} |")


def free_ports(count):
    """Return `count` unused ports of the loopback address."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(number, addresses, cache, folder, arguments):
    """Start a worker, pinned to a core, that writes its run to `folder`; return its process."""
    environment = dict(os.environ)
    environment.pop("TF_CONFIG", None)
    if len(addresses) > 1:
        task = {"type": "worker", "index": number}
        environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
    options = {
        "pics_dir": arguments.images,
        "cache_dir": cache,
        "checkpoints_dir": os.path.join(folder, "checkpoints"),
        "samples_dir": os.path.join(folder, "samples"),
        "filters": 64,  # as in pytorch/examples/dcgan
        "d_width": 1,
        "d_features": "none",
        "batch_size": arguments.batch_size,
        "max_steps": arguments.steps,
        "log_every": 1,
        "metrics_every": 0,
        "checkpoint_every": 0,
        "sample_every": 0,
    }
    command = [sys.executable, os.path.join(ROOT, "main.py")]
    command += [f"--{name}={value}" for name, value in options.items()] + arguments.settings
    core = sorted(os.sched_getaffinity(0))[number]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # TensorFlow starts one thread per core of the process
    )


def seconds_of_step(workers, cache, arguments):
    """Return the median seconds per step with this number of workers."""
    with tempfile.TemporaryDirectory() as folder:
        addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
        running = [start(number, addresses, cache, folder, arguments) for number in range(workers)]
        try:
            if any([process.wait() for process in running]):  # noqa: C419  (wait for all of them)
                raise SystemExit("a worker has failed; see its output above")
        finally:
            for process in running:
                process.kill()
                process.wait()
        with open(os.path.join(folder, "checkpoints", "history.csv")) as file:
            times = [float(row["seconds"]) for row in csv.DictReader(file)]
        return float(np.median(np.diff(times)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default=os.path.join(ROOT, "pics"))
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=float, help="print the table for this step time of one worker, in seconds")
    parser.add_argument("settings", nargs="*", help="settings for main.py, after --")
    arguments = parser.parse_args()
    if arguments.model:
        print_model(arguments.model)
        return
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("workers can be pinned to cores on Linux only; --model prints the table anywhere")
    measure(arguments)


def measure(arguments):
    """Alternate between one and two workers; print their step times and the efficiency."""
    one, two = [], []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(arguments.rounds):
            one.append(seconds_of_step(1, cache, arguments))
            two.append(seconds_of_step(2, cache, arguments))
            print(
                f"one worker {one[-1]:.2f} s per step, two workers {two[-1]:.2f} s: efficiency {one[-1] / two[-1]:.3f}",
                flush=True,
            )
    efficiencies = np.divide(one, two)
    print(f"medians: {np.median(one):.2f} s and {np.median(two):.2f} s, efficiency {np.median(efficiencies):.3f}")


if __name__ == "__main__":
    main()
