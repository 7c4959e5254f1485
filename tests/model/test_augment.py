"""DiffAugment: each operation compared with a hand calculation, and its gradients."""

import numpy as np
import pytest

from model import augment
from model.graph_mode import tf


def constant_draws(**values):
    """Return a function uniform(shape, name) that returns the given values, one per image."""
    return lambda shape, name: tf.reshape(tf.constant(values[name.replace(" ", "_")], tf.float32), shape)


def run(tensor):
    with tf.Session() as session:
        return session.run(tensor)


@pytest.fixture
def images():
    return np.random.RandomState(0).uniform(-1, 1, (3, 16, 16, 3)).astype(np.float32)


def test_color(graph, images):
    drawn = constant_draws(brightness=[0.5, 0.9, 0.5], saturation=[0.5, 0.5, 0.0], contrast=[0.5, 0.5, 0.0])
    result = run(augment.color(tf.constant(images), drawn))
    assert result[0] == pytest.approx(images[0], abs=1e-5)  # a draw in the middle of each range changes nothing
    assert result[1] == pytest.approx(images[1] + 0.4, abs=1e-5)
    gray = np.repeat(images[2].mean(axis=2, keepdims=True), 3, axis=2)
    assert result[2] == pytest.approx((gray - gray.mean()) * 0.5 + gray.mean(), abs=1e-5)


def test_gray_images_have_no_saturation(graph, images):
    drawn = constant_draws(brightness=[0.5] * 3, contrast=[0.5] * 3)  # drawing a saturation would fail
    assert run(augment.color(tf.constant(images[..., :1]), drawn)) == pytest.approx(images[..., :1], abs=1e-5)


def test_translation(graph, images):
    # An eighth of 16 is 2: five shifts from -2 to 2, all equally likely.
    drawn = constant_draws(translation_down=[0.0, 0.5, 0.99], translation_right=[0.5, 0.5, 0.0])
    result = run(augment.translation(tf.constant(images), drawn))
    expected = np.zeros_like(images)
    expected[0, :-2] = images[0, 2:]
    expected[1] = images[1]
    expected[2, 2:, :-2] = images[2, :-2, 2:]
    assert np.array_equal(result, expected)


def test_translation_that_repeats_edges(graph, images):
    drawn = constant_draws(translation_down=[0.0, 0.5, 0.99], translation_right=[0.5, 0.5, 0.0])
    result = run(augment.translation(tf.constant(images), drawn, repeats_edges=True))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), "edge")
    expected = [padded[0, 4:, 2:-2], images[1], padded[2, :-4, 4:]]
    assert np.array_equal(result, np.stack(expected))


def test_cutout(graph):
    drawn = constant_draws(cutout_top=[0.0, 0.5, 0.999], cutout_left=[0.5, 0.5, 0.999])
    result = run(augment.cutout(tf.ones([3, 16, 16, 3]), drawn))
    expected = np.ones((3, 16, 16, 3))
    expected[0, :4, 4:12] = 0  # an 8x8 square around (0, 8), half of it outside
    expected[1, 4:12, 4:12] = 0
    expected[2, 12:, 12:] = 0
    assert np.array_equal(result, expected)


def test_color_of_opaque_images_with_alpha(graph, images):
    drawn = constant_draws(brightness=[0.2, 0.9, 0.5], saturation=[0.1, 0.5, 0.7], contrast=[0.5, 0.9, 0.1])
    opaque = np.concatenate([images, np.ones_like(images[..., :1])], axis=3)
    result = run(augment.color_with_alpha(tf.constant(opaque), drawn))
    assert result[..., :3] == pytest.approx(run(augment.color(tf.constant(images), drawn)), abs=1e-5)
    assert np.array_equal(result[..., 3], opaque[..., 3])


def test_color_changes_neither_alpha_nor_transparent_pixels(graph, images):
    """Visible colors change as in an opaque image with the same colors."""
    drawn = constant_draws(brightness=[0.9] * 3, saturation=[0.2] * 3, contrast=[0.1] * 3)
    opacity = np.float32(np.arange(16) % 4 / 3.0)[None, :, None, None] * np.ones((3, 16, 16, 1), np.float32)
    opacity[0, :4] = 0.0
    premultiplied = np.concatenate([(images + 1) * opacity - 1, 2 * opacity - 1], axis=3)
    result = run(augment.color_with_alpha(tf.constant(premultiplied), drawn))
    assert result[..., 3:] == pytest.approx(2 * opacity - 1)
    assert result[opacity[..., 0] == 0] == pytest.approx(-1, abs=1e-6)
    bright = images + 0.4
    gray = bright.mean(axis=3, keepdims=True)
    dull = (bright - gray) * 0.4 + gray
    mean = (dull * opacity).sum((1, 2, 3), keepdims=True) / (3 * opacity.sum((1, 2, 3), keepdims=True))
    expected = (dull - mean) * 0.6 + mean
    colors = (result[..., :3] + 1) / np.maximum(opacity, 1e-9) - 1
    assert colors[opacity[..., 0] > 0] == pytest.approx(expected[opacity[..., 0] > 0], abs=1e-4)


def test_gaps_are_transparent(graph):
    drawn = constant_draws(translation_down=[0.0], translation_right=[0.5], cutout_top=[0.999], cutout_left=[0.999])
    result = run(augment.augment(tf.ones([1, 16, 16, 4]), ("translation", "cutout"), drawn))
    expected = np.ones((1, 16, 16, 4))
    expected[0, -2:] = expected[0, 12:, 12:] = -1
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("alpha", (-1.0, 1.0))
def test_gradients_with_alpha_are_finite(graph, alpha):
    images = tf.constant(alpha, shape=[2, 16, 16, 4])
    augmented = augment.augment(images, augment.KINDS, lambda shape, name: tf.random_uniform(shape))
    gradient = run(tf.gradients(tf.reduce_sum(tf.square(augmented)), images)[0])
    assert np.isfinite(gradient).all() and np.abs(gradient).max() < 1e4


def test_gradients_flow_through_all_augmentations(graph, images):
    images = tf.constant(images)
    augmented = augment.augment(images, augment.KINDS, lambda shape, name: tf.random_uniform(shape))
    gradient = run(tf.gradients(tf.reduce_sum(tf.square(augmented)), images)[0])
    assert gradient.shape == images.shape and np.isfinite(gradient).all()
    assert all(np.abs(each).max() > 0.1 for each in gradient)


@pytest.mark.parametrize("kinds", ((), ("color",), ("translation",), ("cutout",)))
def test_only_the_given_kinds_draw_numbers(graph, images, kinds):
    names = []

    def uniform(shape, name):
        names.append(name)
        return tf.random_uniform(shape)

    assert augment.augment(tf.constant(images), kinds, uniform).shape == images.shape
    assert len(names) == len(set(names))
    expected = {
        "color": ["brightness", "saturation", "contrast"],
        "translation": ["translation down", "translation right"],
        "cutout": ["cutout top", "cutout left"],
    }
    assert names == [name for kind in kinds for name in expected[kind]]
