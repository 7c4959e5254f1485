"""A training run: everything that the loop in main.py uses, as one object."""

import math

import numpy as np

from utils.checkpoints import select
from utils.errors import RunError, recorded_warnings, warn
from utils.output.progress import Progress
from utils.runtime.signals import TIME_UP
from utils.training.health import MAX_ROLLBACKS, Health, format_rates
from utils.training.live_generator import LiveGenerator
from utils.training.outputs import Outputs
from utils.training.quality import Quality
from utils.training.state import Pace, RunState


class Run:
    """The session, graph and state of a run, and the objects that show, check, measure and save it."""

    def __init__(self, session, parts, measurer, signals):
        """parts: the opening.Parts; measurer: a measure.Measurer or None; signals: the StopSignals."""
        self._parts, self.settings, self.workers, self.signals = parts, parts.settings.run, parts.workers, signals
        self.session, self.k, self._measurer = session, self.settings.k, measurer
        wait_seconds = {"wait_seconds": parts.batches.wait_seconds}
        self.graph = parts.graph._replace(d_updates=[dict(update, **wait_seconds) for update in parts.graph.d_updates])
        self.state = self._first_state()
        self.progress = Progress(self.state, shown=self.workers.is_chief)
        self._begin_at_checkpoint(self.state.saved)

    def _begin_at_checkpoint(self, saved, diversity=0.0):
        """Create the objects that generate, check, write and measure samples, initially and after a rollback.

        saved: the SavedState in the newest checkpoint's manifest; diversity: the highest so far.
        """
        parts = self._parts
        generator = LiveGenerator(self.session, parts.sampler, parts.dataset.labels)
        self.health = Health(generator, parts, diversity)
        self.outputs = Outputs(generator, parts, self.state, saved)
        self.quality = Quality(self._measurer, generator, self.health, parts.settings)

    def _first_state(self):
        """Return the RunState at startup."""
        run, n, saved = self.settings, self._parts.dataset.n, self._parts.start.saved
        step, seen, rollbacks = self._counters()
        saved = saved._replace(rollbacks=saved.rollbacks or (0,) * rollbacks)  # only the chief knows their steps
        pace = Pace(n, run.k * self._parts.batches.size)
        total = run.max_steps or step + math.ceil((run.epochs * n - seen) / pace.images_per_step)
        state = RunState(step, seen, total, saved, pace)
        state.deadline = self._parts.settings.deadline
        return state

    def _counters(self):
        """Return the numbers of steps, images seen and rollbacks from the graph's counters."""
        counters = self.graph.counters
        return map(int, self.session.run([counters.step, counters.pictures_seen, counters.rollbacks]))

    def is_finished(self):
        """Return whether no steps are left or stop_when_stale ends the run; if so, print why."""
        run, state, n = self.settings, self.state, self._parts.dataset.n
        self.outputs.close(state)  # writes rows of history.csv that the last process had to keep
        if state.step < state.total:
            return self._is_stale()
        goal = f"{state.pictures_seen} images seen, and epochs = {run.epochs} of {n} images require {run.epochs * n}"
        name, goal = ("max_steps", f"max_steps = {run.max_steps}") if run.max_steps else ("epochs", goal)
        cure = f"Increase {name} to continue training, or sample with --isTrain 0."
        print(f"This run is finished: step {state.step}, {goal}. {cure}", flush=True)
        return True

    def stop_reason(self):
        """Return the signal that this process has received; else TIME_UP if this is the chief and it is; else 0."""
        return self.signals.received or (TIME_UP if self.workers.is_chief and self.state.is_time_up else 0)

    def end_if_stale(self, due, stop):
        """Make this step the last one if stop_when_stale ends the run; return what is Due now.

        due: what was Due so far; stop: the signal that ends the run at this step, TIME_UP, or 0.
        """
        state = self.state
        if due.measure and state.step < state.total and self._is_stale():
            state.total = state.step
        return state.due(self.settings, stop)

    def _is_stale(self):
        """Return whether stop_when_stale ends the run at this step. The chief decides for all workers."""
        return self.workers.all_reduce_max(self.quality.ends_run(self.state))

    def begin(self):
        """Write the files that precede the first step; return whether there is a checkpoint.

        Once there is a checkpoint, the same command resumes the run, even from step 0, no matter how this process ends.
        """
        state, outputs = self.state, self.outputs
        outputs.write_fingerprints(state)  # before the first checkpoint, so that no checkpoint lacks them
        if not outputs.save(state):
            return False
        if self.workers.is_chief:
            outputs.write_reals(state, self._first_reals())
        if state.step == 0:  # later grids are written before the checkpoint at the same step
            outputs.write_grid(state)
        outputs.write_report(state)
        self._restart_batches(state.pictures_seen)
        state.restart_clock()
        self.progress.start(state)
        return True

    def _first_reals(self):
        """Return the first images of the run, at most enough for one grid: [N, H, W, C] float32 in [-1, 1]."""
        images, count = self._parts.batches.images, min(self._parts.dataset.n, self.settings.train_samples)
        self._restart_batches(0)
        rounds = math.ceil(count / int(images.shape[0]))
        return np.concatenate([self.session.run(images) for _ in range(rounds)])[:count]

    def _last_images(self):
        """Return the paths of the images of the last step, one text for each image."""
        batches, dataset = self._parts.batches, self._parts.dataset
        count = self.settings.k * batches.size
        last = batches.order.take(max(0, self.state.pictures_seen - count), count)
        return [" or ".join(dataset.find_paths(index)) or "(no longer in the cache)" for index in last]

    def _restart_batches(self, pictures_seen):
        """Restart the stream of batches after the first `pictures_seen` images."""
        self.session.run(self._parts.batches.initializer, {self._parts.batches.start: pictures_seen})

    def roll_back(self, lost=False):
        """Return to the newest good checkpoint, with different noise and half the learning rate.

        lost: roll back because D has won, not because the run has diverged. After a divergence, raise RunError if
        on_nan forbids rollbacks or MAX_ROLLBACKS are used up. The noise and the learning rates depend on the number of
        rollbacks, which checkpoints record.
        """
        state, saved = self.state, self.state.saved
        problem = f"step {state.step}: " + ("D has won" if lost else "losses or weights are NaN or infinite")
        number = len(saved.rollbacks) + 1
        if not lost and (self.settings.on_nan == "stop" or number > MAX_ROLLBACKS):
            raise RunError(self._end_diverged(problem))
        state.saved = saved._replace(rollbacks=(*saved.rollbacks, state.step))
        if self.workers.is_chief:
            newest = self._parts.start.return_to_newest(self.session, number)
            saved = newest.manifest.saved
            state.saved = state.saved._replace(best=select.verify_best(newest), past_bests=saved.past_bests)
        self.workers.broadcast()
        state.step, state.pictures_seen, _ = self._counters()
        state.restart_clock()
        self._restart_batches(state.pictures_seen)
        self.outputs.close(state)
        self._begin_at_checkpoint(saved, self.health.diversity)
        self.outputs.save(state)  # records the rollback in the checkpoint's manifest
        self.progress.roll_back(state)
        change = f"different noise and {format_rates(self.settings, number)}"
        count = f"rollback {number} of at most {MAX_ROLLBACKS}"
        warn(f"{problem}; back to step {state.step}, with {change} ({count})", fresh_line=True)

    def _end_diverged(self, problem):
        """Write a post-mortem and the report; return the line for the user."""
        state, outputs, past = self.state, self.outputs, len(self.state.saved.rollbacks)
        images = ["", "the images of the last step:", *self._last_images()]
        outputs.write_post_mortem(state, [*self.health.post_mortem(state), *images])
        after = f", after {past} rollbacks" if past else ""
        place = outputs.post_mortem if self.workers.is_chief else f"post-mortem.txt of {self.workers.task.name(0)}"
        cure = f"See {place}; lower {format_rates(self.settings)} in params.py"
        line = f"{problem}{after}; not saved; last good checkpoint: step {outputs.saved_step}. {cure}"
        recorded_warnings.append(line)
        outputs.close(state)
        outputs.write_report(state)
        return line

    def end(self, stop):
        """Close the run after its last step and print how it ended; return the exit code.

        stop: the signal that ended the run, TIME_UP, or 0. The exit code is 1 if the last steps were not saved, 0 if
        the run is finished or its time is up, else 128 plus the number of the signal, as usual.
        """
        run, state, workers, saved_step = self.settings, self.state, self.workers, self.outputs.saved_step
        is_finished = state.step == state.total
        self.progress.close()
        if is_finished and stop in (0, TIME_UP):
            self.outputs.write_timelapse(state)
        self.outputs.close(state)
        if saved_step != state.step:
            good = f"last good checkpoint: step {saved_step}, in {run.checkpoints_dir}"
            warn(f"steps after {saved_step} were not saved; {good}")
        self.outputs.complete_report(state)
        workers.barrier()  # an early exit would look like a crash to the other workers
        if saved_step != state.step:
            return 1
        if not workers.is_chief:
            end = f"; {workers.task.name(0)} has written all files."
        elif is_finished:
            end = f". The grids are in {run.samples_dir}; the same command with --isTrain 0 generates more samples."
        else:
            end = f", saved in {run.checkpoints_dir}; the same command resumes it."
        measured = f" ({state.measured})" if state.measured else ""
        how = "Finished" if is_finished else "Stopped by max_minutes" if stop == TIME_UP else "Stopped"
        print(f"{how} at step {state.step}{measured}{end}", flush=True)
        return 0 if is_finished or stop == TIME_UP else 128 + stop
