"""Watches for divergence, losses or weights that are NaN or infinite, and for a game that D has won.

The run then returns to its last checkpoint, with different noise and half the learning rate, so that it does not
diverge the same way. Both follow from the number of rollbacks, which is saved in the checkpoint's JSON, so that they
are counted over all restarts.
"""

import collections
import math

from utils.training.game import DiscriminatorMonitor

MAX_ROLLBACKS = 3  # in a run
_ROWS = 20  # the last steps that a post-mortem lists
_COLUMNS = ("d_loss", "g_loss", "d_real", "d_fake")


def rates(run, rollbacks=0):
    """Return the learning rates of a run after so many rollbacks, each of which halves them, as text."""
    d, g = ((rate or run.learning_rate) * 0.5**rollbacks for rate in (run.d_learning_rate, run.g_learning_rate))
    return f"learning_rate = {d:g}" if d == g else f"d_learning_rate = {d:g} and g_learning_rate = {g:g}"


class Guard:
    """Checks each step, and remembers the last ones for a post-mortem."""

    def __init__(self, session, graph, generator, run):
        """graph: the TrainGraph; generator: the LiveGenerator; run: the run settings."""
        self._game, self._may_return = DiscriminatorMonitor(run), run.on_lost_game == "rollback"
        self._session, self._graph, self._generator = session, graph, generator
        self._rows = collections.deque(maxlen=_ROWS)

    def is_finite(self, state, due):
        """Return whether the losses are finite; and where something is Due, all weights and the averaged G, too."""
        self._rows.append(state.row)
        if not math.isfinite(state.row["d_loss"] + state.row["g_loss"]):
            return False
        if (due.row or due.save or due.measure) and not self._session.run(self._graph.is_finite):
            return False
        return not (due.save or due.measure) or self._generator.is_finite(state.step)

    def should_roll_back(self, state):
        """Return whether D has won and the run is to return to its last checkpoint: the same on all workers.

        One rollback is left for a divergence, which ends a run that may not return any more.
        """
        if not self._may_return:
            return False
        self._game.watch(state.row)
        return len(state.saved.rollbacks) < MAX_ROLLBACKS - 1 and self._game.is_won()

    def forget(self):
        """Forget the last steps: they have been undone."""
        self._rows.clear()
        self._game.forget()

    def post_mortem(self, run, rollbacks):
        """Return lines about the end of a run that diverged; rollbacks: the steps of those before."""
        lines = [f"step {self._rows[-1]['step']}: losses or weights are NaN or infinite", rates(run, len(rollbacks))]
        for number, step in enumerate(rollbacks):
            lines.append(f"rollback {number + 1}: from step {step}, {rates(run, number)}")
        lines += ["", "the last steps:", "step, d_loss, g_loss, D(x), D(G(z))"]
        return lines + [", ".join([str(row["step"]), *(f"{row[name]:g}" for name in _COLUMNS)]) for row in self._rows]
