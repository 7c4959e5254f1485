"""Gradient descent on z, and on the fractions of classes, towards a given image.

The loss compares pixels at several scales and, if its package is installed, normalized feature maps of
EfficientNet-Lite0 (Zhang et al. 2018, "The unreasonable effectiveness of deep features as a perceptual metric", arXiv
1801.03924). z is a function of Gaussian noise g, z = erf(g / sqrt 2), so that it cannot leave the range on which G was
trained.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from utils.metrics import efficientnet
from utils.output.images import averaged_down
from utils.runtime import devices
from utils.sampling import latents

STEPS = 400
_RATE, _WARM_UP, _COOL_DOWN = 0.1, 0.05, 0.25  # learning rate; fractions of the steps
_CANDIDATES = 2048  # random samples, of which the nearest are the starts
_MAX_STARTS = 4
_LIKELY = 0.9  # fraction of the class at the start
_STAGES = (1, 2, 4)  # of EfficientNet, with strides 4, 8 and 16
_FEATURE_WEIGHT = 0.2
_FEATURE_SIDE = 64  # minimum length of the shorter side for EfficientNet
_THUMBNAIL = 16  # shorter side of the thumbnails by which the starts are chosen; see averaged_down
_FILM_EVERY = 8  # steps between two frames of a film


class Result(NamedTuple):
    """The nearest point to an image."""

    z: Any  # [z_dim] float32
    fractions: Any  # [n_classes] float32
    frames: Any  # a list of [H, W, C] float32 in [-1, 1]: with film, the image every _FILM_EVERY steps; then the result


class Search:
    """The graph and session of a search, built from the weights of a Generator."""

    def __init__(self, generator, seed):
        """generator: a Generator; its session is only read. seed: the seed of the candidates."""
        self._generator, n_classes = generator, len(generator.classes)
        height, width, _ = generator.image_shape
        self.starts = max(1, min(_MAX_STARTS, _MAX_STARTS * 128 * 128 // (height * width)))  # limits time and memory
        self.uses_features = bool(efficientnet.path())
        self._z = latents.noise(seed, latents.PROJECTION, range(_CANDIDATES), generator.z_dim)
        self._labels = np.arange(_CANDIDATES, dtype=np.int32) % max(1, n_classes)
        candidates = generator.stream(self._z, self._labels)
        self._candidates = np.concatenate([_thumbnails(image[None]) for image in candidates])
        with tf.Graph().as_default() as graph:
            self._build(generator, n_classes)
        self._session = tf.Session(graph=graph, config=devices.session_config("float32"))

    def _build(self, generator, n_classes):
        """Add G with its weights as constants, the loss of each start, and an Adam step for the points."""
        sampler, graph_def = generator.sampler, generator.session.graph.as_graph_def()
        graph_def = tf.graph_util.convert_variables_to_constants(generator.session, graph_def, [sampler.images.op.name])
        gaussian = tf.get_variable("gaussian", [self.starts, generator.z_dim], initializer=tf.zeros_initializer())
        self._points, self._variables = [tf.erf(gaussian / math.sqrt(2))], [gaussian]
        inputs = {sampler.z.name: self._points[0]}
        if n_classes:
            self._variables.append(tf.get_variable("logits", [self.starts, n_classes]))
            self._points.append(tf.nn.softmax(self._variables[1]))
            inputs[sampler.classes.name] = self._points[1]
        (self._images,) = tf.import_graph_def(graph_def, inputs, [sampler.images.name])
        self._images.set_shape([self.starts, *generator.image_shape])
        self._target = tf.placeholder(tf.float32, [1, *generator.image_shape])  # in [-1, 1]
        self._rate = tf.placeholder(tf.float32, [])
        self._losses = _losses(self._images, self._target, self.uses_features)
        # The rows of the variables do not affect each other's losses.
        self._step = tf.train.AdamOptimizer(self._rate, beta2=0.99).minimize(self._losses, var_list=self._variables)
        self._initializer = tf.global_variables_initializer()
        self._initial = [tf.placeholder(tf.float32, variable.shape) for variable in self._variables]
        self._assignments = [tf.assign(*pair) for pair in zip(self._variables, self._initial)]

    def __call__(self, image, show_step=lambda: None, film=False):
        """Return the Result for an image, [H, W, C] uint8; call show_step after each of the STEPS. film: see Result."""
        target = np.float32(image[None]) / 127.5 - 1.0
        self._session.run(self._initializer)
        self._session.run(self._assignments, dict(zip(self._initial, self._initial_values(image))))
        frames = []
        for step in range(STEPS):
            if film and step % _FILM_EVERY == 0:
                frames.append(self._session.run(self._images))
            done = step / STEPS
            rate = _RATE * min(1.0, (done + 1.0 / STEPS) / _WARM_UP, (1.0 - done) / _COOL_DOWN)
            self._session.run(self._step, {self._target: target, self._rate: rate})
            show_step()
        losses, points, images = self._session.run([self._losses, self._points, self._images], {self._target: target})
        best = int(np.argmin(losses))
        z, fractions = (*(point[best] for point in points), np.zeros(0, np.float32))[:2]
        return Result(z, fractions, [frame[best] for frame in [*frames, images]])

    def _initial_values(self, image):
        """Return the values of the variables at the candidates nearest to an image."""
        squares = np.square(self._candidates - _thumbnails(image[None])).mean(axis=(1, 2, 3))
        nearest = np.argsort(squares, kind="stable")[: self.starts]
        values, n_classes = [latents.to_gaussian(self._z[nearest])], len(self._generator.classes)
        if n_classes:
            rest = (1.0 - _LIKELY) / max(1, n_classes - 1)
            values.append(np.log(rest + (_LIKELY - rest) * np.eye(n_classes)[self._labels[nearest]]))
        return values


def _thumbnails(images):
    return averaged_down(images, _THUMBNAIL)


def _losses(images, target, use_features):
    """Return the loss of each image, [N] float32. images: [N, H, W, C]; target: [1, H, W, C]; both in [-1, 1].

    With features, pixels are not compared at a quarter of the size: this scale judges the results in tests.
    """
    scales = (1, 2, 8) if use_features else (1, 2, 4, 8)
    squares = (tf.square(_shrink(images, scale) - _shrink(target, scale)) for scale in scales)
    losses = tf.add_n([tf.reduce_mean(square, axis=[1, 2, 3]) for square in squares])
    if use_features:
        weights, _ = efficientnet.read()
        maps = zip(*(_feature_maps(each, weights) for each in (images, target)))
        squares = (tf.reduce_sum(tf.square(a - b), axis=3) for a, b in maps)
        losses += _FEATURE_WEIGHT * tf.add_n([tf.reduce_mean(square, axis=[1, 2]) for square in squares])
    return losses


def _shrink(images, factor):
    window = [1, factor, factor, 1]
    return tf.nn.avg_pool(images, window, window, "SAME") if factor > 1 else images


def _feature_maps(images, weights):
    """Return feature maps of images, [N, H, W, C] in [-1, 1], whose vectors have length 1: a list of [N, h, w, c]."""
    height, width, channels = map(int, images.shape[1:])
    images = tf.tile(images, [1, 1, 1, 3]) if channels == 1 else images[..., :3]
    factor = max(1, min(height, width) // _FEATURE_SIDE)
    images = _shrink(images, factor)
    if min(height, width) < _FEATURE_SIDE:
        sides = [-(-side * _FEATURE_SIDE // min(height, width)) for side in (height, width)]
        images = tf.image.resize_bilinear(images, sides, half_pixel_centers=True)
    maps = efficientnet.stages(127.5 * images + 127.5, weights)
    return [maps[i] * tf.rsqrt(tf.reduce_sum(tf.square(maps[i]), axis=3, keepdims=True) + 1e-3) for i in _STAGES]
