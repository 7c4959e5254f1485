"""Measure the quality of a run's samples while it trains, and choose the best checkpoint."""

from utils.checkpoints.manifest import Best
from utils.errors import UserError, reason_of, warn
from utils.metrics import features, registry
from utils.metrics.measure import Measurer
from utils.output.terminal import print_above_bar


def open_measurer(dataset, settings):
    """Return a run's Measurer, or None if metrics_every = 0. Print what replaces a network that is not available.

    If the network cannot be used, compare samples by small patches; raise UserError if best_metric needs the network.
    """
    run, d_features = settings.run, settings.network.d_features
    if not run.metrics_every:
        return None
    kind = features.choose_network(run, d_features)  # raises UserError if G learns from it
    try:
        network = features.open_network(run, d_features)
    except UserError as error:
        metric = registry.resolve_metric(run, features.PATCHES, d_features)
        network = features.Patches()
        warn(f"{error}; measuring {metric.name} instead")
    else:
        line = features.explain_choice(run, kind, d_features)
        if line:
            print_above_bar(line)
    return Measurer(dataset, settings, run.metrics_samples, network)


class Quality:
    """Measures the samples of a run. A failed measurement never ends the run."""

    def __init__(self, measurer, generator, health, settings):
        """measurer: a measure.Measurer, or None to measure nothing; generator: the LiveGenerator."""
        self._measurer, self._generator, self._health, self._run = measurer, generator, health, settings.run
        choice = measurer and (settings.run, measurer.kind, settings.network.d_features)
        self._metric = registry.resolve_metric(*choice) if choice else None  # None: no ranking

    def measure(self, state):
        """Measure the samples and add the results to the state's row; return whether they are the best so far."""
        if self._measurer is None:
            return False
        try:
            self._generator.refresh(state.step)
            measured = self._measurer(self._generator)
        except Exception as error:  # a metric may raise any exception
            reason = reason_of(error)
            warn(f"the quality at step {state.step} cannot be measured ({reason}); training continues", fresh_line=True)
            state.measured = ""
            return False
        name = self._metric.name if self._metric else "ms_ssim"
        state.row.update(measured.values)
        state.measured, state.measured_at = f"{name} {measured.values[name]:.4g}", state.step
        is_best = self._choose_best(state, measured.values[name])
        self._health.check_metrics(state, measured)
        return is_best

    def ends_run(self, state):
        """Return whether the last stop_when_stale measurements brought no improvement; if so, print a message."""
        best, patience = state.saved.best, self._run.stop_when_stale
        steps = patience * self._run.metrics_every
        if not steps or not self._is_comparable(best) or state.step - best.lowest_step < steps:
            return False
        print_above_bar(
            f"No improvement in {patience} measurements: the best {best.metric} was {best.lowest:.4g}, "
            f"at step {best.lowest_step}. stop_when_stale ends the run here; raise it, or set it to 0, to continue."
        )
        return True

    def _is_comparable(self, best):
        """Return whether `best`, a manifest.Best or None, was measured in the same way as the current samples."""
        current = (self._metric.name, self._measurer.comparison) if self._metric else None
        return best is not None and (best.metric, best.comparison) == current

    def _choose_best(self, state, value):
        """Record the best checkpoint of the run in `state.saved`; return whether it is the one at this step."""
        best, step = state.saved.best, state.step
        if not self._is_comparable(best):
            past = (best.step,) if best else ()
            state.saved = state.saved._replace(best=None, past_bests=state.saved.past_bests + past)
            if self._metric is None:
                return False  # sampling uses the latest checkpoint
            best = Best(step, self._metric.name, self._measurer.comparison, value, value, step)
        if not self._metric.is_as_good(value, best.lowest):  # NaN is never as good
            return False
        if self._metric.improves(value, best.lowest):
            best = best._replace(lowest=value, lowest_step=step)
        state.saved = state.saved._replace(best=best._replace(step=step, value=value))
        return True
