"""The quality of a run's samples while it trains: measures them, chooses the best checkpoint, gives warnings."""

import math

from utils.checkpoints.manifest import Best
from utils.errors import UserError, reason_of
from utils.metrics import features, registry
from utils.metrics.measure import Measurer
from utils.output.terminal import print_above_bar, record_warning, warn
from utils.training.health import Diagnosis


def open_measurer(dataset, settings):
    """Return the Measurer of a run, None with metrics_every = 0. Say so where it has no network.

    Where a network cannot be used, the run is measured without it; raise UserError if best_metric needs it.
    """
    run = settings.run
    if not run.metrics_every:
        return None
    try:
        network = features.open_network(run)
    except UserError as error:
        metric = registry.resolve_metric(run, features.PATCHES)
        network = features.Patches()
        warn(f"{error}; the run is measured by {metric.name}")
    else:
        if network and network.kind == features.PATCHES and run.metrics_network == "auto":
            print_above_bar(
                f"Samples are measured by small patches; {features.INSTALL} gives a measure that sees what they show."
            )
    return Measurer(dataset, settings, run.metrics_samples, network)


class Quality:
    """Measures the samples where the schedule asks for it. A failure here never ends the run."""

    def __init__(self, measurer, generator, run):
        """measurer: a measure.Measurer, or None where nothing is measured; generator: the LiveGenerator."""
        self._measurer, self._generator = measurer, generator
        self._metric = registry.resolve_metric(run, measurer.kind) if measurer else None  # None: none ranks
        self._diagnosis, self._run = Diagnosis(run), run

    def watch(self, state):
        """Give warnings where the losses show that something goes wrong."""
        _say(self._diagnosis.check_losses(state.row), state.step)

    def measure(self, state):
        """Measure the samples and add the results to the state's row; return whether they are the best so far."""
        if self._measurer is None:
            return False
        try:
            self._generator.refresh(state.step)
            measured = self._measurer(self._generator)
        except Exception as error:  # a metric may raise anything
            reason = reason_of(error)
            warn(f"the quality at step {state.step} cannot be measured ({reason}); training continues", fresh_line=True)
            state.measured = ""
            return False
        name = self._metric.name if self._metric else "ms_ssim"
        value = measured.values[name]
        state.row.update(measured.values)
        state.measured, state.measured_at = f"{name} {value:.4g}", state.step
        is_best = self._choose_best(state, value)
        _say(self._diagnosis.check_metrics(state.step, measured, state.saved.best), state.step)
        return is_best

    def is_stale(self, state):
        """Return whether stop_when_stale measurements in a row have brought no improvement."""
        best, patience = state.saved.best, self._run.stop_when_stale * self._run.metrics_every
        if not patience or not best or self._is_of_another(best):
            return False
        return state.step - best.lowest_step >= patience

    def _is_of_another(self, best):
        """Return whether the values of a manifest.Best cannot be compared with those that are measured now."""
        current = (self._metric.name, self._measurer.comparison) if self._metric else None
        return (best.metric, best.comparison) != current

    def _choose_best(self, state, value):
        """Record the best checkpoint of the run in `state.saved`; return whether it is that of this step."""
        best, comparison = state.saved.best, self._measurer.comparison
        if best and self._is_of_another(best):
            state.saved = state.saved._replace(best=None, past_bests=(*state.saved.past_bests, best.step))
            best = None
        if self._metric is None:
            return False  # sampling uses the latest checkpoint
        if best is None:
            is_best = math.isfinite(value)
            best = Best(state.step, self._metric.name, comparison, value, value, state.step) if is_best else None
        else:
            is_best = self._metric.is_as_good(value, best.lowest)
            if self._metric.improves(value, best.lowest):
                best = best._replace(lowest=value, lowest_step=state.step)
            if is_best:
                best = best._replace(step=state.step, value=value)
        state.saved = state.saved._replace(best=best)
        return is_best


def _say(warnings, step):
    for warning in warnings:
        print_above_bar(warning)
        record_warning(f"step {step}: {warning}")


class NoQuality:
    """The quality on a worker other than the chief, which alone measures and warns."""

    def watch(self, state):
        """Do nothing."""

    def measure(self, state):
        """Return False: this step is not the best so far."""
        return False

    def is_stale(self, state):
        """Return False: the chief decides."""
        return False
