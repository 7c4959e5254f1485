"""The state of a run outside its graph, and the schedule of the actions that are due at each step."""

import time
from typing import NamedTuple

_WINDOW = 5  # logged steps over which throughput is averaged


class Due(NamedTuple):
    """The actions that are due at a step."""

    row: bool  # write a row of history.csv
    grid: bool  # write a grid of samples
    measure: bool  # measure the quality of the samples
    save: bool  # save a checkpoint


class Pace(NamedTuple):
    """The numbers that convert steps into images, epochs and throughput."""

    n: int  # number of images in the data set
    images_per_step: int  # real images per step on all workers
    log_every: int  # steps between two measurements of throughput


class RunState:
    """The progress of a run. The loop owns it and passes it to every object it calls."""

    def __init__(self, step, pictures_seen, total, saved, pace):
        """step, pictures_seen: the numbers so far. total: the last step. saved: a manifest.SavedState. pace: a Pace."""
        self.step, self.pictures_seen, self.total = step, pictures_seen, total
        self.wait_seconds = 0.0  # total time that this process has waited for images
        self.row = {}  # the values at the last step, keyed by the columns of history.csv
        self.measured, self.measured_at = "", step  # the last measurement as text, "" if it failed; its step
        self.saved, self._pace = saved, pace  # saved: `state` in the next checkpoint's manifest
        self.restart_clock()

    def restart_clock(self):
        """Measure time and throughput from this step on."""
        self.first_step, self._started = self.step, time.time()
        self._window = [(self._started, self.step, self.wait_seconds)]

    def advance(self, d, g):
        """Record the results of a step; d, g: the values fetched by the last D update and by the G update."""
        self.step, self.pictures_seen = int(g["step"]), int(d["pictures_seen"])
        self.row = {
            "step": self.step,
            "epoch": self.pictures_seen / self._pace.n,
            "pictures_seen": self.pictures_seen,
            "g_loss": float(g["g_loss"]),
            **{name: float(d[name]) for name in ("d_loss", "d_real", "d_fake", "lead", "augmented")},
            **self._throughput(),
        }

    def _throughput(self):
        """Return pictures_per_second and data_wait (a fraction of time) over the last steps, and the total seconds."""
        now, (start, step, wait_seconds) = time.time(), self._window[0]
        seconds = max(now - start, 1e-9)
        if self.step % self._pace.log_every == 0:
            self._window = [*self._window[1 - _WINDOW :], (now, self.step, self.wait_seconds)]
        return {
            "pictures_per_second": self._pace.images_per_step * (self.step - step) / seconds,
            "seconds": now - self._started,
            "data_wait": min(1.0, (self.wait_seconds - wait_seconds) / seconds),
        }

    def due(self, run, stop):
        """Return what is Due at this step under the run settings; stop: the signal that ends the run there, or 0."""

        def is_multiple(every):  # 0 means never
            return every > 0 and self.step % every == 0

        is_last = self.step == self.total or stop > 0
        measure = run.metrics_every > 0 and (is_last or is_multiple(run.metrics_every))
        return Due(
            row=is_multiple(run.log_every) or measure,
            grid=is_multiple(run.sample_every) or self.step == self.total,
            measure=measure,
            save=is_last or is_multiple(run.checkpoint_every),
        )
