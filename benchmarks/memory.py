"""Measure the peak memory of training runs, and compare it with the estimate that each run prints at startup.

    python benchmarks/memory.py [--python PATH] ["--image_size 256 --batch_size 4" ...]

Linux only. Each run is the whole program on the images in pics/, for 12 steps, with an evaluation at the end (with
EfficientNet features if the package is installed). Prints the peak resident memory and the estimate, in MB. Without
arguments, it measures the runs in the table of docs/performance.md, without d_features, which takes half an hour on two
cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STEPS = 12
CASES = ("--image_size 64", "--image_size 64 --filters 64 --batch_size 32", "--image_size 128", "--image_size 256")
CASES += ("--image_size 512 --batch_size 2", "--image_size 512 --batch_size 8")
CASES = [f"{case} --d_features none" for case in CASES]
ESTIMATE = "The run needs about "


def measure(python, arguments):
    """Run the program; return (peak resident memory, estimate) in MB."""
    with tempfile.TemporaryDirectory() as work:
        command = [python, os.path.join(ROOT, "main.py"), "--max_steps", str(STEPS), *arguments]
        for name in ("checkpoints", "samples", "cache"):
            command += [f"--{name}_dir", os.path.join(work, name)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)  # the usage of this child only
        assert status == 0, output
    return usage.ru_maxrss * 1024 / 1e6, 1000 * float(output.split(ESTIMATE)[1].split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="for example, from a TensorFlow 1.15 environment")
    parser.add_argument("cases", nargs="*", default=CASES, help="settings of a run, as one argument")
    arguments = parser.parse_args()
    for case in arguments.cases:
        peak, estimate = measure(arguments.python, case.split())
        print(f"{case:70} {peak:6.0f} MB, estimated {estimate:6.0f} MB ({estimate / peak:.2f})", flush=True)


if __name__ == "__main__":
    main()
