"""Progress on the terminal: tqdm bars, and a run's plain lines if the output cannot show a bar."""

import contextlib
import math
import os
import sys
import time

from utils.errors import UserError, reason_of
from utils.output.terminal import can_show_bar

_WIDE = 100  # minimum width at which the bar also shows the epoch and the last measurement
_LINE_SECONDS = 10  # between two plain lines
_FIRST_LINE = 3  # number of steps before the first line: its speed should not depend on the first step, which is slower


@contextlib.contextmanager
def _translate_errors():
    """Turn an error of tqdm into a UserError if the environment has variables that tqdm reads, TQDM_<option>."""
    try:
        yield
    except Exception as error:
        names = ", ".join(name for name in sorted(os.environ) if name.startswith("TQDM_"))
        if not names or isinstance(error, ImportError):
            raise
        raise UserError(f"tqdm cannot show progress ({reason_of(error)}); correct or unset {names}")


with _translate_errors():
    from tqdm import tqdm


class _Bar(tqdm):
    """A bar that uses a monotonic clock. tqdm's own clock may be set back, and the bar then stands still."""

    monitor_interval = 0  # no thread that would refresh the bar by tqdm's own clock
    _time = property(lambda self: time.monotonic, lambda self, _: None)

    def __del__(self):
        """Do nothing: every bar is closed, and tqdm's method prints a traceback if __init__ has failed."""


def bar(iterable=None, **options):
    """Return a tqdm bar on standard output; it is disabled, and shows nothing, if the output cannot show a bar."""
    with _translate_errors():
        return _Bar(iterable, file=sys.stdout, disable=not can_show_bar(), gui=False, miniters=1, **options)


class Progress:
    """Shows each step of a RunState."""

    def __init__(self, state, shown=True):
        """shown: whether to print anything."""
        self._total, self._shown = state.total, shown
        self._bar = _Bar(disable=True)
        self._measured_at = state.measured_at  # the step of the last measurement that was printed

    def start(self, state):
        """Show the bar, unless nothing is to be printed or the output does not support a bar."""
        self._printed = time.monotonic()  # the time of the last plain line
        if self._shown:
            form = "{percentage:3.0f}%|{bar}| {desc}{postfix}"  # the bar fills the remaining columns
            self._bar = bar(total=self._total, initial=state.step, bar_format=form, dynamic_ncols=True)

    def show(self, state):
        """Show that a step is finished, in the bar or, every ten seconds, in a plain line.

        The state's row has the columns of history.STEP_COLUMNS.
        """
        epoch, numbers = f"epoch {math.ceil(state.row['epoch'])}", _numbers(state)
        if not self._bar.disable:
            wide = (self._bar.format_dict["ncols"] or 0) >= _WIDE  # the terminal's width, even if COLUMNS differs
            self._bar.set_description_str(tqdm.format_interval(state.seconds_to_stop), refresh=False)
            self._bar.set_postfix_str(f"{epoch} {numbers} {state.measured}" if wide else numbers, refresh=False)
            self._bar.update()
        elif self._shown:
            if state.measured and state.measured_at != self._measured_at:
                self._measured_at = state.measured_at
                print(f"quality at step {state.measured_at}: {state.measured}", flush=True)
            now = time.monotonic()
            is_due = state.step in (state.first_step + _FIRST_LINE, state.total)
            if is_due or now - self._printed >= _LINE_SECONDS:
                self._printed = now
                print(f"{epoch} {numbers} {tqdm.format_interval(state.seconds_to_stop)} left", flush=True)

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
