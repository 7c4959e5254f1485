"""The weights that a run copies from a run with a different image size, channels or classes."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from model.discriminator import discriminator
from model.generator import generator
from utils.checkpoints import manifest, store
from utils.training.starting_point import FromPretrained
from utils.training.transfer import plan


def build(network, n_classes=0):
    """Add G and D to the default graph; return their variables."""
    rows = tf.eye(n_classes) if n_classes else None
    images = generator(tf.zeros([n_classes or 2, network.z_dim]), network, rows, training=True)
    discriminator(images, network, rows)
    return tf.global_variables()


@functools.lru_cache(maxsize=None)
def shapes(network, n_classes=0):
    """Return {name: shape} of the weights of G and D."""
    with tf.Graph().as_default():
        return {v.op.name: v.shape.as_list() for v in build(network, n_classes)}


def plan_between(ours, theirs, classes=(), their_classes=()):
    return plan(shapes(ours, len(classes)), shapes(theirs, len(their_classes)), classes, their_classes)


@pytest.fixture
def network(settings):
    return settings.network._replace(image_size=16, clusters=0)


def test_the_same_network_is_copied_whole(network):
    result = plan_between(network, network)
    assert result.whole == list(shapes(network)) and not result.by_row and not result.fresh


def test_a_doubled_size_with_half_the_filters_copies_all_resolutions_but_the_largest(network):
    result = plan_between(network._replace(image_size=32, filters=16), network)
    assert result.copied == ["G 4x4", "G 8x8", "G 16x16", "G output", "D 8x8", "D logit"]
    assert result.fresh == ["G 32x32", "G 32x32 excitation", "D 32x32", "D 16x16"]


def test_a_halved_size_with_doubled_filters_copies_all_resolutions_but_the_largest(network):
    result = plan_between(network._replace(filters=64), network._replace(image_size=32))
    assert result.copied == ["G 4x4", "G 8x8", "G output", "D 8x8", "D logit"]
    assert result.fresh == ["G 16x16", "D 16x16"]


def test_skip_excitation_is_a_layer_of_its_own(network):
    large = network._replace(image_size=32)
    result = plan_between(large, large._replace(skip_excitation=0))
    assert result.fresh == ["G 32x32 excitation"] and "G 32x32" in result.copied
    assert not plan_between(large._replace(skip_excitation=0), large).fresh


def test_a_different_size_with_the_same_filters_copies_only_the_output(network):
    small = network._replace(image_size=8)
    assert plan_between(small, network).copied == plan_between(network, small).copied == ["G output"]


def test_the_logit_of_a_rectangle_does_not_fit_the_turned_one(network):
    wide, high = network._replace(image_size="16x24"), network._replace(image_size="24x16")
    assert "D logit" in plan_between(wide, wide).copied and "D logit" in plan_between(wide, high).fresh


def test_color_from_gray_copies_all_but_the_layers_of_the_image(network):
    gray = network._replace(channels=1)
    result = plan_between(network, gray)
    assert result.fresh == plan_between(gray, network).fresh == ["G output", "D 16x16"]
    assert "discriminator/16x16/conv/bias" not in result.whole  # a layer is copied whole or not at all


def test_classes_from_none_and_none_from_classes(network):
    tables = [name for name in shapes(network) if name.endswith(("/gamma", "/beta")) and name.startswith("generator")]
    scales = "G batch-norm scales and shifts"
    for spectral in ({}, {"d_norm": "spectral"}):
        result = plan_between(network._replace(**spectral), network._replace(**spectral), ("blue", "red"))
        assert result.fresh == [scales, "D class vectors"] and not result.by_row
        result = plan_between(network._replace(**spectral), network._replace(**spectral), (), ("blue", "red"))
        assert result.fresh == [scales] and set(shapes(network._replace(**spectral))) - set(result.whole) == set(tables)


@pytest.mark.parametrize(
    ("classes", "theirs", "rows", "fresh"),
    [
        (("amber", "blue", "red"), ("blue", "green", "red"), [(1, 0), (2, 2)], ["class amber"]),
        (("blue", "red"), ("blue", "green", "red"), [(0, 0), (1, 2)], []),
        (("cats", "dogs"), ("blue", "red"), [(0, 0), (1, 1)], []),  # renamed
        (("cats", "dogs", "owls"), ("blue", "red"), [], ["class cats", "class dogs", "class owls"]),
        (("cafe\u0301", "cafz"), ("cafz", "caf\xe9"), [(0, 1), (1, 0)], []),  # composed letters sort differently
    ],
)
def test_classes_are_matched_by_name(network, classes, theirs, rows, fresh):
    result = plan_between(network, network, classes, theirs)
    assert (result.rows, result.fresh) == (rows, fresh)


@pytest.mark.parametrize(
    ("classes", "theirs", "is_copied"),
    [
        ((), (), True),
        (("blue", "red"), ("blue", "red"), True),
        (("cats", "dogs"), ("blue", "red"), True),  # renamed
        (("blue", "red"), ("red", "blue"), False),
        (("blue", "cats"), ("blue", "red"), False),
        (("blue", "red"), (), False),
        ((), ("blue", "red"), False),
    ],
)
def test_clusters_are_copied_if_their_classes_are_the_same(network, classes, theirs, is_copied):
    """Their rows belong to classes by position; 8 clusters have as many rows with and without classes."""
    network = network._replace(clusters=8)
    result = plan_between(network, network, classes, theirs)
    assert ("G clusters" in result.copied) == ("generator/clusters/kernel" in result.whole) == is_copied
    assert ("G clusters" in result.fresh) != is_copied


def test_nothing_fits_twice_as_many_filters(network):
    assert not plan_between(network._replace(filters=48, output_filters=24), network).copied


def test_a_class_keeps_its_weights_at_another_index(graph, tiny, tmp_path, capsys):
    network, theirs = tiny.network._replace(image_size=8, d_norm="spectral", conditional=1), ("blue", "green", "red")
    values = save(tmp_path, tiny._replace(network=network), theirs)
    run = tiny.run._replace(init_from=str(tmp_path))
    start = FromPretrained(tiny._replace(run=run, network=network), lock=None)
    start.saved = start.saved._replace(classes=("amber", "blue", "red", "teal"))
    variables = build(network, len(start.saved.classes))
    start.build(SimpleNamespace(counters=SimpleNamespace(rollbacks=None), optional=[], init_ema=tf.no_op()))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        initial = dict(zip([v.op.name for v in variables], session.run(variables)))
        start.start(session)
        restored = dict(zip(initial, session.run(variables)))
    tables = [name for name in restored if restored[name].shape != values[name].shape]
    assert "discriminator/logit/classes/kernel" in tables
    for name in restored:
        if name not in tables:
            assert np.array_equal(restored[name], values[name])
            continue
        assert np.array_equal(restored[name][[1, 2]], values[name][[0, 2]])
        assert np.array_equal(restored[name][[0, 3]], initial[name][[0, 3]])
    assert (
        "dcgan-7. Copied: G 4x4, G 8x8, G output, D 8x8, D logit. "
        "Initialized (missing or different shape): class amber, class teal.\n"
    ) in capsys.readouterr().out


@pytest.mark.parametrize("theirs", (0, 8))
def test_a_run_has_clusters_although_the_other_run_has_none(graph, tiny, tmp_path, capsys, theirs):
    """Unlike other defaults that the other run began with."""
    save(tmp_path, tiny._replace(network=tiny.network._replace(clusters=theirs, cluster_levels="last")), ())
    network = tiny.network._replace(clusters=32, cluster_levels="all")
    run = tiny.run._replace(init_from=str(tmp_path))
    start = FromPretrained(tiny._replace(run=run, network=network, explicit=frozenset()), lock=None)
    network = start.settings.network
    assert (network.clusters, network.cluster_levels) == (32, "all") and capsys.readouterr().out == ""


def save(folder, settings, classes):
    """Save a checkpoint of random weights at step 7; return their values by name."""
    with tf.Graph().as_default(), tf.Session() as session:
        variables = build(settings.network, len(classes))
        random = np.random.RandomState(0)
        values = {v.op.name: random.uniform(size=v.shape.as_list()).astype(np.float32) for v in variables}
        initial = {v.initializer.inputs[1]: values[v.op.name] for v in variables}
        session.run([v.initializer for v in variables], initial)
        text = manifest.dumps(settings, 7, tf.__version__, manifest.SavedState(classes=classes))
        saver, keep = tf.train.Saver(variables), store.RetentionPolicy(1)
        store.save(session, saver, store.checkpoint_at(str(folder), 7), text, keep)
    return values
