"""The health of a run: are its values finite, has D won, and are its samples getting worse?

A Health object keeps the most recent losses and the problems found in measurements; a rollback creates a new object.
Each problem causes one warning, and another only if it disappears and returns. Healthy runs stay below the thresholds
(docs/results.md). On mode collapse: Goodfellow 2016, arXiv 1701.00160, section 5.
"""

import collections
import math

import numpy as np

from utils.errors import recorded_warnings
from utils.output.terminal import print_above_bar

MAX_ROLLBACKS = 3  # per run, counted over all restarts
WINDOW = 250  # steps over which the advantage of D is averaged
WON_FROM = 0.9  # average advantage at which D has won
OVER_BELOW = 0.8  # average advantage below which D has no longer won
COLLAPSE_FROM = 1000  # first step at which collapse is reported; earlier, all samples are similar blurs
STALE = 10  # measurements without an improvement before a warning
LESS_DIVERSE = 0.8  # diversity below this fraction of its highest value so far causes a warning
MISSING = 0.1  # a class is missing below this fraction of its frequency among real images
UNLEARNED_FROM = 3000  # first step at which it counts that samples ignore their classes
UNLEARNED = 3  # measurements in a row at which samples ignore their classes before a warning
SIGNIFICANT = 2.33  # standard deviations above chance; p = 0.01 (one-sided)
COPIED = 0.25  # more than this fraction of near-copies of training images among the samples causes a warning

_CURE = "Start a new run with a larger batch_size in params.py or d_norm = 'spectral' in model/params.py."


class Health:
    """Checks the losses of each step and the metrics of each measurement; the chief prints the warnings."""

    def __init__(self, generator, parts, diversity=0.0):
        """generator: the LiveGenerator; parts: the opening.Parts; diversity: the highest so far."""
        self._graph, self._generator = parts.graph, generator
        self._run, self._is_chief = parts.settings.run, parts.workers.is_chief
        self._network = parts.settings.network
        self._rows = collections.deque(maxlen=WINDOW)  # rows of the last steps, see history.STEP_COLUMNS
        self._has_won = False
        self._found = collections.Counter()  # {problem: how many times in a row it was found}
        self.diversity = diversity  # the highest value of the metric `distinct` so far, capped at 1

    def is_finite(self, state, due):
        """Return whether the losses and, if an action in Due depends on them, all weights and the EMA are finite."""
        if not math.isfinite(state.row["d_loss"] + state.row["g_loss"]):
            return False
        checks = [self._graph.is_finite] if due.row or due.save or due.measure else []
        if due.save or due.measure:
            self._generator.refresh(state.step)
            checks.append(self._generator.sampler.is_finite)
        return all(self._generator.session.run(checks))

    def should_roll_back(self, state):
        """Return whether D has won and the settings ask for a rollback. The last rollback is kept for a divergence."""
        is_possible = self._run.on_lost_game == "rollback" and len(state.saved.rollbacks) < MAX_ROLLBACKS - 1
        return is_possible and self._has_won

    def post_mortem(self, state):
        """Return the post-mortem lines of a run that has diverged at this step."""
        rollbacks = state.saved.rollbacks
        return [
            f"step {state.step}: losses or weights are NaN or infinite",
            format_rates(self._run, len(rollbacks)),
            *(f"rollback {i + 1}: from step {at}, {format_rates(self._run, i)}" for i, at in enumerate(rollbacks)),
            *("", "the last steps:", "step, d_loss, g_loss, D(x), D(G(z))"),
            *(
                ", ".join([str(row["step"]), *(f"{row[name]:g}" for name in ("d_loss", "g_loss", "d_real", "d_fake"))])
                for row in [*self._rows, state.row][-20:]
            ),
        ]

    def check_losses(self, state):
        """Record the losses of a step, which are finite and equal on all workers; warn if D has won."""
        self._rows.append(state.row)
        if len(self._rows) == WINDOW:
            advantage = sum(map(self._advantage, self._rows)) / WINDOW
            self._has_won = advantage >= (OVER_BELOW if self._has_won else WON_FROM)
        self._warn(state.step, "won", self._victory() if self._has_won else "")

    def _advantage(self, row):
        """Return the advantage of D over G at a step, at most 1; it is always 0 if loss = 'wasserstein'."""
        run = self._run
        if run.loss == "non_saturating":
            return row["d_real"] / (1.0 - run.label_smoothing) - row["d_fake"]
        if run.loss == "wasserstein":  # logits are unbounded: no value means that D has won
            return 0.0
        return float(row["d_loss"] < 0.01)  # D meets both margins (hinge) or both labels (least squares)

    def _victory(self):
        """Return the warning that D has won, with the remedies that the settings do not use yet."""
        run = self._run
        evidence = f"its loss was below 0.01 in nearly all of the last {WINDOW} steps"
        if run.loss == "non_saturating":
            d_real, d_fake = (sum(row[name] for row in self._rows) / WINDOW for name in ("d_real", "d_fake"))
            evidence = f"in the last {WINDOW} steps D(x) was {d_real:.2f} and D(G(z)) {d_fake:.2f} on average"
        cures = ["augment = 'adaptive'"] if run.augment != "adaptive" else []
        cures.append(f"d_learning_rate = {(run.d_learning_rate or run.learning_rate) / 2:g}")
        cures += ["label_smoothing = 0.1"] if run.loss == "non_saturating" and not run.label_smoothing else []
        effect = "gets no useful gradient" if self._network.d_features == "none" else "learns only from d_features"
        return f"D has won: {evidence}, so G {effect}. Add images, or try {' or '.join(cures)} in params.py."

    def check_metrics(self, state, measured):
        """Warn about the problems that a measure.Measured shows."""
        found = dict(self._problems(state.step, measured))
        for name in ("collapse", "saturation", "diversity", "classes", "copies"):
            self._warn(state.step, name, found.get(name, ""), in_a_row=2)
        self._warn(state.step, "unlearned", self._unlearned(state.step, measured), in_a_row=UNLEARNED)
        self._warn(state.step, "stale", self._stale(state, measured.values) if state.saved.best else "")

    def _problems(self, step, measured):
        """Yield (name, warning) of each problem that the samples of one measurement show."""
        values, reals = measured.values, measured.reals
        ms_ssim, real_ms_ssim = values["ms_ssim"], reals.ms_ssim
        if step >= COLLAPSE_FROM and ms_ssim > 0.5 + 0.5 * real_ms_ssim:
            line = f"Mode collapse: MS-SSIM is {ms_ssim:.2f} for samples and {real_ms_ssim:.2f} for real images."
            yield "collapse", f"{line} {_CURE}"
        flat, real_flat = saturation(measured.fakes.images), saturation(reals.images)
        if flat > 0.5 + 0.5 * real_flat:
            line = f"Samples saturate: {flat:.0%} of their values are at the ends of the range, compared with"
            yield "saturation", f"{line} {real_flat:.0%} in real images. Lower {format_rates(self._run)} in params.py."
        diversity = values.get("distinct", float("nan"))
        self.diversity = np.fmax(self.diversity, np.minimum(diversity, 1.0))  # NaN: not measured
        if step >= COLLAPSE_FROM and diversity < LESS_DIVERSE * self.diversity:
            line = f"Sample diversity, relative to real images, fell from {self.diversity:.0%} to {diversity:.0%}."
            yield "diversity", f"{line} {_CURE}"
        missing = [name for name, (ours, real) in measured.class_fractions.items() if ours < MISSING * real]
        if step >= COLLAPSE_FROM and missing:
            line = f"Hardly any samples show these classes: {', '.join(missing)}. Train longer, or add images of them"
            other = "" if self._network.conditional else ", or start a new run with conditional = 1 in model/params.py"
            yield "classes", f"{line}{other}."
        if values["copies"] > COPIED * reals.copies.searched:
            augment = ", set augment = 'adaptive' in params.py" if self._run.augment == "none" else ""
            line = f"Memorization: {values['copies']:.0%} of the samples nearly copy a training image. Add images"
            yield "copies", f"{line}{augment}, or sample from an earlier checkpoint."

    def _unlearned(self, step, measured):
        """Return the warning that samples ignore their classes, or ''."""
        ours, real = measured.fakes.accuracy, measured.reals.accuracy
        # Real images show whether the classes can be recognized: a quarter of their lead would be significant.
        if "class_accuracy" not in measured.values or step < UNLEARNED_FROM or not real.lead >= 4 * SIGNIFICANT:
            return ""
        has_warned = self._found["unlearned"] >= UNLEARNED
        if not ours.lead < SIGNIFICANT * (2 if has_warned else 1):  # a lead near the limit does not warn repeatedly
            return ""
        cures = [] if self._network.d_features != "none" else ["d_features = 'efficientnet'"]
        return (
            f"Samples look the same in every class: class_accuracy is {ours.value:.2f}, chance {ours.chance:.2f}, real "
            f"images {real.value:.2f}. Start a new run with {' or '.join([*cures, 'conditional = 0'])} in "
            "model/params.py (docs/results.md#classes), or with class folders that differ more."
        )

    def _stale(self, state, values):
        """Return the warning that the metric has not improved for a long time, or ''."""
        best, step = state.saved.best, state.step
        value, since = best.lowest, best.lowest_step
        if step - since < STALE * self._run.metrics_every or 3 * (step - since) < step:
            return ""
        return (
            f"No improvement for {step - since} steps: {best.metric} was {value:.4g} at step {since} and is "
            f"{values[best.metric]:.4g} now. Sampling uses the best checkpoint. Stop, or set rate_decay_from = 0.5 or "
            f"{format_rates(self._run, 1)} in params.py."
        )

    def _warn(self, step, name, problem, in_a_row=1):
        """Print a problem when it is found for the `in_a_row`-th time in a row; '' means that it is over."""
        self._found[name] = self._found[name] + 1 if problem else 0
        if self._found[name] == in_a_row and self._is_chief:
            print_above_bar(problem)
            recorded_warnings.append(f"step {step}: {problem}")


def saturation(images):
    """Return the fraction of uint8 image values at either end of the range."""
    return float(np.mean((images <= 1) | (images >= 254)))


def format_rates(run, rollbacks=0):
    """Return the learning rates of a run as text; each rollback halves them."""
    d, g = ((rate or run.learning_rate) * 0.5**rollbacks for rate in (run.d_learning_rate, run.g_learning_rate))
    return f"learning_rate = {d:g}" if d == g else f"d_learning_rate = {d:g} and g_learning_rate = {g:g}"
