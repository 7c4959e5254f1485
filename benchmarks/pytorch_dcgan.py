"""The network, loss and settings of pytorch/examples/dcgan, the baseline of quality.py and speed.py. Needs torch.

A reimplementation from its description (github.com/pytorch/examples, dcgan/main.py): 4x4 kernels with stride 2, 64
feature maps, a z of 100 normally distributed numbers, Adam with a learning rate of 0.0002 and beta1 = 0.5, and a batch
size of 64. The contestant has an advantage here: all images are decoded before training and kept in memory. Training
runs until --max_steps or SIGINT; then the program writes samples.npy.
"""

import argparse
import os
import signal
import time

import image_files
import numpy as np
import torch
from PIL import Image
from torch import nn

SIZE, Z_DIM, FILTERS = 64, 100, 64


def read_images(folder, size, channels):
    """Return the resized center squares of all images below a folder: [n, C, size, size] float32 in [-1, 1]."""
    squares = image_files.center_squares(image_files.find(folder), channels)
    resized = (np.asarray(square.resize((size, size), Image.BILINEAR), np.uint8) for square in squares)
    images = [array.reshape(size, size, channels).transpose(2, 0, 1) for array in resized]
    return torch.from_numpy(np.stack(images)).float().div_(127.5).sub_(1.0)


def generator(z_dim, filters, channels):
    layers, maps = [], [z_dim, 8 * filters, 4 * filters, 2 * filters, filters]
    for i, (inputs, outputs) in enumerate(zip(maps, maps[1:])):
        stride, padding = (1, 0) if i == 0 else (2, 1)
        convolution = nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False)
        layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(filters, channels, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(filters, channels):
    layers, maps = [], [channels, filters, 2 * filters, 4 * filters, 8 * filters]
    for i, (inputs, outputs) in enumerate(zip(maps, maps[1:])):
        norm = [nn.BatchNorm2d(outputs)] if i else []
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), *norm, nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * filters, 1, 4, 1, 0, bias=False), nn.Flatten(0))


def initialize(module):
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def train(g, d, images, batch_size, max_steps, stopping):
    """Train for max_steps (0: no limit) or until the list `stopping` is not empty; return the number of steps."""
    g_optimizer, d_optimizer = (torch.optim.Adam(n.parameters(), 0.0002, (0.5, 0.999)) for n in (g, d))
    loss = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(batch_size), torch.zeros(batch_size)
    step, started = 0, time.time()
    while not stopping:
        for indices in torch.randperm(len(images)).split(batch_size):  # the last batch is smaller, as in the example
            n = len(indices)
            fakes = g(torch.randn(n, Z_DIM, 1, 1))
            d_optimizer.zero_grad()
            (loss(d(images[indices]), ones[:n]) + loss(d(fakes.detach()), zeros[:n])).backward()
            d_optimizer.step()
            g_optimizer.zero_grad()
            loss(d(fakes), ones[:n]).backward()
            g_optimizer.step()
            step += 1
            if step == max_steps:
                stopping.append(True)
            if stopping:
                break
            print(f"step {step}, {time.time() - started:.1f} s", flush=True)
    return step


def draw(g, count, batch_size):
    """Return samples, [count, H, W, C] uint8, with batch statistics as in the example: moving averages do worse."""
    with torch.no_grad():
        batches = [g(torch.randn(batch_size, Z_DIM, 1, 1)) for _ in range(-(-count // batch_size))]
    samples = torch.cat(batches)[:count]
    return ((samples + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", help="folder of images")
    parser.add_argument("out", help="existing folder for samples.npy")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--max_steps", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    stopping = []
    signal.signal(signal.SIGINT, lambda *_: stopping.append(True))

    layout = torch.channels_last  # faster on CPUs
    images = read_images(arguments.images, SIZE, arguments.channels).contiguous(memory_format=layout)
    g = generator(Z_DIM, FILTERS, arguments.channels).apply(initialize).to(memory_format=layout)
    d = discriminator(FILTERS, arguments.channels).apply(initialize).to(memory_format=layout)
    steps = train(g, d, images, arguments.batch_size, arguments.max_steps, stopping)
    samples = draw(g, arguments.samples, arguments.batch_size)
    np.save(os.path.join(arguments.out, "samples.npy"), samples)
    print(f"stopped at step {steps}")


if __name__ == "__main__":
    main()
