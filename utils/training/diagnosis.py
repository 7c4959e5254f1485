"""Warnings about what goes wrong in a run, where the numbers show it: each is given once, until it is over.

On mode collapse: Goodfellow 2016, arXiv 1701.00160, section 5. The thresholds are such that a healthy run is silent.
"""

import collections

import numpy as np

from utils.metrics import measure
from utils.training.guard import rates

WON_STEPS = 500  # steps in which D must have classified every picture correctly
COLLAPSE_FROM = 1000  # the first step at which collapse is reported; before it all samples are similar blurs
IN_A_ROW = 2  # measurements that must agree
STALE = 20  # measurements without an improvement


class Diagnosis:
    """Looks at losses and measurements, and returns warnings."""

    def __init__(self, run):
        self._run = run
        self._won = collections.deque(maxlen=WON_STEPS)
        self._in_a_row = collections.Counter()
        self._given = set()

    def of_losses(self, row):
        """Return the warnings that a step's row, see history.STEP_COLUMNS, gives rise to."""
        self._won.append(self._has_won(row))
        return self._warn(
            "won",
            len(self._won) == WON_STEPS and all(self._won),
            f"D has won: it has classified every picture correctly for {WON_STEPS} steps, so G gets no useful "
            f"gradient. {self._against_winning()} in params.py.",
        )

    def _has_won(self, row):
        run = self._run
        if run.loss == "non_saturating":
            return row["d_fake"] < 0.01 and row["d_real"] > 0.99 * (1 - run.label_smoothing)
        if run.loss == "wasserstein":  # its logits are not bounded: no value means that D has won
            return False
        return row["d_loss"] < 0.01  # both margins are kept, or both labels met

    def _against_winning(self):
        run = self._run
        cures = ["augment = 'color,translation,cutout'"] if run.augment == "none" else []
        cures.append(f"d_learning_rate = {(run.d_learning_rate or run.learning_rate) / 2:g}")
        if run.loss == "non_saturating" and not run.label_smoothing:
            cures.append("label_smoothing = 0.1")
        return "Add pictures, or try " + " or ".join(cures)

    def of_measured(self, step, measured, reals, best):
        """Return the warnings of a measure.Measured; reals: [N, H, W, C] uint8; best: a manifest.Best."""
        similarity, real_similarity = measured.values["ms_ssim"], measured.real_ms_ssim
        flat, real_flat = saturated(measured.samples), saturated(reals)
        warnings = self._warn(
            "collapsed",
            step >= COLLAPSE_FROM and similarity > real_similarity + 0.5 * (1 - real_similarity),
            f"Mode collapse: the MS-SSIM of samples is {similarity:.2f}, that of real pictures {real_similarity:.2f}. "
            "Start a new run with a larger batch_size in params.py or d_norm = 'spectral' in model/params.py.",
            IN_A_ROW,
        )
        warnings += self._warn(
            "saturated",
            flat > 0.5 + 0.5 * real_flat,
            f"Samples saturate: {100 * flat:.0f}% of their values are at the ends of the range, {100 * real_flat:.0f}% "
            f"of those of real pictures. Lower {rates(self._run)} in params.py.",
            IN_A_ROW,
        )
        return warnings + self._of_best(step, measured.values, best)

    def _of_best(self, step, values, best):
        if measure.metric_named(best.metric).coarse:
            since = step - best.step
            problem = (
                f"Samples have been worse for {since} steps: {best.metric} was {best.value:.4g} at step {best.step} "
                f"and is {values[best.metric]:.4g} now"
            )
        else:
            since = step - best.least_step
            problem = (
                f"No improvement for {since} steps: {best.metric} was lowest at step {best.least_step}, "
                f"{best.least:.4g}"
            )
        return self._warn(
            "stale",
            since >= STALE * self._run.metrics_every and 3 * since >= step,
            f"{problem}. Sampling uses the best checkpoint. Stop here, or set rate_decay_from = 0.5 or "
            f"{rates(self._run, 1)} in params.py.",
        )

    def _warn(self, name, condition, warning, in_a_row=1):
        self._in_a_row[name] = self._in_a_row[name] + 1 if condition else 0
        if not condition:
            self._given.discard(name)
            return []
        if self._in_a_row[name] < in_a_row or name in self._given:
            return []
        self._given.add(name)
        return [warning]


def saturated(pictures):
    """Return the share of the values of uint8 pictures that are at either end of the range."""
    return float(np.mean((pictures <= 1) | (pictures >= 254)))
