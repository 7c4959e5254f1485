"""Compare the speed of this program with PyTorch and Keras: the same network, batch size and precision.

    pip install torch && python benchmarks/speed.py

Each contestant (contestants.py) runs in its own process. The contestants alternate for several rounds, so that
machine noise affects all equally. Each row shows medians over the rounds. `ratio` is the median of the contestant's
speed divided by this program's speed in the same round.

The network is that of pytorch/examples/dcgan: 4x4 kernels with stride 2, 64 feature maps, 64x64 pixels. One step
updates D once and G once. This program generates new fakes for G's update, as in Algorithm 1; PyTorch's example reuses
the fakes from D's update, but also computes gradients of D's weights in G's update, at the same cost. Keras's tutorial
updates both networks together and runs D only once on the fakes: a different algorithm with less computation. The
ceiling is the speed of multiplying two 2048x2048 matrices.
"""

import argparse
import json
import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
from contestants import CHANNELS, EDGE, FILTERS, PRODUCTS, ROOT, SAMPLES, SIZE

HERE = os.path.dirname(os.path.abspath(__file__))

MAPS = [CHANNELS, FILTERS, 2 * FILTERS, 4 * FILTERS, 8 * FILTERS]
# Multiplications of one pass through all convolutions, per image: the same for G and D, which mirror each other.
PASS = sum(16 * a * b * (SIZE >> (i + 1)) ** 2 for i, (a, b) in enumerate(zip(MAPS, MAPS[1:])))
FIRST = 16 * MAPS[0] * MAPS[1] * (SIZE // 2) ** 2  # multiplications of the layer next to the images
# Multiplications of a step, per image. The forward pass, the gradients of the inputs and the gradients of the weights
# cost one PASS each. D's update needs no gradients of the images.
STEP = {
    # D's update: one pass of G, and three of D each for reals and fakes. G's update: two passes of D, and three of G.
    "ours": 12 * PASS - 2 * FIRST,
    "pytorch": 12 * PASS - 2 * FIRST,  # G's update: no forward pass of G, but gradients of D's weights
    "keras": 10 * PASS - 2 * FIRST,  # one forward pass of G, one of D over the fakes, both with two backward passes
}
OPERATIONS = {**{name: 2 * count for name, count in STEP.items()}, "ceiling": PRODUCTS * 2 * EDGE**3}


class Work(NamedTuple):
    """The work of a contestant in a round."""

    name: str  # a function in contestants.py
    batch_size: int
    images: int  # per round; 0 for the ceiling
    operations: float  # floating-point operations per round
    rounds: int = 1  # rounds per request


class Contestant:
    """A process that runs rounds of work on request."""

    def __init__(self, python, title, work, **keywords):
        """python: the interpreter; keywords: additional arguments of the function `work.name`."""
        self.title, self.work, self.times = title, work, []
        program = os.path.join(HERE, "contestants.py")
        self._command = [python, program, work.name, str(work.batch_size), json.dumps(keywords)]
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.ready = self._answer()["ready"]

    def _answer(self):
        line = ""
        while not line.startswith("{"):  # libraries also print
            line = self._process.stdout.readline()
            if not line:
                raise SystemExit(f"{self.title} has ended; to see why, run: {' '.join(map(repr, self._command))}")
        return json.loads(line)

    def run(self):
        """Request one unit of work; append its seconds per round to `times`."""
        self._process.stdin.write(f"{self.work.rounds}\n")
        self._process.stdin.flush()
        self.times.append(self._answer()["seconds"] / self.work.rounds)

    def close(self):
        """End the process; return its peak memory in MB."""
        self._process.stdin.close()
        memory = self._answer()["memory"] / 1024
        self._process.wait()
        return memory


def start_training(arguments, bfloat16):
    """Start the training contestants for one precision; return them."""
    size, tf, torch = arguments.batch_size, sys.executable, arguments.torch_python
    dtype = "bfloat16" if bfloat16 else "float32"

    def contestant(python, title, name, **keywords):
        work = Work(name, size, size, OPERATIONS[name] * size, arguments.steps)
        return Contestant(python, title, work, **keywords)

    group = [Contestant(torch, "ceiling", Work("ceiling", size, 0, OPERATIONS["ceiling"]), dtype=dtype)]
    group.append(contestant(tf, "this program", "ours", precision=dtype))
    if not bfloat16:
        group.append(contestant(tf, "this program, images from disk", "ours", images=arguments.images))
    for layout in ("contiguous", "channels_last"):
        for compiled in (False,) if bfloat16 else (False, True):
            keywords = {"layout": layout, "compiled": compiled, "bfloat16": bfloat16}
            group.append(contestant(torch, torch_title(layout, compiled), "pytorch", **keywords))
    if not bfloat16:
        group.append(contestant(tf, "Keras and tf.function", "keras"))
    return group


def start_sampling(arguments):
    """Start the sampling contestants, in float32, with 64 images at a time; return them."""
    ours, rival = (Work(name, 64, SAMPLES, 2 * PASS * SAMPLES) for name in ("ours_sampling", "pytorch_sampling"))
    group = [Contestant(sys.executable, "this program", ours)]
    for layout in ("contiguous", "channels_last"):
        for compiled in (False, True):
            title = torch_title(layout, compiled)
            group.append(Contestant(arguments.torch_python, title, rival, layout=layout, compiled=compiled))
    return group


def torch_title(layout, compiled):
    return f"PyTorch, {'compiled' if compiled else 'eager'}, {layout}"


def show(title, group):
    """Print the rows of a group, and end its contestants."""
    print(f"\n{title:36} {'images/s':>10} {'GFLOP/s':>8} {'ratio':>6} {'start s':>8} {'MB':>8}")
    ours = next(each for each in group if each.title == "this program")
    for each in group:
        unit = "images" if each.work.images else "operations"  # the ceiling generates no images
        speed, own_speed = getattr(each.work, unit), getattr(ours.work, unit)
        ratio = np.median([speed / t / (own_speed / u) for t, u in zip(each.times, ours.times)])
        seconds = np.median(each.times)
        images, giga = each.work.images / seconds, each.work.operations / seconds / 1e9
        print(f"{each.title:36} {images:10.1f} {giga:8.0f} {ratio:6.2f} {each.ready:8.1f} {each.close():8.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=3, help="training steps per round")
    parser.add_argument("--images", default=os.path.join(ROOT, "pics"))
    parser.add_argument("--torch_python", default=sys.executable, help="Python with torch, if in another environment")
    arguments = parser.parse_args()

    from utils.runtime.devices import processor_flags

    groups = {"training, float32": start_training(arguments, bfloat16=False)}
    if processor_flags() & {"avx512_bf16", "amx_bf16"}:
        groups["training, bfloat16"] = start_training(arguments, bfloat16=True)
    groups["sampling, float32"] = start_sampling(arguments)
    for _ in range(arguments.rounds):
        for group in groups.values():
            for contestant in group:
                contestant.run()
    for title, group in groups.items():
        show(title, group)


if __name__ == "__main__":
    main()
