"""Compare two workers of one thread each with one worker of one thread, in turn: how much of the second one counts?

    python benchmarks/scaling.py --rounds 3
    python benchmarks/scaling.py --model 3.15

Each worker is pinned to a core of its own and takes batch_size pictures a step. The time is that of the median step.
The second command makes no run: it prints the table of docs/scaling.md for a step of so many seconds.
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

# Bytes of the gradients of G and of D with filters = 64; each goes round once a step.
GRADIENTS = (2371139 + 1560065) * 4
# Times a step that batch norm adds up over the workers: 16 in D's update, 14 in G's.
OF_NORM = 30
# Other times: the gradients and the losses of each, whether to stop, and whether all is sound.
OTHERS = 6
# Seconds from one worker to the next: half of what adding up 1 KB took two workers on one machine.
HOP = 0.0005


def efficiency(step, workers, gigabits, shared):
    """Return what part of so many workers counts, if a ring of them adds up after the step, not meanwhile.

    Each value goes round the ring twice, but for a last piece (Patarasuk & Yuan 2009). step: seconds without that.
    """
    on_wire = 2 * (workers - 1) / workers * GRADIENTS / (gigabits * 1e9 / 8)
    on_its_way = (OTHERS + (OF_NORM if shared else 0)) * 2 * (workers - 1) * HOP
    return step / (step + on_wire + on_its_way)


def print_model(step):
    print("| workers | statistics shared, 10 Gbit/s | 100 Gbit/s | each its own, 10 Gbit/s | 100 Gbit/s |")
    print("|---|---|---|---|---|")
    for workers in (2, 8, 16, 32, 64, 128, 256, 512, 1024):
        cells = [efficiency(step, workers, gigabits, shared) for shared in (1, 0) for gigabits in (10, 100)]
        print("| %d | %s |" % (workers, " | ".join("%.0f%%" % (100 * cell) for cell in cells)))


def free_ports(count):
    """Return as many ports of the loopback address that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(number, addresses, cache, folder, arguments):
    environment = dict(os.environ)
    environment.pop("TF_CONFIG", None)
    if len(addresses) > 1:
        task = {"type": "worker", "index": number}
        environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
    options = {
        "pics_dir": arguments.pictures,
        "cache_dir": cache,
        "checkpoints_dir": os.path.join(folder, "checkpoints"),
        "samples_dir": os.path.join(folder, "samples"),
        "filters": 64,  # as pytorch/examples/dcgan
        "batch_size": arguments.batch_size,
        "max_steps": arguments.steps,
        "log_every": 1,
        "metrics_every": 0,
        "checkpoint_every": 0,
        "sample_every": 0,
    }
    command = [sys.executable, os.path.join(ROOT, "main.py")]
    command += ["--%s=%s" % option for option in options.items()] + arguments.settings
    core = sorted(os.sched_getaffinity(0))[number]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # TensorFlow makes as many threads as cores it may use
    )


def seconds_of_step(workers, cache, arguments):
    """Return the median time of a step of so many workers."""
    with tempfile.TemporaryDirectory() as folder:
        addresses = ["127.0.0.1:%d" % port for port in free_ports(workers)]
        running = [start(number, addresses, cache, folder, arguments) for number in range(workers)]
        try:
            if any([process.wait() for process in running]):  # noqa: C419  (all of them are to end)
                raise SystemExit("a worker has failed")
        finally:
            for process in running:
                process.kill()
                process.wait()
        with open(os.path.join(folder, "checkpoints", "history.csv")) as file:
            times = [float(row["seconds"]) for row in csv.DictReader(file)]
        return float(np.median(np.diff(times)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", default=os.path.join(ROOT, "pics"))
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=float, help="seconds of a step")
    parser.add_argument("settings", nargs="*", help="of main.py, behind --")
    arguments = parser.parse_args()
    if arguments.model:
        print_model(arguments.model)
        return
    one, two = [], []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(arguments.rounds):
            one.append(seconds_of_step(1, cache, arguments))
            two.append(seconds_of_step(2, cache, arguments))
            print(
                "one worker %.2f s a step, two %.2f s: efficiency %.3f" % (one[-1], two[-1], one[-1] / two[-1]),
                flush=True,
            )
    print(
        "median: %.2f s and %.2f s, efficiency %.3f" % (np.median(one), np.median(two), np.median(np.divide(one, two)))
    )


if __name__ == "__main__":
    main()
