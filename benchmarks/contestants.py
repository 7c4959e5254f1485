"""The contestants of speed.py: each function prepares its work and returns a function that repeats it n times.

Each contestant runs in its own process, which imports only the library that it needs: TensorFlow, PyTorch or Keras.
"""

import atexit
import json
import os
import resource
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [ROOT, HERE]

# The network of pytorch/examples/dcgan, as settings of this program.
NETWORK = ["--downsample", "stride", "--upsample", "transposed", "--kernel", "4", "--filters", "64"]
NETWORK += ["--output_filters", "0", "--skip_excitation", "0", "--d_width", "1"]
SIZE, FILTERS, CHANNELS, Z_DIM = 64, 64, 3, 100
SAMPLES = 256  # images per sampling round
PRODUCTS, EDGE = 10, 2048  # matrix products per round of `ceiling`, and the height and width of each matrix


def ours(batch_size, precision="float32", images=None):
    """This program's training step, fed from memory, or from the cache of the folder `images`."""
    from utils.runtime.start import import_tensorflow

    import_tensorflow()
    import tensorflow.compat.v1 as tf

    from model.train_graph import Reals, build_train_graph
    from utils import data
    from utils.config.settings import resolve
    from utils.data.batches import build_batches
    from utils.runtime import devices

    argv = ["--batch_size", str(batch_size), "--precision", precision, "--augment", "none", *NETWORK]
    if images:
        cache = tempfile.TemporaryDirectory()
        atexit.register(cache.cleanup)
        argv += ["--pics_dir", images, "--cache_dir", cache.name, "--checkpoints_dir", cache.name]
    settings = resolve(argv)
    if images:
        batches = build_batches(data.load(settings), settings, batch_size)
        reals = batches.images
    else:
        value = np.float32(np.random.RandomState(0).uniform(-1, 1, (batch_size, SIZE, SIZE, CHANNELS)))
        reals = tf.get_variable("reals", initializer=value, trainable=False).read_value()
    graph = build_train_graph(Reals(reals, 10**6), settings.network, settings.run)
    session = tf.Session(config=devices.session_config(devices.choose_precision(precision)))
    session.run(tf.global_variables_initializer())
    if images:
        session.run(batches.initializer, {batches.start: 0})

    def train(steps):
        for step in range(steps):
            session.run(graph.d_update(step))
            session.run(graph.g_update)

    return train


def ours_sampling(batch_size):
    """This program's sampling."""
    from utils.runtime.start import import_tensorflow

    import_tensorflow()
    import tensorflow.compat.v1 as tf

    from model.sample_graph import build_sampler
    from utils.config.settings import resolve
    from utils.runtime import devices
    from utils.sampling import latents
    from utils.sampling.generator import Generator

    sampler = build_sampler(resolve(NETWORK).network, averaged=True)
    session = tf.Session(config=devices.session_config("float32"))
    session.run(tf.global_variables_initializer())
    z, labels = latents.noise(0, latents.SAMPLES, range(SAMPLES), Z_DIM), np.zeros(SAMPLES, np.int32)

    def sample(rounds):
        for _ in range(rounds):
            for _ in Generator(session, sampler).batches(z, labels):
                pass

    return sample


def _torch_networks(layout, compiled):
    import pytorch_dcgan
    import torch

    torch.manual_seed(0)
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    networks = []
    for network in (pytorch_dcgan.generator(Z_DIM, FILTERS, CHANNELS), pytorch_dcgan.discriminator(FILTERS, CHANNELS)):
        network = network.apply(pytorch_dcgan.initialize).to(memory_format=memory)
        networks.append(torch.compile(network) if compiled else network)
    return networks, memory


def pytorch(batch_size, layout="channels_last", compiled=False, bfloat16=False):
    """The training step of pytorch/examples/dcgan."""
    import torch

    (g, d), memory = _torch_networks(layout, compiled)
    reals = torch.rand(batch_size, CHANNELS, SIZE, SIZE).mul(2).sub(1).contiguous(memory_format=memory)
    g_optimizer = torch.optim.Adam(g.parameters(), 0.0002, (0.5, 0.999))
    d_optimizer = torch.optim.Adam(d.parameters(), 0.0002, (0.5, 0.999))
    loss = torch.nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(batch_size), torch.zeros(batch_size)

    def train(steps):
        for _ in range(steps):
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                fakes = g(torch.randn(batch_size, Z_DIM, 1, 1))
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
    """Sampling with the generator of pytorch/examples/dcgan."""
    import torch

    (g, _), _ = _torch_networks(layout, compiled)
    g.eval()
    z = torch.randn(SAMPLES, Z_DIM, 1, 1)

    def sample(rounds):
        with torch.inference_mode():
            for _ in range(rounds):
                for part in z.split(batch_size):
                    g(part).add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()

    return sample


def keras(batch_size):
    """The training step of TensorFlow's DCGAN tutorial, a tf.function over Keras models, for the same network."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="1")  # as in this program
    import tensorflow as tf

    k = tf.keras
    up = [k.layers.Dense(16 * 8 * FILTERS, use_bias=False, input_shape=(Z_DIM,)), k.layers.Reshape((4, 4, 8 * FILTERS))]
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
            fakes = g(tf.random.normal([batch_size, Z_DIM]), training=True)
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
    """Products of two large matrices: an upper limit for the speed of this machine."""
    import torch

    a = torch.rand(EDGE, EDGE).to(getattr(torch, dtype))

    def multiply(rounds):
        for _ in range(PRODUCTS * rounds):
            torch.mm(a, a)

    return multiply


def serve(name, batch_size, keywords):
    """For each number on standard input, run that many rounds; print startup time, durations and peak memory."""
    began = time.time()
    work = globals()[name](batch_size, **keywords)
    work(1)
    print(json.dumps({"ready": time.time() - began}), flush=True)
    for line in sys.stdin:
        began = time.time()
        work(int(line))
        print(json.dumps({"seconds": time.time() - began}), flush=True)
    print(json.dumps({"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]))
