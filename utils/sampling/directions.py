"""Directions of z along which images change most.

Shen & Zhou 2021, "Closed-form factorization of latent semantics in GANs", arXiv 2007.06600: the left singular vectors
of G's first layer, z times a matrix. Its batch norm, whose statistics are fixed, is part of the layer here; its
clusters, which are not linear in z, are not.
"""

import numpy as np

from utils.sampling import latents

LIMIT = 3.0  # standard deviations: the range of positions along a direction


def directions(generator, count):
    """Return the first `count` directions, those with the greatest effect first: [count, z_dim] float64, of length 1.

    generator: a Generator; count: at most its z_dim. Directions are orthogonal, and belong to Gaussian noise: see
    `moved`.
    """
    # The variables of the first layer come first.
    variables = {variable.op.name.split("/", 2)[-1]: variable for variable in reversed(generator.sampler.variables)}
    kernel, gamma, variance = generator.session.run(
        [variables[name] for name in ("dense/kernel", "batch_norm/gamma", "batch_norm/moving_variance")]
    )
    gamma = np.sqrt(np.square(gamma.reshape(-1, len(variance))).mean(axis=0))  # over the classes, if there are any
    scale = gamma / np.sqrt(np.maximum(variance, 1e-4))
    layer = np.float64(kernel).reshape(len(kernel), -1, len(scale)) * scale  # [z_dim, height * width, channels]
    vectors = np.linalg.svd(layer.reshape(len(kernel), -1), full_matrices=False)[0].T[:count]
    largest = np.abs(vectors).argmax(axis=1)
    return vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]  # the sign of a vector is arbitrary


def moved(z, direction, positions):
    """Return z moved to each position along a direction: [len(positions), z_dim] float32.

    z: [z_dim], uniform in [-1, 1]. positions: standard deviations from the mean; the rest of z does not change.
    """
    gaussian = latents.to_gaussian(z)
    gaussian = gaussian - (gaussian @ direction) * direction
    return latents.to_uniform(gaussian + np.asarray(positions)[:, None] * direction)
