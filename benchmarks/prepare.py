"""How fast pictures are prepared: with one process, with all cores, and against a plain loop over Pillow.

    python benchmarks/prepare.py

Prints pictures a second for small files (64x64) and for photographs of 12 megapixels: medians over rounds in which the
three take turns, and the median of the ratios within each round.
"""

import argparse
import os
import sys
import tempfile
import time

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from utils.config import settings
from utils.data import pool as workers
from utils.data import prepare
from utils.data.decode import Recipe

RECIPE = Recipe(64, 3, "center", (255, 255, 255))


def photograph(rng, width, height):
    """A picture with shapes and noise, about as hard to decode as a photograph."""
    coarse = Image.fromarray(rng.randint(0, 256, (height // 80, width // 80, 3)).astype(np.uint8))
    picture = np.asarray(coarse.resize((width, height), Image.BICUBIC), np.int16)
    return Image.fromarray(np.uint8(np.clip(picture + rng.randint(-12, 13, picture.shape), 0, 255)))


def make(folder, count, width, height):
    os.makedirs(folder)
    rng = np.random.RandomState(0)
    pictures = [photograph(rng, width, height) for _ in range(min(count, 8))]
    for i in range(count):
        pictures[i % len(pictures)].save(os.path.join(folder, "%d.jpg" % i), quality=90)


def plain_loop(folder):
    """What most trainers do: decode, turn upright, crop and resize with Pillow, one file after the other."""
    records = []
    for name in sorted(os.listdir(folder)):
        with Image.open(os.path.join(folder, name)) as picture:
            picture = ImageOps.exif_transpose(picture).convert("RGB")
            records.append(np.asarray(ImageOps.fit(picture, (RECIPE.size, RECIPE.size), Image.LANCZOS)))
    return len(records)


def ours(folder, processes):
    workers.cores = lambda: processes
    with tempfile.TemporaryDirectory() as work:
        run = settings.resolve([]).run._replace(pics_dir=folder, checkpoints_dir=work, cache_dir=work)
        return len(prepare.load(run, RECIPE)[0].records)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    cores = workers.cores()
    sys.stdout, terminal = open(os.devnull, "w"), sys.stdout  # noqa: SIM115  (what load prints)
    rivals = {
        "plain loop over Pillow": plain_loop,
        "1 process": lambda folder: ours(folder, 1),
        "%d processes" % cores: lambda folder: ours(folder, cores),
    }
    with tempfile.TemporaryDirectory() as work:
        for title, count, width, height in (("64x64", 20000, 64, 64), ("12 megapixels", 48, 4000, 3000)):
            folder = os.path.join(work, title)
            make(folder, count, width, height)
            rates = {name: [] for name in rivals}
            for _ in range(rounds):
                for name, prepare_all in rivals.items():
                    started = time.time()
                    assert prepare_all(folder) == count
                    rates[name].append(count / (time.time() - started))
            print("%d JPEG files of %s, starting of processes and writing included" % (count, title), file=terminal)
            loop, one, _ = rates.values()
            for name, rate in rates.items():
                against_loop, against_one = (np.median(np.divide(rate, other)) for other in (loop, one))
                words = "  %-24s %8.1f pictures/s   %5.2f x the loop   %5.2f x one process"
                print(words % (name, np.median(rate), against_loop, against_one), file=terminal)


if __name__ == "__main__":
    main()
