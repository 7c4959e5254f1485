"""Print a checksum of all variables after some steps. A refactoring must not change it.

    python benchmarks/checksums.py --out before --program ../the/old/checkout
    python benchmarks/checksums.py --out after
    python benchmarks/checksums.py --out after --start before

Each row of CASES trains from scratch in float32 on the same machine; its last checkpoint and grid are hashed.
On TensorFlow 2, the initial weights depend only on the order of the seeded operations. On TensorFlow 1.15, every
operation in the graph changes them; use --start there, which resumes from the step-0 checkpoints in an earlier --out.
The last two cases need TensorFlow 2. --program must be a checkout with utils/runtime/; older versions
can be compared without "two devices". To compare this version with version 0.16, add --settings "--skip_excitation 0"
for this version, as for "conditional" of version 0.17; with version 0.14, also "--clusters 0"; with earlier versions,
"--d_features none" instead of that.
"""

import argparse
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
from benchmarks.scaling import free_ports  # noqa: E402

CASES = {
    "default": "",
    "conditional": "--conditional 1",
    "r1, layer norm": "--gradient_penalty r1 --d_norm layer",
    "wasserstein, wgan-gp": "--loss wasserstein --gradient_penalty wgan-gp --d_norm none",
    "hinge, spectral norm": "--d_norm spectral --loss hinge",
    "without d_features": "--d_features none",
    "two devices": "",
    "two workers": "",
}
DEVICES = "two devices"  # runs with two logical CPU devices in place of two GPUs
WORKERS = "two workers"
# main.py with two logical CPU devices; TensorFlow creates as many as the session configuration asks for.
TWO_DEVICES = """
import sys
from utils.runtime.start import import_tensorflow
import_tensorflow()
from utils.runtime import devices
devices.gpus = lambda: ["/cpu:0", "/cpu:1"]
session_config = devices.session_config
def with_two(precision):
    config = session_config(precision)
    config.device_count["CPU"] = 2
    return config
devices.session_config = with_two
import main
sys.exit(main.main(sys.argv[1:]))
"""


def command(case, folder, arguments):
    """Return the command that trains `case`, with its folders below `folder`."""
    start = [arguments.python, "-c", TWO_DEVICES] if case == DEVICES else [arguments.python, "main.py"]
    options = ["--pics_dir", os.path.abspath(arguments.images), "--precision", "float32"]
    options += ["--max_steps", str(arguments.steps), "--sample_every", "0", "--metrics_every", "0"]
    options += ["--keep_every", "1000000"]  # keeps the step-0 checkpoint
    for name in ("samples", "checkpoints", "cache"):
        options += ["--%s_dir" % name, os.path.join(folder, name)]
    return [*start, *options, *CASES[case].split(), *arguments.settings.split()]


def train(case, folder, arguments):
    """Train `case`; raise SystemExit if it fails."""
    processes = []
    workers = 2 if case == WORKERS else 1
    addresses = ["127.0.0.1:%d" % port for port in free_ports(workers)]
    for index in range(workers):
        environment = dict(os.environ)
        if workers > 1:
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            environment["TF_CONFIG"] = json.dumps(task)
        where = folder if index == 0 else os.path.join(folder, "second")
        with open(os.path.join(folder, "log%d.txt" % index), "w") as log:
            process = subprocess.Popen(
                command(case, where, arguments), cwd=arguments.program, env=environment, stdout=log, stderr=log
            )
        processes.append(process)
    if any([process.wait() for process in processes]):  # noqa: C419  (wait for all of them)
        raise SystemExit("%s failed: see %s" % (case, os.path.join(folder, "log0.txt")))


def checksum(folder, step):
    """Return the checksums (all variables, grid) of a finished run, 12 hexadecimal digits each."""
    reader = tf.train.load_checkpoint(os.path.join(folder, "checkpoints", "dcgan-%d" % step))
    digest = hashlib.sha256()
    for name in sorted(reader.get_variable_to_shape_map()):
        digest.update(name.encode() + np.ascontiguousarray(reader.get_tensor(name)).tobytes())
    with Image.open(os.path.join(folder, "samples", f"train_{step:08d}.png")) as grid:  # the file also has metadata
        return digest.hexdigest()[:12], hashlib.sha256(grid.tobytes()).hexdigest()[:12]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=[], help="some of %s; default: all" % ", ".join(CASES))
    parser.add_argument("--out", required=True, help="folder for the runs; existing cases in it are replaced")
    parser.add_argument("--start", help="an earlier --out; resume from its step-0 checkpoints")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--settings", default="", help="settings for all cases, such as '--d_features none'")
    parser.add_argument("--program", default=ROOT, help="folder of main.py")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--images", default=os.path.join(ROOT, "pics"))
    arguments = parser.parse_args()
    cases = arguments.cases or [c for c in CASES if c not in (DEVICES, WORKERS) or not tf.__version__.startswith("1.")]
    print("%-22s %-12s %-12s  (step %d, TensorFlow %s)" % ("", "variables", "grid", arguments.steps, tf.__version__))
    for case in cases:
        folder = os.path.join(os.path.abspath(arguments.out), case)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(os.path.join(folder, "checkpoints"))
        if arguments.start:
            for path in glob.glob(os.path.join(glob.escape(arguments.start), case, "checkpoints", "dcgan-0.*")):
                shutil.copy(path, os.path.join(folder, "checkpoints"))
        train(case, folder, arguments)
        print("%-22s %-12s %-12s" % (case, *checksum(folder, arguments.steps)), flush=True)


if __name__ == "__main__":
    main()
