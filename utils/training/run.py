"""A training run: everything that the loop in main.py works with, opened and closed as one object."""

import contextlib
import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints import manifest, select
from utils.data.batches import reraise_input_errors
from utils.errors import RunError
from utils.output.progress import Progress
from utils.output.terminal import warn
from utils.runtime import devices
from utils.runtime.signals import StopSignals
from utils.training import ending
from utils.training.guard import MAX_ROLLBACKS, Guard, rates
from utils.training.live_generator import LiveGenerator
from utils.training.outputs import NoOutputs, Outputs
from utils.training.quality import NoQuality, Quality, open_measurer
from utils.training.state import Pace, RunState, Schedule


class Parts(NamedTuple):
    """What a run is made of."""

    settings: Any  # config.settings.Settings
    workers: Any  # runtime.cluster.Workers
    dataset: Any  # the training ImageDataset
    start: Any  # where it starts from: see starting_point.py
    batches: Any  # data.batches.Batches, in the default graph
    graph: Any  # model.train_graph.TrainGraph, in the default graph
    sampler: Any  # model.sample_graph.Sampler, in the default graph

    @property
    def classes(self):
        """The names of the classes that are learned, in the order of their labels; () for none."""
        return tuple(self.dataset.classes) if self.settings.network.conditional else ()


@contextlib.contextmanager
def open_run(parts):
    """Complete and finalize the default graph, open the session, give all variables their values; yield the Run.

    Raise UserError if workers have different settings or images, RunError where another worker fails.
    """
    run, workers = parts.settings.run, parts.workers
    with workers.scope():
        initializer = tf.global_variables_initializer()
    parts.start.build(parts.graph, parts.classes)
    workers.build_broadcast(tf.global_variables())
    measurer = open_measurer(parts.dataset, parts.settings) if workers.is_chief else None
    tf.get_default_graph().finalize()

    opening = workers.session(devices.session_config(run.precision))
    with workers.translate_worker_errors(), reraise_input_errors(
        parts.batches
    ), opening as session, StopSignals() as signals:
        workers.check_same_config(manifest.fingerprint(parts.settings, parts.dataset.fingerprint))
        session.run(initializer)
        parts.start.start(session)
        workers.broadcast()
        opened = Run(session, parts, measurer, signals)
        with contextlib.closing(opened.progress):
            yield opened


class Run:
    """What the loop works with: session, graph and state, and those that look after the run."""

    def __init__(self, session, parts, measurer, signals):
        """parts: the Parts; measurer: a measure.Measurer or None; signals: the StopSignals."""
        run, self._parts = parts.settings.run, parts
        self.session, self.workers, self.signals, self.k = session, parts.workers, signals, run.k
        wait_seconds = {"wait_seconds": parts.batches.wait_seconds}
        self.graph = parts.graph._replace(d_updates=[dict(update, **wait_seconds) for update in parts.graph.d_updates])
        self.state = self._first_state()
        self.schedule = Schedule(run)
        self._generator = LiveGenerator(session, parts.sampler, parts.dataset.labels)
        self.guard = Guard(session, self.graph, self._generator, run)
        self.progress = Progress(self.state, run.log_every, shown=self.workers.is_chief)
        if self.workers.is_chief:
            self.outputs = Outputs(session, self._generator, parts, self.state)
            self.quality = Quality(measurer, self._generator, run)
        else:
            self.outputs, self.quality = NoOutputs(self._generator), NoQuality()

    def _first_state(self):
        """Return the RunState at the start of this process."""
        run, dataset = self._parts.settings.run, self._parts.dataset
        pace = Pace(dataset.n, run.k * self._parts.batches.size, run.log_every)
        step, seen, rollbacks = self._counters()
        total = run.max_steps or step + math.ceil((run.epochs * pace.n - seen) / pace.images_per_step)
        saved = self._parts.start.saved._replace(fingerprint=dataset.fingerprint, classes=self._parts.classes)
        if not self.workers.is_chief:
            saved = saved._replace(rollbacks=(0,) * rollbacks)  # only the chief knows at which steps
        return RunState(step, seen, total, saved, pace)

    def _counters(self):
        """Return (step, images seen, rollbacks), as the graph counts them."""
        counters = self.graph.counters
        fetches = [counters.step, counters.pictures_seen, counters.rollbacks]
        return tuple(int(value) for value in self.session.run(fetches))

    def is_finished(self):
        """Return whether no step is left, and say so."""
        if self.state.step < self.state.total:
            return self._is_stale()
        ending.announce_finished(self._parts.settings.run, self.state, self._parts.dataset.n)
        return True

    def end_if_stale(self, due, stop):
        """Make this step the last one where stop_when_stale asks for it; return what is then Due.

        due: what was due at this step before; stop: the signal by which the run stops there, or 0.
        """
        state = self.state
        if not due.measure or state.step == state.total or not self._is_stale():
            return due
        state.total = state.step
        return self.schedule.at(state, stop)

    def _is_stale(self):
        """Return whether stop_when_stale ends the run at this step, and say so. The chief decides for all workers."""
        if not self.workers.all_reduce_max(self.quality.is_stale(self.state)):
            return False
        if self.workers.is_chief:
            ending.announce_stale(self._parts.settings.run, self.state.saved.best)
        return True

    def begin(self):
        """Write what exists before the first step; return whether there is a checkpoint.

        With one, even of step 0, the same command resumes the run, however it ends from here on.
        """
        if not self.outputs.save(self.state):
            return False
        if self.workers.is_chief:
            self.outputs.write_reals(self._first_reals())
        self.outputs.write_grid(self.state)
        self.outputs.write_report(self.state)
        self._restart_batches()
        self.state.restart_clock()
        self.progress.start(self.state)
        return True

    def _first_reals(self):
        """Return the first images of the run, at most as many as a grid has: [N, H, W, C] float32 in [-1, 1]."""
        batches = self._parts.batches
        count = min(self._parts.dataset.n, self._parts.settings.run.train_samples)
        self.session.run(batches.initializer, {batches.start: 0})
        rounds = math.ceil(count / int(batches.images.shape[0]))
        return np.concatenate([self.session.run(batches.images) for _ in range(rounds)])[:count]

    def _restart_batches(self):
        """Let the stream of batches continue after the images seen so far."""
        batches = self._parts.batches
        self.session.run(batches.initializer, {batches.start: self.state.pictures_seen})

    def roll_back(self, lost=False):
        """Return to the newest good checkpoint, with different noise and half the learning rate.

        lost: because D has won; otherwise because of a divergence. Then raise RunError if on_nan forbids it, or after
        MAX_ROLLBACKS.
        """
        state, run, past = self.state, self._parts.settings.run, self.state.saved.rollbacks
        problem = f"step {state.step}: " + ("D has won" if lost else "losses or weights are NaN or infinite")
        if not lost and (run.on_nan == "stop" or len(past) >= MAX_ROLLBACKS):
            line = ending.report_divergence(problem, self._parts, state, self.guard, self.outputs.saved_step)
            self.outputs.write_report(state)
            raise RunError(line)
        saved = state.saved._replace(rollbacks=(*past, state.step))
        newest = self._parts.start.return_to_newest(self.session, len(saved.rollbacks))
        self.workers.broadcast()
        if newest:
            saved = saved._replace(best=select.verify_best(newest), past_bests=newest.manifest.saved.past_bests)
        step, seen, _ = self._counters()
        state.roll_back(step, seen, saved)
        self._restart_batches()
        self._generator.forget()
        self.guard.forget()
        self.outputs.roll_back(state, newest)
        self.progress.roll_back(state)
        number = len(saved.rollbacks)
        warn(
            f"{problem}; back to step {step}, with different noise and {rates(run, number)} (rollback {number} of at "
            f"most {MAX_ROLLBACKS})",
            fresh_line=True,
        )

    def end(self, stop):
        """Close the run after its last step and say how it ended; return the exit code.

        stop: the signal that ended it, or 0.
        """
        self.progress.close()
        if not stop:
            self.outputs.write_timelapse()
        self.outputs.close()
        self.workers.barrier()  # an early exit would look like a crash to the others
        return ending.report(self._parts, self.state, self.outputs.saved_step, stop)
