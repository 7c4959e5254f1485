"""The progress of a run on the terminal: a tqdm bar, or plain lines if the output is not a terminal."""

import math
import shutil
import sys

from tqdm import tqdm

from utils.output.terminal import can_show_bar

_WIDE = 100  # minimum width at which the bar also shows the epoch and the last measurement


class Progress:
    """Shows each step of a RunState."""

    def __init__(self, state, log_every, shown=True):
        """log_every: number of steps between plain lines. shown: whether to print anything."""
        self._total, self._log_every, self._shown = state.total, log_every, shown
        self._bar = tqdm(disable=True)
        self._measured_at = state.measured_at  # the step of the last measurement that was printed

    def start(self, state):
        """Show the bar, unless nothing is to be printed or the output does not support a bar."""
        if self._shown and can_show_bar():
            form = "{percentage:3.0f}%|{bar}| {remaining}{postfix}"  # the bar fills the remaining columns
            options = {"total": self._total, "initial": state.step, "bar_format": form, "dynamic_ncols": True}
            self._bar = tqdm(file=sys.stdout, **options)

    def show(self, state):
        """Show that a step is finished, in the bar or, every log_every steps and after the last one, in a plain line.

        The state's row has the columns of history.STEP_COLUMNS.
        """
        epoch, numbers = f"epoch {math.ceil(state.row['epoch'])}", _numbers(state)
        if not self._bar.disable:
            wide = shutil.get_terminal_size().columns >= _WIDE
            self._bar.set_postfix_str(f"{epoch} {numbers} {state.measured}" if wide else numbers, refresh=False)
            self._bar.update()
        elif self._shown and (state.step % self._log_every == 0 or state.step == self._total):
            if state.measured and state.measured_at != self._measured_at:
                self._measured_at = state.measured_at
                print(f"quality at step {state.measured_at}: {state.measured}", flush=True)
            seconds_left = (state.total - state.step) * state.row["seconds"] / (state.step - state.first_step)
            print(f"{epoch} {numbers} {tqdm.format_interval(seconds_left)} left", flush=True)

    def roll_back(self, state):
        """Move the bar, if there is one, back to the earlier step from which the run continues."""
        self._bar.reset()
        self._bar.update(state.step)

    def close(self):
        """Close the bar, if there is one, but leave it on the screen, so that later lines appear below it."""
        self._bar.close()


def _numbers(state):
    """Return the numbers of a step, short enough for a line of 80 columns."""
    row = state.row
    text = f"step {state.step}: D {row['d_loss']:.2f} G {row['g_loss']:.3g} "
    text += f"D(x) {row['d_real']:.2f} D(G(z)) {row['d_fake']:.2f} {row['pictures_per_second']:.0f}/s"
    # The fraction of time spent waiting for images is shown only if it is not 0.
    return text + (f" wait {row['data_wait']:.0%}" if row["data_wait"] >= 0.005 else "")
