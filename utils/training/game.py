"""The game between D and G, as the losses show it: whether D has won, so that G learns nothing any more."""

import collections

WINDOW = 250  # the last steps that count
WON_FROM = 0.9  # average advantage in them from which on D has won
OVER_BELOW = 0.8  # and below which it is over


class DiscriminatorMonitor:
    """Watches the losses of the last steps."""

    def __init__(self, run):
        """run: the run settings."""
        self._loss, self._target = run.loss, 1.0 - run.label_smoothing
        self._rows = collections.deque(maxlen=WINDOW)
        self._advantages = collections.deque(maxlen=WINDOW)

    def watch(self, row):
        """Take note of a step's row, see history.STEP_COLUMNS."""
        self._rows.append(row)
        self._advantages.append(self._advantage_at(row))

    def forget(self):
        """Forget the last steps: they have been undone."""
        self._rows.clear()
        self._advantages.clear()

    def advantage(self):
        """Return D's average advantage over G, at most 1; 0 before WINDOW steps."""
        if len(self._advantages) < WINDOW:
            return 0.0
        return sum(self._advantages) / WINDOW

    def _advantage_at(self, row):
        if self._loss == "non_saturating":
            return row["d_real"] / self._target - row["d_fake"]
        if self._loss == "wasserstein":  # its logits are not bounded: no value means that D has won
            return 0.0
        return float(row["d_loss"] < 0.01)  # both margins are kept, or both labels met

    def is_won(self):
        """Return whether D has won."""
        return self.advantage() >= WON_FROM

    def description(self):
        """Return what shows that D has won, as text."""
        if self._loss != "non_saturating":
            return f"its loss was below 0.01 in nearly all of the last {WINDOW} steps"
        real, fake = (sum(row[name] for row in self._rows) / WINDOW for name in ("d_real", "d_fake"))
        return f"in the last {WINDOW} steps D(x) was {real:.2f} and D(G(z)) {fake:.2f} on average"
