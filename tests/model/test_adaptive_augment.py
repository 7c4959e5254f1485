"""Adaptive augmentation: D's lead, and the probability p that follows it."""

import numpy as np
import pytest
from graphs import EVERYTHING, started

from model import adaptive_augment, augment
from model.graph_mode import tf


@pytest.mark.parametrize(
    "real, fake, lead",
    (
        ([5.0, 1.0], [-1.0, 0.0], 1.0),
        ([-5.0, -6.0], [-4.0, 9.0], -1.0),
        ([3.0, 1.0], [2.0, 0.0], 0.5),  # one of four pairs is in the wrong order
        ([2.0, 2.0], [2.0, 2.0], 0.0),
        ([7.0], [8.0, 6.0, 6.5], 1 / 3),
    ),
)
def test_lead_counts_pairs_whatever_the_scale_and_offset(graph, real, fake, lead):
    logits = [tf.constant(values)[:, None] for values in (real, fake)]
    leads = [adaptive_augment.lead(*(scale * x + offset for x in logits)) for scale, offset in ((1, 0), (0.01, 100))]
    with tf.Session() as session:
        assert session.run(leads) == pytest.approx([lead, lead])


def test_p_rises_and_falls_with_the_average_lead(graph):
    ada = adaptive_augment.AdaptiveAugment(0.8)
    lead = tf.placeholder(tf.float32, [])
    update, p = ada.update(lead, images=800), ada.read()
    values, average, expected = [], 0.0, 0.0
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for value in [1.0] * 25 + [0.0] * 15:
            session.run(update, {lead: value})
            average = 0.95 * average + 0.05 * value
            change = 0.8 * 800 / adaptive_augment.RAMP_IMAGES * np.sign(average - adaptive_augment.TARGET_LEAD)
            expected = np.clip(expected + change, 0.0, 0.8)
            values.append(session.run(p))
            assert values[-1] == pytest.approx(expected, abs=1e-6)
    assert values[0] == 0.0 and values[24] == pytest.approx(0.8) and values[-1] == 0.0


def test_only_an_update_of_d_moves_p(tiny):
    with started(tiny) as training:
        p, lead = training.ends.optional
        training.load(lead.op.name, 1.0)
        training.session.run(training.ends.g_update)
        assert training.session.run([p, lead]) == [0.0, 1.0]
        d = training.session.run(training.ends.d_update(0))
        assert d["augmented"] == 0.0 and -1 <= d["lead"] <= 1  # this update used p = 0
        change = augment.MAX_P * 4 / adaptive_augment.RAMP_IMAGES
        assert training.session.run([p, lead]) == pytest.approx([change, 0.95 + 0.05 * d["lead"]])
        assert training.session.run(training.ends.d_update(1))["augmented"] == pytest.approx(change)


def test_auto_has_no_variables_and_reports_p(tiny):
    with started(tiny, **EVERYTHING) as training:
        assert training.ends.optional == []
        training.load("pictures_seen", 40 * 25)
        assert training.session.run(training.ends.d_update(0)["augmented"]) == pytest.approx(augment.MAX_P / 2)
