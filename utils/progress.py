"""What a run shows on the terminal: a tqdm bar, or plain lines where the output is no terminal."""

import math
import sys
import time

from tqdm import tqdm


class Progress:
    """Counts steps up to `total`, from `done`; each is worth `pictures` real pictures."""

    def __init__(self, done, total, pictures, log_every):
        self._pictures, self._log_every = pictures, log_every
        self._done, self._total = done, total
        self._started, self._first = time.time(), done
        self._window = [(self._started, done)]  # (time, step) of the last logged steps
        self._bar = None
        if sys.stdout.isatty():
            form = "{percentage:3.0f}%|{bar}| {remaining}{postfix}"  # the bar gets what columns are left over
            self._bar = tqdm(total=total, initial=done, file=sys.stdout, bar_format=form, dynamic_ncols=True)

    @property
    def seconds(self):
        """Seconds since the start."""
        return time.time() - self._started

    @property
    def pictures_per_second(self):
        """Real pictures a second, over the last logged steps."""
        (then, step), now = self._window[0], time.time()
        return self._pictures * (self._done - step) / max(now - then, 1e-9)

    def update(self, row):
        """Show that a step is finished, and add to its row what it took; row: see logs.COLUMNS."""
        step = self._done = row["step"]
        row["pictures_per_second"], row["seconds"] = self.pictures_per_second, self.seconds
        epoch = math.ceil(row["epoch"])
        if self._bar is not None:
            # Short, so that 80 columns show all of it.
            words = "epoch {} step {step}: D {d_loss:.2f} G {g_loss:.2f} D(x) {d_real:.2f} D(G(z)) {d_fake:.2f} "
            words += "{pictures_per_second:.0f}/s"
            self._bar.set_postfix_str(words.format(epoch, **row), refresh=False)
            self._bar.update(1)
        elif step % self._log_every == 0 or step == self._total:
            words = "epoch {} step {step}, loss D {d_loss:.2f} G {g_loss:.2f}, D(x) {d_real:.2f} D(G(z)) {d_fake:.2f}, "
            words += "{pictures_per_second:.0f} pictures/s, {} left"
            left = (self._total - step) * self.seconds / (step - self._first)
            print(words.format(epoch, tqdm.format_interval(left), **row), flush=True)
        if step % self._log_every == 0:
            self._window = [*self._window[-4:], (time.time(), step)]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.close()
