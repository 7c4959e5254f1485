"""Warnings about what goes wrong in a run, where the numbers show it: each is given once, until it is over.

On mode collapse: Goodfellow 2016, arXiv 1701.00160, section 5. The thresholds are such that healthy runs are silent
(docs/results.md).
"""

import collections

import numpy as np

from utils.training.game import OVER_BELOW, DiscriminatorMonitor
from utils.training.guard import rates

COLLAPSE_FROM = 1000  # the first step at which collapse is reported; before it all samples are similar blurs
IN_A_ROW = 2  # measurements that must agree
STALE = 10  # measurements without an improvement
LESS_VARIED = 0.8  # of the variety that samples have had, at most that of real images
MISSING = 0.1  # of the share that a class has among real images
COPIED = 0.25  # of the samples

_CURE = "Start a new run with a larger batch_size in params.py or d_norm = 'spectral' in model/params.py."
_AUGMENT = ", set augment = 'adaptive' in params.py"


class Diagnosis:
    """Looks at losses and measurements, and returns warnings."""

    def __init__(self, run):
        self._run = run
        self._game = DiscriminatorMonitor(run)
        self._in_a_row = collections.Counter()
        self._given = set()
        self._most_distinct = 0.0

    def check_losses(self, row):
        """Return the warnings that a step's row, see history.STEP_COLUMNS, gives rise to."""
        self._game.watch(row)
        return self._warn(
            "won",
            self._game.is_won(),
            f"D has won: {self._game.description()}, so G gets no useful gradient. {self._against_winning()} in "
            "params.py.",
            is_over=self._game.advantage() < OVER_BELOW,
        )

    def _against_winning(self):
        run = self._run
        cures = ["augment = 'adaptive'"] if run.augment != "adaptive" else []
        cures.append(f"d_learning_rate = {(run.d_learning_rate or run.learning_rate) / 2:g}")
        if run.loss == "non_saturating" and not run.label_smoothing:
            cures.append("label_smoothing = 0.1")
        return "Add images, or try " + " or ".join(cures)

    def check_metrics(self, step, measured, best):
        """Return the warnings of a measure.Measured; best: a manifest.Best, or None if no metric ranks checkpoints."""
        warnings = self._of_similarity(step, measured) + self._of_saturation(measured)
        warnings += self._of_variety(step, measured) + self._of_copies(measured)
        return warnings + (self._of_best(step, best) if best else [])

    def _of_similarity(self, step, measured):
        similarity, of_reals = measured.values["ms_ssim"], measured.reals.ms_ssim
        return self._warn(
            "collapsed",
            step >= COLLAPSE_FROM and similarity > of_reals + 0.5 * (1 - of_reals),
            f"Mode collapse: the MS-SSIM of samples is {similarity:.2f}, that of real images {of_reals:.2f}. {_CURE}",
            IN_A_ROW,
        )

    def _of_saturation(self, measured):
        flat, real_flat = saturated(measured.fakes.images), saturated(measured.reals.images)
        return self._warn(
            "saturated",
            flat > 0.5 + 0.5 * real_flat,
            f"Samples saturate: {100 * flat:.0f}% of their values are at the ends of the range, {100 * real_flat:.0f}% "
            f"of those of real images. Lower {rates(self._run)} in params.py.",
            IN_A_ROW,
        )

    def _of_variety(self, step, measured):
        """Warn of samples that are less varied than they were, and of classes that none of them shows."""
        distinct = measured.values.get("distinct", float("nan"))
        usual = min(1.0, self._most_distinct)
        self._most_distinct = max(self._most_distinct, distinct)  # NaN is never the larger one here
        warnings = self._warn(
            "less varied",
            step >= COLLAPSE_FROM and distinct < LESS_VARIED * usual,
            f"Samples are less varied than they were: {100 * distinct:.0f}% as many are distinct as of real images, "
            f"after {100 * usual:.0f}%. {_CURE}",
            IN_A_ROW,
        )
        missing = [name for name, (share, of_reals) in measured.class_fractions.items() if share < MISSING * of_reals]
        return warnings + self._warn(
            "missing",
            step >= COLLAPSE_FROM and bool(missing),
            f"Hardly any sample looks like the images of {', '.join(missing)}. Train longer or add images of them; "
            "with conditional = 1 in model/params.py, a new run makes each class by itself.",
            IN_A_ROW,
        )

    def _of_copies(self, measured):
        copies, searched = measured.values["copies"], measured.reals.copies.searched
        return self._warn(
            "memorized",
            copies > COPIED * searched,
            f"Samples are training images: {100 * copies:.0f}% are nearer to one than images are to each other. "
            f"Add images{_AUGMENT if self._run.augment == 'none' else ''}, or sample from an earlier checkpoint.",
            IN_A_ROW,
        )

    def _of_best(self, step, best):
        since = step - best.lowest_step
        problem = (
            f"No improvement for {since} steps: {best.metric} was lowest at step {best.lowest_step}, {best.lowest:.4g}"
        )
        return self._warn(
            "stale",
            since >= STALE * self._run.metrics_every and 3 * since >= step,
            f"{problem}. Sampling uses the best checkpoint. Stop here, or set rate_decay_from = 0.5 or "
            f"{rates(self._run, 1)} in params.py.",
        )

    def _warn(self, name, condition, warning, in_a_row=1, is_over=True):
        self._in_a_row[name] = self._in_a_row[name] + 1 if condition else 0
        if not condition:
            if is_over:
                self._given.discard(name)
            return []
        if self._in_a_row[name] < in_a_row or name in self._given:
            return []
        self._given.add(name)
        return [warning]


def saturated(images):
    """Return the share of the values of uint8 images that are at either end of the range."""
    return float(np.mean((images <= 1) | (images >= 254)))
