"""A training run: everything that the loop in main.py uses, opened and closed as one object.

All workers of a run have the same objects and call them alike. Only the chief measures, prints and writes files.
"""

import contextlib
import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints import manifest, select
from utils.data.batches import reraise_input_errors
from utils.errors import RunError
from utils.output.progress import Progress
from utils.output.terminal import record_warning, warn
from utils.runtime import devices
from utils.runtime.signals import StopSignals
from utils.training import ending
from utils.training.health import MAX_ROLLBACKS, Health, format_rates
from utils.training.live_generator import LiveGenerator
from utils.training.outputs import POST_MORTEM, Outputs
from utils.training.quality import Quality, open_measurer
from utils.training.state import Pace, RunState, Schedule


class Parts(NamedTuple):
    """The parts of a run, built before its session is opened."""

    settings: Any  # config.settings.Settings
    workers: Any  # runtime.cluster.Workers
    dataset: Any  # the training ImageDataset
    start: Any  # the starting point: see starting_point.py
    batches: Any  # data.batches.Batches, in the default graph
    graph: Any  # model.train_graph.TrainGraph, in the default graph
    sampler: Any  # model.sample_graph.Sampler, in the default graph

    @property
    def classes(self):
        """The names of the classes, in the order of their labels; () if the network is unconditional."""
        return tuple(self.dataset.classes) if self.settings.network.conditional else ()


@contextlib.contextmanager
def open_run(parts):
    """Complete and finalize the default graph, open the session, initialize or restore all variables; yield the Run.

    Raise UserError if workers have different settings or images, RunError if another worker fails.
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
    """The session, graph and state of a run, and the objects that show, check, measure and save it."""

    def __init__(self, session, parts, measurer, signals):
        """parts: the Parts; measurer: a measure.Measurer or None; signals: the StopSignals."""
        run, self._parts = parts.settings.run, parts
        self.session, self.workers, self.signals, self.k = session, parts.workers, signals, run.k
        wait_seconds = {"wait_seconds": parts.batches.wait_seconds}
        self.graph = parts.graph._replace(d_updates=[dict(update, **wait_seconds) for update in parts.graph.d_updates])
        self.state = self._first_state()
        self.schedule = Schedule(run)
        self._generator = LiveGenerator(session, parts.sampler, parts.dataset.labels)
        self.health = Health(session, self._generator, parts)
        self.progress = Progress(self.state, run.log_every, shown=self.workers.is_chief)
        self.outputs = Outputs(session, self._generator, parts, self.state)
        self.quality = Quality(measurer, self._generator, self.health, run)

    def _first_state(self):
        """Return the RunState at the start of this process."""
        run, dataset = self._parts.settings.run, self._parts.dataset
        pace = Pace(dataset.n, run.k * self._parts.batches.size, run.log_every)
        step, seen, rollbacks = self._counters()
        total = run.max_steps or step + math.ceil((run.epochs * pace.n - seen) / pace.images_per_step)
        saved = self._parts.start.saved._replace(fingerprint=dataset.fingerprint, classes=self._parts.classes)
        saved = saved._replace(rollbacks=saved.rollbacks or (0,) * rollbacks)  # only the chief has their steps
        return RunState(step, seen, total, saved, pace)

    def _counters(self):
        """Return the variables (step, images seen, rollbacks) of the graph as integers."""
        counters = self.graph.counters
        return map(int, self.session.run([counters.step, counters.pictures_seen, counters.rollbacks]))

    def is_finished(self):
        """Return whether no step is left; print it."""
        if self.state.step < self.state.total:
            return self._is_stale()
        ending.announce_finished(self._parts.settings.run, self.state, self._parts.dataset.n)
        return True

    def end_if_stale(self, due, stop):
        """Make this step the last one if stop_when_stale ends the run; return what is Due now.

        due: what was Due so far; stop: the signal that ends the run at this step, or 0.
        """
        state = self.state
        if due.measure and state.step < state.total and self._is_stale():
            state.total = state.step
            return self.schedule.at(state, stop)
        return due

    def _is_stale(self):
        """Return whether stop_when_stale ends the run at this step; print it. The chief decides for all workers."""
        is_stale = self.workers.all_reduce_max(self.quality.is_stale(self.state))
        if is_stale and self.workers.is_chief:
            ending.announce_stale(self._parts.settings.run, self.state.saved.best)
        return is_stale

    def begin(self):
        """Write the files that exist before the first step; return whether there is a checkpoint.

        From then on the same command resumes the run, even from step 0, however this process ends.
        """
        if not self.outputs.save(self.state):
            return False
        if self.workers.is_chief:
            self.outputs.write_reals(self.state, self._first_reals())
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
        """Continue the stream of batches after the images seen so far."""
        batches = self._parts.batches
        self.session.run(batches.initializer, {batches.start: self.state.pictures_seen})

    def roll_back(self, lost=False):
        """Return to the newest good checkpoint, with different noise and half the learning rate.

        lost: because D has won; otherwise because of a divergence, which raises RunError if on_nan forbids a rollback
        or MAX_ROLLBACKS are used up. Noise and rate follow from the number of rollbacks, which checkpoints record.
        """
        state, run, workers = self.state, self._parts.settings.run, self.workers
        problem = f"step {state.step}: " + ("D has won" if lost else "losses or weights are NaN or infinite")
        saved = state.saved._replace(rollbacks=(*state.saved.rollbacks, state.step))
        number = len(saved.rollbacks)
        if not lost and (run.on_nan == "stop" or number > MAX_ROLLBACKS):
            self._end_diverged(problem)
        if workers.is_chief:
            newest = self._parts.start.return_to_newest(self.session, number)
            saved = saved._replace(best=select.best_of(newest), past_bests=newest.manifest.saved.past_bests)
        workers.broadcast()
        step, seen, _ = self._counters()
        state.roll_back(step, seen, saved)
        self._restart_batches()
        self._generator.reset()
        self.health.reset(step)
        if workers.is_chief:
            self.outputs.roll_back(state, newest)
        self.progress.roll_back(state)
        rates = format_rates(run, number)
        line = f"{problem}; back to step {step}, with different noise and {rates}"
        warn(f"{line} (rollback {number} of at most {MAX_ROLLBACKS})", fresh_line=True)

    def _end_diverged(self, problem):
        """Write a post-mortem and the report; raise RunError."""
        state, run, past = self.state, self._parts.settings.run, len(self.state.saved.rollbacks)
        self.outputs.write_post_mortem(state, self.health.post_mortem(state))
        path = self.outputs.post_mortem if self.workers.is_chief else f"{POST_MORTEM} of the chief"
        line = f"{problem}{f', after {past} rollbacks' if past else ''}; not saved; last good checkpoint: step "
        line += f"{self.outputs.saved_step}. See {path}; lower {format_rates(run)} in params.py"
        record_warning(line)
        self.outputs.write_report(state)
        raise RunError(line)

    def end(self, stop):
        """Close the run after its last step, print how it ended; return the exit code.

        stop: the signal that ended it, or 0.
        """
        self.progress.close()
        if not stop:
            self.outputs.write_timelapse(self.state)
        self.outputs.close(self.state)
        self.workers.barrier()  # an early exit would look like a crash to the other workers
        return ending.report(self._parts, self.state, self.outputs.saved_step, stop)
