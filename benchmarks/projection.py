"""How near the task `project` comes to training images, and whether it finds samples again.

    python benchmarks/projection.py --checkpoints_dir checkpoints --pics_dir pics

Results are judged by what the search did not use: with features, by pixels at 16x16; without, by features. For training
images, the nearest of 10,000 random samples and the nearest other training image are at the same kind of distance.
"""

import argparse
import os
import sys
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import main

IMAGES, OWN, RANDOM = 20, 10, 10000


def thumbnails(images):
    from utils.output.images import averaged_down

    return averaged_down(np.asarray(images), 16).reshape(len(images), -1)


def distances(image, others, features):
    """Return the distance of an image from each of `others`; features: a function of images, or None: pixels."""
    points = features or thumbnails
    squares = np.square(points(others) - points(image[None]))
    return np.sqrt(squares.mean(axis=1))


def run(arguments):
    with main.generator(os.path.abspath(arguments.checkpoints_dir)) as generator:
        from utils.config.settings import resolve
        from utils.metrics.evaluate import training_settings
        from utils.projection import given
        from utils.projection.search import Search

        settings = training_settings(generator, resolve(["--pics_dir", os.path.abspath(arguments.pics_dir)]).run)
        reals = np.stack([each.image for each in given.training_images(settings, 10**6, seed=0)])
        samples = generator.images(generator.noise(range(RANDOM), seed=12345), labels(generator, RANDOM))
        search = Search(generator, seed=0)
        features = None
        if not search.uses_features:
            from utils.metrics.patches import Patches

            features = Patches()
        print(f"{len(reals)} training images; judged by {'pixels at 16x16' if search.uses_features else 'patches'}")
        found, times = [], []
        for image in reals[:IMAGES]:
            began = time.monotonic()
            sample = project(generator, search, image)
            times.append(time.monotonic() - began)
            (own,) = distances(image, sample[None], features)
            random = distances(image, samples, features).min()
            training = np.sort(distances(image, reals, features))[1]
            rms = np.sqrt(np.square(np.float64(image) - sample).mean())
            found.append((own, random, training, rms))
            print(f"found {own:.1f}, best random {random:.1f}, nearest training image {training:.1f}, RMS {rms:.1f}")
        found = np.array(found)
        print(f"nearer than {RANDOM} random samples: {(found[:, 0] < found[:, 1]).sum()} of {len(found)}")
        print("medians: found {:.1f}, best random {:.1f}, nearest training image {:.1f}, RMS {:.1f}".format(
            *np.median(found, axis=0)))  # fmt: skip
        print(f"seconds per image: median {np.median(times):.1f}")
        errors = []
        for image in generator.images(generator.noise(range(900000, 900000 + OWN), seed=7), labels(generator, OWN)):
            errors.append(np.sqrt(np.square(np.float64(image) - project(generator, search, image)).mean()))
        print(f"samples found again, RMS: {', '.join(f'{error:.1f}' for error in sorted(errors))}")


def labels(generator, count):
    return np.arange(count) % len(generator.classes) if generator.classes else None


def project(generator, search, image):
    result = search(image)
    (sample,) = generator.images(result.z[None], result.fractions[None] if generator.classes else None)
    return sample


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoints_dir", default="checkpoints")
    parser.add_argument("--pics_dir", default="pics")
    run(parser.parse_args())
