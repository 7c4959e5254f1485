"""The state of a run outside its graph, and the schedule of the actions that are due at each step."""

import collections
import math
import statistics
import time
from typing import NamedTuple

_WINDOW = 50  # number of recent steps whose durations are used
_LATEST = 5  # number of recent durations that are used for each combination of actions


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


class RunState:
    """The progress of a run. The loop owns it and passes it to every object it calls."""

    def __init__(self, step, pictures_seen, total, saved, pace):
        """step, pictures_seen: the numbers so far. total: the last step. saved: a manifest.SavedState. pace: a Pace."""
        self.step, self.pictures_seen, self.total = step, pictures_seen, total
        self.wait_seconds = 0.0  # total time that this process has waited for images
        self.row = {}  # the values at the last step, keyed by the columns of history.csv
        self.measured, self.measured_at = "", step  # the last measurement as text, "" if it failed; its step
        self.saved, self._pace = saved, pace  # saved: `state` in the next checkpoint's manifest
        self.deadline = math.inf  # the time.perf_counter() at which max_minutes are over
        self.restart_clock()

    def restart_clock(self):
        """Measure time and throughput from this step on."""
        self.first_step, self._started = self.step, time.perf_counter()  # monotonic; precise on Windows as well
        self._since, self._waited = self._started, self.wait_seconds  # when the current step began
        self._durations = collections.deque(maxlen=_WINDOW)  # seconds of computing and of waiting in the last steps
        self._actions = {}  # {Due: (number of times so far, seconds of the latest times)}

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
        now, waited = time.perf_counter(), self.wait_seconds - self._waited
        if self.step == self.first_step + 2:
            self._durations.clear()  # the first step takes longer, because TensorFlow optimizes the graph
        self._durations.append((max(0.0, now - self._since - waited), waited))
        self._since, self._waited = now, self.wait_seconds
        seconds, waiting = self._step_seconds()
        return {
            "pictures_per_second": self._pace.images_per_step / seconds,
            "seconds": now - self._started,
            "data_wait": waiting / seconds,
        }

    def _step_seconds(self):
        """Return the mean duration of recent steps, above 0, and the part of it spent waiting for images, in seconds.

        Steps that took far longer than usual are ignored: the process was stopped (Ctrl-Z), or its machine was.
        """
        computing, waiting = zip(*self._durations)
        usual, waiting = statistics.median(computing), sum(waiting) / len(waiting)
        computing = [seconds for seconds in computing if seconds <= max(usual + 1, 4 * usual)]
        return max(sum(computing) / len(computing) + waiting, 1e-9), waiting

    def record_actions(self, due):
        """Record how long the actions in `due`, a Due, have taken since the end of this step."""
        if any(due):
            now = time.perf_counter()
            number, seconds = self._actions.get(due, (0, ()))
            self._actions[due] = number + 1, (*seconds[1 - _LATEST :], now - self._since)
            self._since = now

    @property
    def seconds_left(self):
        """Expected seconds until the last step, including the actions that have been due so far.

        Actions count with the median of their latest durations, which ignores a pause.
        """
        actions = sum(number * statistics.median_low(seconds) for number, seconds in self._actions.values())
        average = actions / (self.step - self.first_step)
        return (self.total - self.step) * (self._step_seconds()[0] + average)

    @property
    def seconds_to_stop(self):
        """Seconds until max_minutes are over, or expected seconds until the last step, if less; 0 or more."""
        return max(0.0, min(self.seconds_left, self.deadline - time.perf_counter()))

    @property
    def is_time_up(self):
        """Whether max_minutes are over."""
        return time.perf_counter() >= self.deadline

    def due(self, run, stop):
        """Return what is Due at this step under the run settings; stop: see Run.stop_reason."""

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
