"""Compare the speed of this program with that of PyTorch and Keras: the same network, batch and precision.

    pip install torch && python benchmarks/speed.py

Each contestant is a process of its own, and they run in turn, again and again: the machine's noise meets all alike. A
row is the median over the rounds; its ratio, how fast it is to this program's one, that of the ratios within each
round. The network is that of pytorch/examples/dcgan: 4x4 kernels of stride 2, 64 feature maps, 64x64 pixels. One step
is an update of D and one of G. This program draws new fakes for G's update, as Algorithm 1 has it; PyTorch's example
uses those of D's again, but goes back through D's weights then, which comes to as much. The loop of Keras's tutorial
updates both at once, and so looks at the fakes only once: another algorithm, with less to do. The ceiling is a product
of two 2048x2048 matrices.
"""

import argparse
import atexit
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [ROOT, HERE]

NETWORK = ["--downsample", "stride", "--upsample", "transposed", "--kernel", "4", "--filters", "64"]
SIZE, FILTERS, CHANNELS, Z = 64, 64, 3, 100
MAPS = [CHANNELS, FILTERS, 2 * FILTERS, 4 * FILTERS, 8 * FILTERS]
# Multiplications that one pass through all convolutions takes for a picture; G's and D's are mirror images.
PASS = sum(16 * a * b * (SIZE >> (i + 1)) ** 2 for i, (a, b) in enumerate(zip(MAPS, MAPS[1:])))
FIRST = 16 * MAPS[0] * MAPS[1] * (SIZE // 2) ** 2  # those of the pictures' own layer
# Passes of a step: forwards, back to the inputs and back to the weights count 1 each. D's update does not go back to
# the pictures.
STEP = {
    "ours": 12 * PASS
    - 2 * FIRST,  # D: G's pass, and 3 of D for reals and fakes; G: G's and D's, back through D, 2 of G
    "pytorch": 12 * PASS - 2 * FIRST,  # G: no pass of G's own, but back to D's weights, too
    "keras": 10 * PASS - 2 * FIRST,  # one pass of G, one of D over the fakes, both gone back through twice
}


# --- The contestants: each returns a function that takes a number of rounds and does the work of as many -----------


def ours(batch_size, precision="float32", pictures=None):
    """Return this program's training step, fed from memory, or from the cache of a folder of pictures."""
    from utils.runtime.start import import_tensorflow

    import_tensorflow()
    import tensorflow.compat.v1 as tf

    from model import train_graph as gan
    from utils import data
    from utils.config import settings
    from utils.data.batches import build_batches
    from utils.runtime import devices as precisions

    argv = ["--batch_size", str(batch_size), "--precision", precision, "--augment", "none", *NETWORK]
    if pictures:
        kept = tempfile.TemporaryDirectory()  # until the process ends
        atexit.register(kept.cleanup)
        argv += ["--pics_dir", pictures, "--cache_dir", kept.name, "--checkpoints_dir", kept.name]
    resolved = settings.resolve(argv)
    run, network = resolved
    if pictures:
        batches = build_batches(data.load(resolved), resolved, batch_size)
        reals = batches.images
    else:
        value = np.float32(np.random.RandomState(0).uniform(-1, 1, (batch_size, SIZE, SIZE, CHANNELS)))
        reals = tf.get_variable("reals", initializer=value, trainable=False).read_value()
    graph = gan.build_train_graph(reals, network, run, 10**6)
    session = tf.Session(config=precisions.session_config(precisions.choose_precision(precision)))
    session.run(tf.global_variables_initializer())
    if pictures:
        session.run(batches.initializer, {batches.start: 0})

    def train(steps):
        for _ in range(steps):
            session.run(graph.d_updates[0])
            session.run(graph.g_update)

    return train


def ours_sampling(batch_size):
    """Return this program's sampling, of 256 pictures a round."""
    from utils.runtime.start import import_tensorflow

    import_tensorflow()
    import tensorflow.compat.v1 as tf

    from model import train_graph as gan
    from utils.config import settings
    from utils.runtime import devices as precision
    from utils.sampling import pictures as sampling

    _, network = settings.resolve(NETWORK)
    sampler = gan.build_sampler(network, True)
    session = tf.Session(config=precision.session_config("float32"))
    session.run(tf.global_variables_initializer())
    z = sampling.noise(0, 0, 256, Z)

    def sample(rounds):
        for _ in range(rounds):
            for _ in sampling.pictures(session, sampler, z, np.zeros(256, np.int32)):
                pass

    return sample


def torch_networks(layout, compiled):
    import pytorch_dcgan
    import torch

    torch.manual_seed(0)
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    networks = []
    for network in (pytorch_dcgan.generator(Z, FILTERS, CHANNELS), pytorch_dcgan.discriminator(FILTERS, CHANNELS)):
        network = network.apply(pytorch_dcgan.initialise).to(memory_format=memory)
        networks.append(torch.compile(network) if compiled else network)
    return networks, memory


def pytorch(batch_size, layout="channels_last", compiled=False, bfloat16=False):
    """Return the step of pytorch/examples/dcgan."""
    import torch

    (g, d), memory = torch_networks(layout, compiled)
    reals = torch.rand(batch_size, CHANNELS, SIZE, SIZE).mul(2).sub(1).contiguous(memory_format=memory)
    g_optimizer = torch.optim.Adam(g.parameters(), 0.0002, (0.5, 0.999))
    d_optimizer = torch.optim.Adam(d.parameters(), 0.0002, (0.5, 0.999))
    loss = torch.nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(batch_size), torch.zeros(batch_size)

    def train(steps):
        for _ in range(steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                fakes = g(torch.randn(batch_size, Z, 1, 1))
                real_loss = loss(d(reals).float(), ones)
                fake_loss = loss(d(fakes.detach()).float(), zeros)
            d_optimizer.zero_grad()
            (real_loss + fake_loss).backward()
            d_optimizer.step()
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                g_loss = loss(d(fakes).float(), ones)
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()

    return train


def pytorch_sampling(batch_size, layout="channels_last", compiled=False):
    """Return its generator's sampling, of 256 pictures a round."""
    import torch

    (g, _), _ = torch_networks(layout, compiled)
    g.eval()
    z = torch.randn(256, Z, 1, 1)

    def sample(rounds):
        with torch.inference_mode():
            for _ in range(rounds):
                for part in z.split(batch_size):
                    g(part).add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()

    return sample


def keras(batch_size):
    """Return the loop of TensorFlow's DCGAN tutorial, a tf.function over Keras models, for the same network."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="1")  # as this program has them
    import tensorflow as tf

    k = tf.keras
    up = [k.layers.Dense(16 * 8 * FILTERS, use_bias=False, input_shape=(Z,)), k.layers.Reshape((4, 4, 8 * FILTERS))]
    for filters in (4 * FILTERS, 2 * FILTERS, FILTERS):
        up += [k.layers.BatchNormalization(), k.layers.LeakyReLU()]
        up += [k.layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=False)]
    up += [k.layers.BatchNormalization(), k.layers.LeakyReLU()]
    g = k.Sequential([*up, k.layers.Conv2DTranspose(CHANNELS, 4, 2, "same", activation="tanh")])
    down = [k.layers.Conv2D(FILTERS, 4, 2, "same", input_shape=(SIZE, SIZE, CHANNELS)), k.layers.LeakyReLU()]
    for filters in (2 * FILTERS, 4 * FILTERS, 8 * FILTERS):
        down += [k.layers.Conv2D(filters, 4, 2, "same", use_bias=False)]
        down += [k.layers.BatchNormalization(), k.layers.LeakyReLU()]
    d = k.Sequential([*down, k.layers.Flatten(), k.layers.Dense(1)])
    loss = k.losses.BinaryCrossentropy(from_logits=True)
    g_optimizer, d_optimizer = k.optimizers.Adam(2e-4, 0.5), k.optimizers.Adam(2e-4, 0.5)
    reals = tf.random.uniform([batch_size, SIZE, SIZE, CHANNELS], -1, 1)

    @tf.function
    def step(reals):
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fakes = g(tf.random.normal([batch_size, Z]), training=True)
            real_logits, fake_logits = d(reals, training=True), d(fakes, training=True)
            g_loss = loss(tf.ones_like(fake_logits), fake_logits)
            d_loss = loss(tf.ones_like(real_logits), real_logits) + loss(tf.zeros_like(fake_logits), fake_logits)
        g_optimizer.apply_gradients(zip(g_tape.gradient(g_loss, g.trainable_variables), g.trainable_variables))
        d_optimizer.apply_gradients(zip(d_tape.gradient(d_loss, d.trainable_variables), d.trainable_variables))

    def train(steps):
        for _ in range(steps):
            step(reals)

    return train


def ceiling(batch_size, dtype="float32"):
    """Return matrix products of 2048x2048, ten a round."""
    import torch

    a = torch.rand(2048, 2048).to(getattr(torch, dtype))

    def multiply(rounds):
        for _ in range(10 * rounds):
            torch.mm(a, a)

    return multiply


GEMM = 10 * 2 * 2048**3  # floating-point operations of a round of `ceiling`


def serve(name, batch_size, keywords):
    """Be a contestant: for each number of rounds read from standard input, print the seconds they took."""
    started = time.time()
    work = globals()[name](batch_size, **keywords)
    work(1)
    print(json.dumps({"ready": time.time() - started}), flush=True)
    for line in sys.stdin:
        began = time.time()
        work(int(line))
        print(json.dumps({"seconds": time.time() - began}), flush=True)
    print(json.dumps({"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}), flush=True)


class Contestant:
    """A process that works when asked to."""

    def __init__(self, python, title, name, batch_size, made, flop, rounds, **keywords):
        """made, flop: pictures and operations of a round; rounds: how many it works at a time."""
        self.title, self.made, self.flop, self._rounds, self.times = title, made, flop, rounds, []
        command = [python, os.path.abspath(__file__), "--serve", name, str(batch_size), json.dumps(keywords)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.ready = self._answer()["ready"]

    def _answer(self):
        line = ""
        while not line.startswith("{"):  # some print words of their own
            line = self._process.stdout.readline()
            if not line:
                raise SystemExit("%s has ended; try it alone: %s" % (self.title, self._process.args))
        return json.loads(line)

    def run(self):
        """Add the seconds of one round to `times`."""
        self._process.stdin.write("%d\n" % self._rounds)
        self._process.stdin.flush()
        self.times.append(self._answer()["seconds"] / self._rounds)

    def close(self):
        """End it; return its peak memory in MB."""
        self._process.stdin.close()
        memory = self._answer()["memory"] / 1024
        self._process.wait()
        return memory


def start_training(arguments, bfloat16):
    """Return the contestants of training in one precision."""
    b, tf, torch = arguments.batch_size, sys.executable, arguments.torch_python
    dtype = "bfloat16" if bfloat16 else "float32"

    def contestant(python, title, name, **keywords):
        return Contestant(python, title, name, b, b, 2 * STEP[name] * b, arguments.steps, **keywords)

    group = [Contestant(torch, "ceiling", "ceiling", b, 0, GEMM, 1, dtype=dtype)]
    group.append(contestant(tf, "this program", "ours", precision=dtype))
    if not bfloat16:
        group.append(contestant(tf, "the same, from pictures on disk", "ours", pictures=arguments.pictures))
    for layout in ("contiguous", "channels_last"):
        for compiled in (False,) if bfloat16 else (False, True):
            title = "PyTorch, %s, %s" % ("compiled" if compiled else "eager", layout)
            more = {"layout": layout, "compiled": compiled, "bfloat16": bfloat16}
            group.append(contestant(torch, title, "pytorch", **more))
    if not bfloat16:
        group.append(contestant(tf, "Keras and tf.function", "keras"))
    return group


def start_sampling(arguments):
    """Return the contestants of sampling, in float32, 64 pictures at a time."""
    flop = 2 * PASS * 256
    group = [Contestant(sys.executable, "this program", "ours_sampling", 64, 256, flop, 1)]
    for layout in ("contiguous", "channels_last"):
        for compiled in (False, True):
            title = "PyTorch, %s, %s" % ("compiled" if compiled else "eager", layout)
            more = {"layout": layout, "compiled": compiled}
            group.append(Contestant(arguments.torch_python, title, "pytorch_sampling", 64, 256, flop, 1, **more))
    return group


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=3, help="steps that a contestant makes at a time")
    parser.add_argument("--pictures", default=os.path.join(ROOT, "pics"))
    parser.add_argument("--torch_python", default=sys.executable, help="where torch is in another environment")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve[0], int(arguments.serve[1]), json.loads(arguments.serve[2]))
        return

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


def show(title, group):
    """Print the rows of a group."""
    print("\n%-36s %10s %8s %6s %8s %8s" % (title, "pictures/s", "GFLOP/s", "ratio", "start s", "MB"))
    ours = next(each for each in group if each.title == "this program")
    for each in group:
        speed = each.flop if each.title == "ceiling" else each.made
        speed_of_ours = ours.flop if each.title == "ceiling" else ours.made
        ratio = np.median([speed / t / (speed_of_ours / u) for t, u in zip(each.times, ours.times)])
        seconds = np.median(each.times)
        row = each.title, each.made / seconds, each.flop / seconds / 1e9, ratio, each.ready, each.close()
        print("%-36s %10.1f %8.0f %6.2f %8.1f %8.0f" % row)


if __name__ == "__main__":
    main()
