"""The training graph: what an update moves, what it draws, and that the optimizers are what they are called."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import InMemory, read

from model import noise as draws
from model import norms
from model import train_graph as gan
from model.discriminator import discriminator
from model.generator import generator
from utils.data import Pictures
from utils.data.batches import Order, build_batches
from utils.sampling import pictures as sampling


def numbered_batches(run, network):
    """Return a stream of random batches, batch i around the value i / 100, and the list of those drawn."""
    drawn = []

    def draw():
        drawn.append(len(drawn))
        shape = (run.batch_size, network.image_size, network.image_size, network.channels)
        noise = np.random.RandomState(len(drawn)).uniform(-0.5, 0.5, shape)
        return np.float32(noise + drawn[-1] / 100.0)

    images = tf.py_func(draw, [], tf.float32)
    images.set_shape([run.batch_size, network.image_size, network.image_size, network.channels])
    return images, drawn


def values_of(session, variables):
    return dict(zip([v.op.name for v in variables], session.run(variables)))


def moved(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


@pytest.fixture
def trained(graph, tiny):
    """A session with the tiny training graph: (session, graph ends, list of drawn batches, sampler)."""
    images, drawn = numbered_batches(tiny.run, tiny.network)
    ends = gan.build_train_graph(images, tiny.network, tiny.run, 40)
    sampler = gan.build_sampler(tiny.network, averaged=True)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(ends.start_average)
        yield session, ends, drawn, sampler


def test_a_d_update_moves_d_alone(trained):
    session, ends, drawn, _ = trained
    before = values_of(session, tf.global_variables())
    result = session.run(ends.d_updates[0])
    after = values_of(session, tf.global_variables())
    names = moved(before, after)
    assert {v.op.name for v in tf.trainable_variables("discriminator/")} <= names
    assert not [name for name in names if name.startswith(("generator/", "g_optimizer/"))]
    assert (after["step"], after["draw_index"], after["pictures_seen"]) == (0, 1, 4)
    assert result["pictures_seen"] == 4 and len(drawn) == 1


def test_a_g_update_moves_g_alone_and_draws_no_batch(trained):
    session, ends, drawn, _ = trained
    before = values_of(session, tf.global_variables())
    result = session.run(ends.g_update)
    after = values_of(session, tf.global_variables())
    names = moved(before, after)
    assert {v.op.name for v in tf.global_variables("generator/")} <= names  # its averages too
    assert not [name for name in names if name.startswith(("discriminator/", "d_optimizer/"))]
    assert (after["step"], after["draw_index"], after["pictures_seen"]) == (1, 1, 0)
    assert result["step"] == 1 and drawn == []


def test_the_averages_move_once_a_step(trained, tiny):
    session, ends, _, _ = trained
    means = [
        op.outputs[1]
        for op in tf.get_default_graph().get_operations()
        if op.type == "FusedBatchNormV3" and op.name.startswith("g_pass/generator/4x4")
    ]
    session.run(ends.d_updates[0])
    before = read(session, "generator/4x4/batch_norm/moving_mean")
    batch_mean = session.run([means[0], ends.g_update])[0]
    after = read(session, "generator/4x4/batch_norm/moving_mean")
    momentum = tiny.network.bn_momentum
    assert after == pytest.approx(momentum * before + (1 - momentum) * batch_mean, abs=1e-7)


def test_the_losses_are_those_before_the_update(graph, tiny):
    run = tiny.run._replace(optimizer="sgd", learning_rate=100.0)
    ends = gan.build_train_graph(numbered_batches(run, tiny.network)[0], tiny.network, run, 40)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        # At weights this small D knows nothing yet; after such an update it would say anything but 1/2.
        result = session.run(ends.d_updates[0])
        assert result["d_loss"] == pytest.approx(2 * np.log(2), abs=0.1)
        assert result["d_real"] == pytest.approx(0.5, abs=0.1) and result["d_fake"] == pytest.approx(0.5, abs=0.1)
        assert abs(session.run(ends.d_updates[0])["d_loss"] - 2 * np.log(2)) > 1


def test_no_two_draws_share_their_noise(graph):
    drawn = [
        draws.uniform([3, 5], seed, use, tf.constant(draw, tf.int64), minval=-1.0)
        for seed in (0, 1)
        for use in ("z of D's update", "z of G's update")
        for draw in (0, 1, 2**33)
    ]
    again = draws.uniform([3, 5], 0, "z of D's update", tf.constant(0, tf.int64), minval=-1.0)
    with tf.Session() as session:
        drawn, again = session.run([drawn, again])
    assert np.array_equal(drawn[0], again)
    assert len({draw.tobytes() for draw in drawn}) == len(drawn)
    assert again.shape == (3, 5) and again.dtype == np.float32


def test_noise_is_uniform_in_minus_one_to_one(graph):
    with tf.Session() as session:
        z = session.run(draws.uniform([1000, 100], 0, "z", tf.constant(0, tf.int64), minval=-1.0))
    assert -1 <= z.min() < -0.999 and 0.999 < z.max() <= 1
    assert z.mean() == pytest.approx(0, abs=0.01) and z.var() == pytest.approx(1 / 3, abs=0.01)


def test_a_variable_of_neither_network_is_named(graph, tiny):
    tf.get_variable("stray", [2])
    images, _ = numbered_batches(tiny.run, tiny.network)
    with pytest.raises(ValueError, match="neither network: stray:0"):
        gan.build_train_graph(images, tiny.network, tiny.run, 40)


def optimizer_by_hand(run, gradients):
    """Return where a variable ends that starts at 1 and sees these gradients, by the optimizers' papers."""
    x, m, v, lr = 1.0, 0.0, 0.0, run.learning_rate
    v = {"adagrad": run.initial_accumulator, "rmsprop": 1.0}.get(run.optimizer, 0.0)
    for t, g in enumerate(gradients, 1):
        if run.optimizer == "adam":
            m, v = run.beta1 * m + (1 - run.beta1) * g, run.beta2 * v + (1 - run.beta2) * g * g
            rate = lr * np.sqrt(1 - run.beta2**t) / (1 - run.beta1**t)
            x -= rate * m / (np.sqrt(v) + run.epsilon)
        elif run.optimizer == "rmsprop":
            v = run.decay * v + (1 - run.decay) * g * g
            x -= lr * g / np.sqrt(v + run.epsilon)
        elif run.optimizer == "momentum":
            m = run.momentum * m + g
            x -= lr * m
        elif run.optimizer == "adagrad":
            v += g * g
            x -= lr * g / np.sqrt(v)
        else:
            x -= lr * g
    return x


@pytest.mark.parametrize("name", ("adam", "rmsprop", "momentum", "sgd", "adagrad"))
def test_each_optimizer_and_its_settings(graph, tiny, name):
    run = tiny.run._replace(
        optimizer=name,
        learning_rate=0.05,
        beta1=0.7,
        beta2=0.9,
        decay=0.8,
        momentum=0.6,
        initial_accumulator=0.3,
        epsilon=0.01,
    )
    gradients = [0.5, -0.2, 0.9, 0.1]
    x = tf.get_variable("x", [], initializer=tf.ones_initializer())
    g = tf.placeholder(tf.float32, [])
    update = gan.build_optimizer(run, run.learning_rate, "test").minimize(x * g, var_list=[x])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(update, {g: gradient})
        assert session.run(x) == pytest.approx(optimizer_by_hand(run, gradients), rel=1e-5)


@pytest.mark.parametrize("name", ("adam", "rmsprop", "momentum", "sgd", "adagrad"))
@pytest.mark.parametrize("size, channels", ((16, 3), (32, 1)))
def test_every_optimizer_trains(graph, tiny, name, size, channels):
    network = tiny.network._replace(image_size=size, channels=channels)
    run = tiny.run._replace(optimizer=name)
    ends = gan.build_train_graph(numbered_batches(run, network)[0], network, run, 40)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = values_of(session, tf.trainable_variables())
        for _ in range(2):
            session.run(ends.d_updates[0])
            session.run(ends.g_update)
        after = values_of(session, tf.trainable_variables())
        assert moved(before, after) == set(before)
        assert all(np.isfinite(value).all() for value in after.values())


@pytest.mark.parametrize("size", (32, 64, 128, 256))
@pytest.mark.parametrize("channels", (1, 3))
def test_every_size_trains(graph, tiny, size, channels):
    network = tiny.network._replace(image_size=size, channels=channels, filters=2, max_filters=4)
    run = tiny.run._replace(batch_size=2)
    ends = gan.build_train_graph(numbered_batches(run, network)[0], network, run, 40)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(ends.d_updates[0])
        assert np.isfinite(session.run(ends.g_update)["g_loss"])


@pytest.mark.parametrize("k", (1, 3))
def test_a_step_draws_exactly_k_batches(graph, tiny, k):
    """From the dataset itself: after two steps the stream and pictures_seen agree on what comes next."""
    records = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1) * np.ones((1, 16, 16, 3), np.uint8)
    pictures = Pictures(InMemory(records), np.zeros(40, np.int32), ["a"], "", None)
    batches = build_batches(pictures, tiny, tiny.run.batch_size)
    ends = gan.build_train_graph(batches.images, tiny.network, tiny.run, 40)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(batches.initializer, {batches.start: 0})
        for _ in range(2):
            for _ in range(k):
                session.run(ends.d_updates[0])
            session.run(ends.g_update)
        seen = session.run(ends.pictures_seen)
        assert seen == 2 * k * tiny.run.batch_size
        expected = Order(40, 0).take(seen, tiny.run.batch_size)
        following = np.round((session.run(batches.images)[:, 0, 0, 0] + 1) * 127.5)
        assert following.tolist() == expected.tolist()


def test_the_picture_of_a_z_does_not_depend_on_its_batch(trained, tiny):
    session, ends, _, sampler = trained
    for _ in range(5):
        session.run(ends.d_updates[0])
        session.run(ends.g_update)
    z, labels = sampling.noise(0, sampling.SAMPLES, 70, tiny.network.z_dim), np.zeros(70, np.int32)
    sampling.refresh(session, sampler, tiny.network.z_dim, labels)
    together = np.concatenate(list(sampling.pictures(session, sampler, z, labels)))
    assert together.shape == (70, 16, 16, 3) and together.dtype == np.uint8
    # Bit for bit in what is written, wherever it stands and whatever stands beside it ...
    assert np.array_equal(np.concatenate(list(sampling.pictures(session, sampler, z[:1], labels[:1]))), together[:1])
    assert np.array_equal(np.concatenate(list(sampling.pictures(session, sampler, z[::-1], labels))), together[::-1])
    # ... and in the graph itself but for rounding.
    alone = [session.run(sampler.images, {sampler.z: z[i : i + 1]})[0] for i in range(5)]
    beside = session.run(sampler.images, {sampler.z: z[:5]})
    assert np.array(alone) == pytest.approx(beside, abs=1e-6)


def test_more_samples_only_add_to_fewer():
    assert np.array_equal(sampling.noise(3, 1, 100, 7)[:10], sampling.noise(3, 1, 10, 7))
    assert not np.array_equal(sampling.noise(3, 1, 10, 7), sampling.noise(4, 1, 10, 7))
    assert not np.array_equal(sampling.noise(3, 1, 10, 7), sampling.noise(3, 0, 10, 7))


def built(tiny, **changes):
    """Return the training graph of settings with some changes, and the run's and the network's part of them."""
    run = tiny.run._replace(**{name: value for name, value in changes.items() if name in tiny.run._fields})
    network = tiny.network._replace(**{name: value for name, value in changes.items() if name in tiny.network._fields})
    images = tf.random.stateless_uniform([4, 16, 16, 3], [3, 4], minval=-1.0)
    labels = tf.constant([0, 1, 2, 2], tf.int32)
    return gan.build_train_graph(images, network, run, 40, labels, (5, 5, 10)), run, network


def test_every_use_of_noise_has_a_name_of_its_own(graph, tiny, monkeypatch):
    uses, uniform = [], draws.uniform

    def recorded(shape, seed, use, *rest):
        uses.append(use)
        return uniform(shape, seed, use, *rest)

    monkeypatch.setattr(draws, "uniform", recorded)
    built(tiny, conditional=1, augment="auto", gradient_penalty="wgan-gp", d_norm="layer")
    assert len(uses) == len(set(uses))
    for what in ("z", "classes", "brightness", "translation down", "cutout left"):
        assert {"%s of D's update" % what, "%s of G's update" % what} <= set(uses)
    assert "brightness of real pictures" in uses and "z of real pictures" not in uses


def test_the_average_follows_g_as_its_formula_says(trained, tiny):
    session, ends, _, _ = trained
    names = [v.op.name[len("generator/") :] for v in tf.trainable_variables("generator/")]
    assert len(names) == 8
    expected = {name: read(session, "generator/" + name) for name in names}
    assert read(session, "step") == 0 and expected["4x4/dense/kernel"].std() == pytest.approx(0.02, rel=0.1)
    start = values_of(session, tf.global_variables("generator/"))
    session.run(ends.start_average)  # which moves nothing else
    assert moved(start, values_of(session, tf.global_variables("generator/"))) == set()
    for name in names:  # it starts as G itself
        assert np.array_equal(expected[name], read(session, "average_generator/" + name))
    for n in range(3):
        session.run(ends.d_updates[0])
        session.run(ends.g_update)
        kept = min(tiny.run.ema_decay, (1 + n) / (10 + n))
        for name in names:
            expected[name] = kept * expected[name] + (1 - kept) * read(session, "generator/" + name)
            assert read(session, "average_generator/" + name) == pytest.approx(expected[name], abs=1e-6)


def test_the_average_keeps_at_most_ema_decay(graph, tiny):
    ends, _, _ = built(tiny, ema_decay=0.5)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        ends.step.load(1000, session)
        name = "generator/16x16/conv/kernel"
        before = read(session, "average_" + name)
        session.run(ends.g_update)
        assert read(session, "average_" + name) == pytest.approx(0.5 * before + 0.5 * read(session, name), abs=1e-6)


def test_without_an_average_samples_come_from_g(graph, tiny):
    built(tiny, ema_decay=0.0)
    sampler = gan.build_sampler(tiny.network, averaged=False)
    assert not [v for v in tf.global_variables() if "average" in v.name]
    assert {v.op.name.split("/")[0] for v in sampler.variables} == {"generator"} and sampler.refresh is None


def test_the_statistics_of_the_average_are_those_of_its_own_weights(trained, tiny):
    session, ends, _, sampler = trained
    for _ in range(30):
        session.run(ends.d_updates[0])
        session.run(ends.g_update)
    labels = np.zeros(4, np.int32)
    sampling.refresh(session, sampler, tiny.network.z_dim, labels)
    first = {v.op.name: session.run(v) for v in sampler.variables}
    # By hand for the lowest layer: a product with the averaged weights, and the moments of what comes out.
    z = sampling.noise(0, sampling.STATISTICS, 256, tiny.network.z_dim)
    x = (z @ first["average_generator/4x4/dense/kernel"]).reshape(-1, 8)
    assert first["average_generator/4x4/batch_norm/moving_mean"] == pytest.approx(x.mean(axis=0), abs=1e-4)
    assert first["average_generator/4x4/batch_norm/moving_variance"] == pytest.approx(x.var(axis=0), rel=0.05)
    # And they follow from the weights alone: a second time they are the same, bit for bit.
    sampling.refresh(session, sampler, tiny.network.z_dim, labels)
    for variable in sampler.variables:
        assert np.array_equal(session.run(variable), first[variable.op.name])
    # G's own, and all else in the checkpoint, have not moved.
    before = values_of(session, tf.global_variables("generator/"))
    sampling.refresh(session, sampler, tiny.network.z_dim, labels)
    assert moved(before, values_of(session, tf.global_variables("generator/"))) == set()


@pytest.mark.parametrize(
    "loss, penalty, d_norm",
    (
        ("non_saturating", "none", "none"),
        ("non_saturating", "r1", "batch"),
        ("hinge", "none", "spectral"),
        ("hinge", "r1", "layer"),
        ("least_squares", "none", "batch"),
        ("least_squares", "wgan-gp", "none"),
        ("wasserstein", "wgan-gp", "layer"),
        ("wasserstein", "r1", "spectral"),
    ),
)
@pytest.mark.parametrize("downsample", ("average", "stride"))
def test_losses_penalties_and_norms_train(graph, tiny, loss, penalty, d_norm, downsample):
    changes = {"penalty_every": 1 if penalty == "none" else 2, "downsample": downsample}
    ends, _, _ = built(tiny, loss=loss, gradient_penalty=penalty, d_norm=d_norm, **changes)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = values_of(session, tf.trainable_variables())
        for update in ends.d_updates * 2:
            session.run(update)
            session.run(ends.g_update)
        after = values_of(session, tf.trainable_variables())
        # At first, hinge and wasserstein push the last bias as much up as down.
        assert moved(before, after) >= set(before) - {"discriminator/logit/dense/bias"}
        assert session.run(ends.sound)


def test_the_penalty_is_part_of_the_first_update_alone(graph, tiny):
    ends, _, _ = built(tiny, gradient_penalty="r1", penalty_every=3, penalty_weight=1000.0, optimizer="sgd")
    assert len(ends.d_updates) == 3
    name, moves = "discriminator/16x16/conv/kernel", []
    for update in ends.d_updates:
        with tf.Session() as session:  # another one, for its first weights are always the same
            session.run(tf.global_variables_initializer())
            before = read(session, name)
            session.run(update)
            moves.append(np.abs(read(session, name) - before).max())
    assert moves[0] > 5 * moves[1] and moves[1] == pytest.approx(moves[2], rel=1e-3)


def test_one_optimizer_serves_all_updates_of_d(graph, tiny):
    built(tiny, gradient_penalty="r1", penalty_every=3, optimizer="adam")
    slots = [v.op.name for v in tf.global_variables() if v.op.name.startswith("d_optimizer/")]
    trainables = tf.trainable_variables("discriminator/")
    assert len(slots) == 2 * len(trainables) + 2  # two slots each, and the two powers of beta


def test_spectral_norm_divides_by_the_largest_singular_value(graph):
    values = np.random.RandomState(0).normal(size=(3, 3, 4, 6)).astype(np.float32)
    largest = np.linalg.svd(values.reshape(-1, 6), compute_uv=False)[0]
    with tf.variable_scope("x"):
        normalised = norms.spectrally_normalised(tf.constant(values))
    ((u, next_u),) = tf.get_collection(norms.POWER_ITERATIONS)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(100):
            session.run(u.assign(next_u))
        assert session.run(normalised) == pytest.approx(values / largest, rel=1e-3, abs=1e-6)


def test_the_power_iteration_moves_once_a_d_update_and_is_saved(graph, tiny):
    ends, _, _ = built(tiny, d_norm="spectral")
    vectors = [v for v in tf.global_variables() if v.op.name.endswith("/u")]
    assert [v.op.name for v in vectors] == ["discriminator/%s/u" % n for n in ("16x16/conv", "8x8/conv", "logit/dense")]
    name = "discriminator/8x8/conv"
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        u, matrix = read(session, name + "/u"), read(session, name + "/kernel").reshape(-1, 8)
        session.run(ends.g_update)
        assert np.array_equal(read(session, name + "/u"), u)
        session.run(ends.d_updates[0])
        v = u @ matrix.T
        expected = v / np.linalg.norm(v) @ matrix
        assert read(session, name + "/u") == pytest.approx(expected / np.linalg.norm(expected), abs=1e-4)


def test_layer_norm_is_each_pictures_own(graph):
    values = np.random.RandomState(0).normal(3, 2, (2, 4, 4, 3)).astype(np.float32)
    normalised = norms.layer_norm(tf.constant(values), 1e-5, "x")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run(normalised)
    for picture, value in zip(found, values):
        assert picture == pytest.approx((value - value.mean()) / value.std(), abs=1e-3)


@pytest.mark.parametrize(
    "which, expected", (({"d_learning_rate": 0.5}, (0.5, 0.1)), ({"g_learning_rate": 0.5}, (0.1, 0.5)))
)
def test_each_network_has_its_rate(graph, tiny, monkeypatch, which, expected):
    rates = {}
    build = gan.build_optimizer
    monkeypatch.setattr(
        gan, "build_optimizer", lambda run, rate, name: rates.update({name: rate}) or build(run, rate, name)
    )
    built(tiny, learning_rate=0.1, **which)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run([rates["d_optimizer"], rates["g_optimizer"]])
    assert found == pytest.approx(list(expected))


def test_rates_fall_to_nothing_at_the_end(graph, tiny):
    """sgd moves by rate times gradient, and without augmentation that is the same whatever the counters say."""
    for changes, counter, end in (({"max_steps": 100}, "step", 100), ({"epochs": 5}, "pictures_seen", 200)):
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            ends, _, _ = built(tiny, optimizer="sgd", learning_rate=1.0, rate_decay_from=0.5, augment="none", **changes)
            name, moves = "discriminator/logit/dense/kernel", []
            for done in (0.0, 0.5, 0.75, 1.0, 1.5):
                with tf.Session() as session:
                    session.run(tf.global_variables_initializer())
                    getattr(ends, counter).load(int(done * end), session)
                    before = read(session, name)
                    session.run(ends.d_updates[0])
                    moves.append(np.abs(read(session, name) - before).max())
        assert moves[2] == pytest.approx(0.5 * moves[0], rel=1e-3) and moves[1] == pytest.approx(moves[0], rel=1e-3)
        assert moves[0] > 0 and moves[3:] == [0, 0]


def test_augmentation_of_few_pictures(settings):
    run = settings.run
    assert draws.augmentations(run._replace(augment="auto"), draws.FEW_PICTURES - 1) == (
        "color",
        "translation",
        "cutout",
    )
    assert draws.augmentations(run._replace(augment="auto"), draws.FEW_PICTURES) == ()
    assert draws.augmentations(run._replace(augment="none"), 10) == ()
    assert draws.augmentations(run._replace(augment="cutout, color"), 10**6) == ("cutout", "color")


@pytest.mark.parametrize("epochs, share", ((0, 0.0), (25, 0.4), (50, 0.8), (500, 0.8)))
def test_auto_augments_more_as_pictures_are_seen_more_often(graph, tiny, monkeypatch, epochs, share):
    seen = []
    monkeypatch.setattr(gan, "discriminator", lambda images, *rest: seen.append(images) or discriminator(images, *rest))
    ends, run, _ = built(tiny, augment="auto", batch_size=4)
    (draw_index,) = [v for v in tf.global_variables() if v.op.name == "draw_index"]
    plain = tf.random.stateless_uniform([4, 16, 16, 3], [3, 4], minval=-1.0)
    changed = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        ends.pictures_seen.load(40 * epochs, session)
        for draw in range(100):
            draw_index.load(draw, session)
            real, plainly = session.run([seen[0], plain])
            changed += [not np.allclose(a, b, atol=1e-6) for a, b in zip(real, plainly)]
    assert np.mean(changed) == pytest.approx(share, abs=0.07) and len(changed) == 100 * run.batch_size
    if share == 0:
        assert not any(changed)


def test_augmentation_reaches_real_and_fake_alike(graph, tiny, monkeypatch):
    seen = []
    monkeypatch.setattr(gan, "discriminator", lambda images, *rest: seen.append(images) or discriminator(images, *rest))
    built(tiny, augment="cutout")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for images in seen:  # real pictures, fakes for D, fakes for G
            values = session.run(images)
            assert all(0.05 < (picture == 0).all(axis=2).mean() < 0.3 for picture in values)
    assert len(seen) == 3


def test_classes_reach_both_networks(graph, tiny):
    ends, _, network = built(tiny, conditional=1)
    shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    assert shapes["generator/4x4/batch_norm/gamma"] == [3, 8] and shapes["generator/8x8/batch_norm/beta"] == [3, 4]
    assert shapes["discriminator/logit/classes/kernel"] == [3, 8]
    sampler = gan.build_sampler(network, averaged=True, n_classes=3)
    images = tf.random.stateless_uniform([3, 16, 16, 3], [1, 2])
    logits = (
        discriminator(images, network, tf.one_hot([0, 1, 2], 3)),
        discriminator(images, network, tf.one_hot([1, 1, 1], 3)),
    )
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(ends.start_average)
        (gamma,) = [v for v in tf.global_variables() if v.op.name == "average_generator/4x4/batch_norm/gamma"]
        gamma.load(np.float32([[1] * 8, [-1] * 8, [3] * 8]), session)
        of_own, of_second = session.run(logits)
        assert of_own[1] == of_second[1] and (of_own[[0, 2]] != of_second[[0, 2]]).all()
        z = np.repeat(sampling.noise(0, 0, 1, 6), 3, axis=0)
        a, b, c = session.run(sampler.images, {sampler.z: z, sampler.labels: [0, 1, 0]})
        assert np.array_equal(a, c) and not np.array_equal(a, b)


def test_the_projection_by_hand(graph, tiny):
    """With and without a class the logits differ by the product of the class's vector with D's summed features."""
    network = tiny.network._replace(conditional=1)
    images = tf.random.stateless_uniform([2, 16, 16, 3], [1, 2])
    plain, conditional = discriminator(images, network), discriminator(images, network, tf.one_hot([1, 0], 2))
    features = [op.outputs[0] for op in graph.get_operations() if op.type == "AvgPool"][1]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        plain, conditional, features = session.run([plain, conditional, features])
        kernel = read(session, "discriminator/logit/classes/kernel")
    product = (kernel[[1, 0]] * features.sum(axis=(1, 2))).sum(axis=1)
    assert (conditional - plain)[:, 0] == pytest.approx(product, abs=1e-5)


def test_classes_are_drawn_as_often_as_there_are_pictures_of_them(graph, tiny, monkeypatch):
    seen = []
    monkeypatch.setattr(
        gan,
        "generator",
        lambda z, n, t, classes=None, *rest: seen.append(classes) or generator(z, n, t, classes, *rest),
    )
    built(tiny, conditional=1)
    (draw_index,) = [v for v in tf.global_variables() if v.op.name == "draw_index"]
    total = np.zeros(3)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for draw in range(500):
            draw_index.load(draw, session)
            total += session.run(seen[0]).sum(axis=0)
    assert total / total.sum() == pytest.approx([0.25, 0.25, 0.5], abs=0.03)
