"""How good the samples of a run are, as it goes on: measure them, know the best checkpoint, say what goes wrong."""

import math
import sys

from utils.checkpoints.manifest import Best
from utils.errors import reason_of
from utils.metrics import ranking
from utils.training.diagnosis import Diagnosis


class Quality:
    """Measures a run's samples where its settings ask for it. What fails here never ends the run."""

    def __init__(self, measurer, outputs, run):
        """measurer: a measure.Measurer, or None where metrics_every is 0, or another worker measures.

        outputs: the run's Outputs.
        """
        self._measurer, self._outputs, self._run = measurer, outputs, run
        self._metric = ranking.metric_of(run)
        self._diagnosis = Diagnosis(run)
        self._reals = None
        self.words = ""  # what was measured last

    def is_due(self, step, last):
        """Say whether to measure at this step; last: whether it is to be saved as the last one of this process."""
        every = self._run.metrics_every
        return every > 0 and (last or step % every == 0)

    def look(self, row, progress):
        """Look at a step's losses, and say so where they show that something goes wrong."""
        for line in self._diagnosis.of_step(row):
            progress.say(line)

    def measure(self, row, progress):
        """Measure the samples, and add the figures to the step's row; return whether they are the best so far."""
        if self._measurer is None:  # the chief does it
            return False
        try:
            measured = self._outputs.measure(row["step"], self._measurer)
            if self._reals is None:
                self._reals = self._measurer.reals()
        except Exception as error:  # whatever a metric stumbles over
            words = "\nmain.py: the quality at step %d cannot be measured (%s); training goes on"
            print(words % (row["step"], reason_of(error)), file=sys.stderr)
            self.words = ""
            return False
        row.update(measured.values)
        self.words = "%s %.4g" % (self._metric.name, measured.values[self._metric.name])
        best, is_best = self._best(row["step"], measured.values[self._metric.name])
        self._outputs.state = self._outputs.state._replace(best=best)
        progress.measured = self.words
        for line in self._diagnosis.of_measured(row["step"], measured, self._reals, best) if best else []:
            progress.say(line)
        return is_best

    def _best(self, step, value):
        """Return the Best of the run so far, or None, and whether it is this step's."""
        state, of = self._outputs.state, self._measurer.of
        best = state.best
        if best and (best.metric, best.of) != (self._metric.name, of):
            self._outputs.state = state._replace(best=None, former=(*state.former, best.step))
            best = None
        if best is None:
            new = Best(step, self._metric.name, of, value, value, step)
            return (new, True) if math.isfinite(value) else (None, False)
        is_best = ranking.is_as_good(self._metric, value, best.least)
        if ranking.improves(self._metric, value, best.least):
            best = best._replace(least=value, least_step=step)
        return (best._replace(step=step, value=value) if is_best else best), is_best
