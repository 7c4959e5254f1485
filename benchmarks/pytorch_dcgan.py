"""The rival: the network, loss and settings of pytorch/examples/dcgan, for quality.py. Needs torch.

Written anew from its description (github.com/pytorch/examples, dcgan/main.py): 4x4 kernels of stride 2, 64 feature
maps, 100 normal numbers in, Adam with learning rate 0.0002 and beta1 0.5, batches of 64. It has an advantage here: the
pictures are decoded beforehand and wait in memory. Trains until SIGINT, then writes samples.npy.
"""

import argparse
import glob
import os
import signal
import time

import numpy as np
import torch
from PIL import Image
from torch import nn


def read_pictures(folder, size, channels):
    """Return all pictures below a folder, their centre squares resized: [n, C, size, size] float32 in [-1, 1]."""
    pictures = []
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.jpg"), recursive=True)):
        picture = Image.open(path).convert("RGB" if channels == 3 else "L")
        edge = min(picture.size)
        left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
        picture = picture.crop((left, top, left + edge, top + edge)).resize((size, size), Image.BILINEAR)
        pictures.append(np.asarray(picture, np.uint8).reshape(size, size, channels).transpose(2, 0, 1))
    return torch.from_numpy(np.stack(pictures)).float().div_(127.5).sub_(1.0)


def generator(z_dim, filters, channels):
    layers, maps = [], [z_dim, 8 * filters, 4 * filters, 2 * filters, filters]
    for i, (into, out) in enumerate(zip(maps, maps[1:])):
        stride, padding = (1, 0) if i == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(into, out, 4, stride, padding, bias=False), nn.BatchNorm2d(out), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(filters, channels, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(filters, channels):
    layers, maps = [], [channels, filters, 2 * filters, 4 * filters, 8 * filters]
    for i, (into, out) in enumerate(zip(maps, maps[1:])):
        norm = [nn.BatchNorm2d(out)] if i else []
        layers += [nn.Conv2d(into, out, 4, 2, 1, bias=False), *norm, nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * filters, 1, 4, 1, 0, bias=False), nn.Flatten(0))


def initialise(module):
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pictures")
    parser.add_argument("out")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    stopping = []
    signal.signal(signal.SIGINT, lambda *_: stopping.append(True))

    pictures = read_pictures(arguments.pictures, 64, arguments.channels).contiguous(memory_format=torch.channels_last)
    g, d = (
        generator(100, 64, arguments.channels).apply(initialise),
        discriminator(64, arguments.channels).apply(initialise),
    )
    g, d = g.to(memory_format=torch.channels_last), d.to(memory_format=torch.channels_last)  # the faster on CPUs
    g_optimizer = torch.optim.Adam(g.parameters(), 0.0002, (0.5, 0.999))
    d_optimizer = torch.optim.Adam(d.parameters(), 0.0002, (0.5, 0.999))
    loss = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(arguments.batch_size), torch.zeros(arguments.batch_size)
    step, started = 0, time.time()
    while not stopping:
        # As its loader: each epoch another order, the last batch smaller.
        for indices in torch.randperm(len(pictures)).split(arguments.batch_size):
            n = len(indices)
            fakes = g(torch.randn(n, 100, 1, 1))
            d_optimizer.zero_grad()
            (loss(d(pictures[indices]), ones[:n]) + loss(d(fakes.detach()), zeros[:n])).backward()
            d_optimizer.step()
            g_optimizer.zero_grad()
            g_loss = loss(d(fakes), ones[:n])
            g_loss.backward()
            g_optimizer.step()
            step += 1
            if stopping:
                break
            if step % 50 == 0:
                print("step %d, %.1f s" % (step, time.time() - started), flush=True)
    with torch.no_grad():  # with the statistics of each batch, as it makes its pictures; by its averages they are worse
        rounds = -(-arguments.samples // arguments.batch_size)
        samples = torch.cat([g(torch.randn(arguments.batch_size, 100, 1, 1)) for _ in range(rounds)])
    samples = ((samples[: arguments.samples] + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
    np.save(os.path.join(arguments.out, "samples.npy"), samples.numpy())
    print("stopped at step %d" % step)


if __name__ == "__main__":
    main()
