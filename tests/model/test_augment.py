"""DiffAugment: each change against one worked out by hand, and that gradients flow through it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from model import augment


def drawing(**values):
    """Return uniform(shape, name) that gives the values, lists with one for each picture."""
    return lambda shape, name: tf.reshape(tf.constant(values[name.replace(" ", "_")], tf.float32), shape)


def run(tensor):
    with tf.Session() as session:
        return session.run(tensor)


@pytest.fixture
def pictures():
    return np.random.RandomState(0).uniform(-1, 1, (3, 16, 16, 3)).astype(np.float32)


def test_color(graph, pictures):
    drawn = drawing(brightness=[0.5, 0.9, 0.5], saturation=[0.5, 0.5, 0.0], contrast=[0.5, 0.5, 0.0])
    found = run(augment.color(tf.constant(pictures), drawn))
    assert found[0] == pytest.approx(pictures[0], abs=1e-5)  # the middle of each range changes nothing
    assert found[1] == pytest.approx(pictures[1] + 0.4, abs=1e-5)
    grey = np.repeat(pictures[2].mean(axis=2, keepdims=True), 3, axis=2)
    assert found[2] == pytest.approx((grey - grey.mean()) * 0.5 + grey.mean(), abs=1e-5)


def test_grey_pictures_have_no_saturation(graph, pictures):
    drawn = drawing(brightness=[0.5] * 3, contrast=[0.5] * 3)  # which would fail if asked for a saturation
    assert run(augment.color(tf.constant(pictures[..., :1]), drawn)) == pytest.approx(pictures[..., :1], abs=1e-5)


def test_translation(graph, pictures):
    # An eighth of 16 is 2: five places from -2 to 2, each as likely.
    drawn = drawing(translation_down=[0.0, 0.5, 0.99], translation_right=[0.5, 0.5, 0.0])
    found = run(augment.translation(tf.constant(pictures), drawn))
    expected = np.zeros_like(pictures)
    expected[0, :-2] = pictures[0, 2:]
    expected[1] = pictures[1]
    expected[2, 2:, :-2] = pictures[2, :-2, 2:]
    assert np.array_equal(found, expected)


def test_cutout(graph):
    drawn = drawing(cutout_top=[0.0, 0.5, 0.999], cutout_left=[0.5, 0.5, 0.999])
    found = run(augment.cutout(tf.ones([3, 16, 16, 3]), drawn))
    expected = np.ones((3, 16, 16, 3))
    expected[0, :4, 4:12] = 0  # an 8x8 square around (0, 8), half of it outside
    expected[1, 4:12, 4:12] = 0
    expected[2, 12:, 12:] = 0
    assert np.array_equal(found, expected)


def test_gradients_flow_through_all_of_it(graph, pictures):
    images = tf.constant(pictures)
    augmented = augment.augment(images, augment.KINDS, lambda shape, name: tf.random_uniform(shape))
    gradient = run(tf.gradients(tf.reduce_sum(tf.square(augmented)), images)[0])
    assert gradient.shape == pictures.shape and np.isfinite(gradient).all()
    assert all(np.abs(each).max() > 0.1 for each in gradient)


@pytest.mark.parametrize("kinds", ((), ("color",), ("translation",), ("cutout",)))
def test_only_what_is_asked_for(graph, pictures, kinds):
    names = []

    def uniform(shape, name):
        names.append(name)
        return tf.random_uniform(shape)

    assert augment.augment(tf.constant(pictures), kinds, uniform).shape == pictures.shape
    assert len(names) == len(set(names))
    wanted = {
        "color": ["brightness", "saturation", "contrast"],
        "translation": ["translation down", "translation right"],
    }
    wanted["cutout"] = ["cutout top", "cutout left"]
    assert names == [name for kind in kinds for name in wanted[kind]]
