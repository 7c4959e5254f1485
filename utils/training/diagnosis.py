"""Words for what is going wrong in a run, where the numbers show it: each said once, until it is over.

Goodfellow 2016, arXiv 1701.00160, section 5, on collapse; the thresholds are such that a run that goes well is silent.
"""

import collections

import numpy as np

from utils.metrics import measure
from utils.training.guard import rates

WON_STEPS = 500  # that D must have been right all the time
COLLAPSE_FROM = 1000  # steps; before that, samples are alike because they are all blurs
IN_A_ROW = 2  # measurings that must agree
STALE = 20  # measurings without a better one


class Diagnosis:
    """Looks at losses and at what was measured, and returns lines to be shown."""

    def __init__(self, run):
        self._run = run
        self._won = collections.deque(maxlen=WON_STEPS)
        self._in_a_row = collections.Counter()
        self._told = set()

    def of_step(self, row):
        """Return the lines that a step's row, see logs.COLUMNS, gives rise to."""
        self._won.append(self._has_won(row))
        return self._tell(
            "won",
            len(self._won) == WON_STEPS and all(self._won),
            "D has won: for %d steps it has told every real picture from every sample, and G learns nothing from that. "
            "%s in params.py." % (WON_STEPS, self._against_winning()),
        )

    def _has_won(self, row):
        run = self._run
        if run.loss == "non_saturating":
            return row["d_fake"] < 0.01 and row["d_real"] > 0.99 * (1 - run.label_smoothing)
        if run.loss == "wasserstein":  # its output is not bounded, and says nothing of the kind
            return False
        return row["d_loss"] < 0.01  # both margins kept, or both labels met

    def _against_winning(self):
        run = self._run
        cures = ["augment = 'color,translation,cutout'"] if run.augment == "none" else []
        cures.append("d_learning_rate = %g" % ((run.d_learning_rate or run.learning_rate) / 2))
        if run.loss == "non_saturating" and not run.label_smoothing:
            cures.append("label_smoothing = 0.1")
        return "Add pictures, or try " + " or ".join(cures)

    def of_measured(self, step, measured, reals, best):
        """Return the lines that a measure.Measured gives rise to; reals: [N, H, W, C] uint8; best: a record.Best."""
        alike, real_alike = measured.values["ms_ssim"], measured.real_ms_ssim
        flat, real_flat = saturated(measured.samples), saturated(reals)
        lines = self._tell(
            "collapsed",
            step >= COLLAPSE_FROM and alike > real_alike + 0.5 * (1 - real_alike),
            "Samples have collapsed onto few pictures: their MS-SSIM is %.2f, that of real ones %.2f. Start a new "
            "run, with a larger batch_size in params.py or d_norm = 'spectral' in model/params.py."
            % (alike, real_alike),
            IN_A_ROW,
        )
        lines += self._tell(
            "saturated",
            flat > 0.5 + 0.5 * real_flat,
            "Samples saturate: %.0f%% of their pixels are at the ends of the range, %.0f%% of real ones. Lower "
            "%s in params.py." % (100 * flat, 100 * real_flat, rates(self._run)),
            IN_A_ROW,
        )
        return lines + self._of_best(step, measured.values, best)

    def _of_best(self, step, values, best):
        if measure.metric_named(best.metric).coarse:
            since = step - best.step
            found = "Samples have been worse for %d steps: %s was %.4g at step %d, and is %.4g now"
            found %= (since, best.metric, best.value, best.step, values[best.metric])
        else:
            since = step - best.least_step
            found = "Nothing has improved for %d steps: %s was least, %.4g, at step %d"
            found %= (since, best.metric, best.least, best.least_step)
        return self._tell(
            "stale",
            since >= STALE * self._run.metrics_every and 3 * since >= step,
            "%s. The best checkpoint is kept, and sampling takes it; stop here, or set rate_decay_from = 0.5 or %s in "
            "params.py." % (found, rates(self._run, 1)),
        )

    def _tell(self, name, is_so, line, in_a_row=1):
        self._in_a_row[name] = self._in_a_row[name] + 1 if is_so else 0
        if not is_so:
            self._told.discard(name)
            return []
        if self._in_a_row[name] < in_a_row or name in self._told:
            return []
        self._told.add(name)
        return [line]


def saturated(pictures):
    """Return the share of values of uint8 pictures that are as dark or as bright as can be."""
    return float(np.mean((pictures <= 1) | (pictures >= 254)))
