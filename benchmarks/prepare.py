"""Measure the speed of image preparation: a plain Pillow loop, this program with one process, and with all cores.

    python benchmarks/prepare.py

Prints images per second for small files (64x64) and for 12-megapixel photographs: medians over rounds in which the
three alternate, and median ratios within a round.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from utils import data
from utils.config import settings
from utils.data import pool

SIZE = 64


def photograph(rng, width, height):
    """Return an image with shapes and noise, about as expensive to decode as a photograph."""
    coarse = Image.fromarray(rng.randint(0, 256, (height // 80, width // 80, 3)).astype(np.uint8))
    image = np.asarray(coarse.resize((width, height), Image.BICUBIC), np.int16)
    return Image.fromarray(np.uint8(np.clip(image + rng.randint(-12, 13, image.shape), 0, 255)))


def write_images(folder, count, width, height):
    os.makedirs(folder)
    rng = np.random.RandomState(0)
    images = [photograph(rng, width, height) for _ in range(min(count, 8))]
    for i in range(count):
        images[i % len(images)].save(os.path.join(folder, f"{i}.jpg"), quality=90)


def plain_loop(folder):
    """Decode, rotate, crop and resize with Pillow, one file at a time, as many training programs do."""
    records = []
    for name in sorted(os.listdir(folder)):
        with Image.open(os.path.join(folder, name)) as image:
            image = ImageOps.exif_transpose(image).convert("RGB")
            records.append(np.asarray(ImageOps.fit(image, (SIZE, SIZE), Image.LANCZOS)))
    return len(records)


def this_program(folder, processes):
    pool.cores = lambda: processes
    with tempfile.TemporaryDirectory() as work, open(os.devnull, "w") as nowhere:
        folders = ["--pics_dir", folder, "--checkpoints_dir", work, "--cache_dir", work]
        with contextlib.redirect_stdout(nowhere):
            return data.load(settings.resolve([*folders, "--image_size", str(SIZE)])).n


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    cores = pool.cores()
    contestants = {
        "plain loop over Pillow": plain_loop,
        "1 process": lambda folder: this_program(folder, 1),
        f"{cores} processes": lambda folder: this_program(folder, cores),
    }
    with tempfile.TemporaryDirectory() as work:
        for title, count, width, height in (("64x64", 20000, 64, 64), ("12 megapixels", 48, 4000, 3000)):
            folder = os.path.join(work, title)
            write_images(folder, count, width, height)
            rates = {name: [] for name in contestants}
            for _ in range(rounds):
                for name, prepare in contestants.items():
                    started = time.time()
                    assert prepare(folder) == count
                    rates[name].append(count / (time.time() - started))
            print(f"{count} JPEG files of {title}, including process startup and writing")
            show(rates)


def show(rates):
    """Print the rates, a list for each contestant: the plain loop, one process, all cores."""
    loop, one, _ = rates.values()
    for name, rate in rates.items():
        to_loop, to_one = (np.median(np.divide(rate, rival)) for rival in (loop, one))
        speed = f"{np.median(rate):8.1f} images/s"
        print(f"  {name:<24} {speed}   {to_loop:5.2f} x the loop   {to_one:5.2f} x one process")


if __name__ == "__main__":
    main()
