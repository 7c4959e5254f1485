"""What a run shows on the terminal: a tqdm bar, or plain lines where the output is no terminal."""

import math
import shutil
import sys
import time

from tqdm import tqdm


class Progress:
    """Counts steps up to `total`, from `done`; each is worth `pictures` real pictures. Not shown, it only counts."""

    def __init__(self, done, total, pictures, log_every, shown=True):
        self._pictures, self._log_every, self._shown = pictures, log_every, shown
        self._done, self._total = done, total
        self._started, self._first = time.time(), done
        self.measured = ""  # the last measure of quality, in words: shown beside the losses
        self.waited = 0.0  # seconds spent waiting for pictures: to be added to
        self._window = [(self._started, done, 0.0)]  # (time, step, waited) of the last logged steps
        self._bar = None
        if sys.stdout.isatty() and shown:
            form = "{percentage:3.0f}%|{bar}| {remaining}{postfix}"  # the bar gets what columns are left over
            self._bar = tqdm(total=total, initial=done, file=sys.stdout, bar_format=form, dynamic_ncols=True)

    @property
    def seconds(self):
        """Seconds since the start."""
        return time.time() - self._started

    @property
    def pictures_per_second(self):
        """Real pictures a second, over the last logged steps."""
        then, step, _ = self._window[0]
        return self._pictures * (self._done - step) / max(time.time() - then, 1e-9)

    @property
    def data_wait(self):
        """The share of the time spent waiting for pictures, 0 to 1, over the last logged steps."""
        then, _, waited = self._window[0]
        return min(1.0, (self.waited - waited) / max(time.time() - then, 1e-9))

    def update(self, row):
        """Show that a step is finished, and add to its row what it took; row: see logs.COLUMNS."""
        step = self._done = row["step"]
        row["pictures_per_second"], row["seconds"] = self.pictures_per_second, self.seconds
        row["data_wait"] = self.data_wait
        epoch = math.ceil(row["epoch"])
        if self._bar is not None:
            # Short, so that 80 columns show all of it.
            words = "epoch {} " if shutil.get_terminal_size().columns >= 100 else ""
            words += "step {step}: D {d_loss:.2f} G {g_loss:.3g} D(x) {d_real:.2f} D(G(z)) {d_fake:.2f} "
            words += "{pictures_per_second:.0f}/s wait {data_wait:.0%}"
            words += " " + self.measured if shutil.get_terminal_size().columns >= 100 else ""
            self._bar.set_postfix_str(words.format(epoch, **row), refresh=False)
            self._bar.update(1)
        elif self._shown and (step % self._log_every == 0 or step == self._total):
            words = "epoch {} step {step}, loss D {d_loss:.2f} G {g_loss:.2f}, D(x) {d_real:.2f} D(G(z)) {d_fake:.2f}, "
            words += "{pictures_per_second:.0f} pictures/s, waited for data {data_wait:.0%}, "
            words += self.measured + ", " if self.measured else ""
            words += "{} left"
            left = (self._total - step) * self.seconds / (step - self._first)
            print(words.format(epoch, tqdm.format_interval(left), **row), flush=True)
        if step % self._log_every == 0:
            self._window = [*self._window[-4:], (time.time(), step, self.waited)]

    def say(self, line):
        """Print a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.clear()
        if self._shown:
            print(line, flush=True)

    def go_back(self, step):
        """Count from `step` again."""
        self._done = self._first = step
        self._started = time.time()
        self._window = [(self._started, step, self.waited)]
        if self._bar is not None:
            self._bar.reset()
            self._bar.update(step)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.close()
