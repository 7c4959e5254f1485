"""The balance of the game: D's lead, and the share of augmented images that follows it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from graphs import built

from model import adaptive_augment, augment


@pytest.mark.parametrize(
    "real, fake, lead",
    (
        ([5.0, 1.0], [-1.0, 0.0], 1.0),
        ([-5.0, -6.0], [-4.0, 9.0], -1.0),
        ([3.0, 1.0], [2.0, 0.0], 0.5),  # of four pairs one is the wrong way round
        ([2.0, 2.0], [2.0, 2.0], 0.0),
        ([7.0], [8.0, 6.0, 6.5], 1 / 3),
    ),
)
@pytest.mark.parametrize("scale, shift", ((1.0, 0.0), (0.01, 100.0)))
def test_the_lead_counts_pairs_whatever_scale_and_shift(graph, real, fake, lead, scale, shift):
    logits = [tf.constant(values)[:, None] * scale + shift for values in (real, fake)]
    with tf.Session() as session:
        assert session.run(adaptive_augment.lead(*logits)) == pytest.approx(lead)


def test_the_share_rises_with_the_average_lead_and_falls_without_it(graph):
    share = adaptive_augment.AdaptiveAugment(0.8)
    present = tf.placeholder(tf.float32, [])
    follow = share.update(present, images=400)
    shares, average = [], 0.0
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for lead in [1.0] * 40 + [0.0] * 40:
            before = session.run(share.read())
            session.run(follow, {present: lead})
            average = 0.95 * average + 0.05 * lead
            step = 0.8 * 400 / adaptive_augment.RAMP_IMAGES * np.sign(average - adaptive_augment.TARGET_LEAD)
            shares.append(session.run(share.read()))
            assert shares[-1] == pytest.approx(np.clip(before + step, 0.0, 0.8), abs=1e-6)
    assert shares[0] == 0.0 and shares[39] == pytest.approx(0.8) and shares[-1] == 0.0


def test_only_an_update_of_d_moves_the_share(graph, tiny):
    ends, _, _ = built(tiny, augment="adaptive", batch_size=4)
    share, lead = ends.optional
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        lead.load(1.0, session)
        session.run(ends.g_update)
        assert session.run([share, lead]) == [0.0, 1.0]
        d = session.run(ends.d_update(0))
        assert d["augmented"] == 0.0 and -1 <= d["lead"] <= 1  # the share that this update used
        step = augment.MAX_P * 4 / adaptive_augment.RAMP_IMAGES
        assert session.run([share, lead]) == pytest.approx([step, 0.95 + 0.05 * d["lead"]])
        assert session.run(ends.d_update(1))["augmented"] == pytest.approx(step)


@pytest.mark.parametrize("setting, share", (("none", 0.0), ("cutout", 1.0), ("auto", 0.4)))
def test_other_augmentation_has_no_variables_and_tells_its_share(graph, tiny, setting, share):
    ends, _, _ = built(tiny, augment=setting, batch_size=4)
    assert ends.optional == []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        ends.counters.pictures_seen.load(40 * 25, session)
        assert session.run(ends.d_update(0)["augmented"]) == pytest.approx(share)
