"""The files that a run writes: checkpoints, sample grids, history.csv, TensorBoard logs and the report."""

import contextlib
import os

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints import fingerprints, manifest, store
from utils.config.names import to_bytes
from utils.errors import reason_of, recorded_warnings, warn
from utils.metrics import registry
from utils.output import events, files, history, images
from utils.output.alpha import composite
from utils.sampling import latents, picks
from utils.tasks.samples import class_list
from utils.tasks.timelapse import write_timelapse
from utils.training.report.page import REPORT, write_report

POST_MORTEM = "post-mortem.txt"


def _writes(what, consequence="training continues", errors=OSError, again=""):
    """Decorate an Outputs method that writes `what`: only the chief runs it, and a failure becomes a warning.

    again: if given, failures in a row cause one warning, and the next success prints this text. The decorated method
    returns False after a failure, otherwise True.
    """

    def decorate(method):
        def write(self, state, *arguments):
            try:
                if self._is_chief:
                    method(self, state, *arguments)
            except errors as error:
                if again not in self._awaited:
                    problem = f"{what.format(state.step)} cannot be written ({reason_of(error)})"
                    warn(f"{problem}; {consequence}", fresh_line=True)
                self._awaited.update(filter(None, [again]))
                return False
            if again in self._awaited:
                self._awaited.remove(again)
                warn(again, fresh_line=True)
            return True

        return write

    return decorate


class Outputs:
    """Writes the files of a run on the chief.

    After a failure, such as a full disk or a missing folder, training continues, and the next write is a new attempt.
    """

    def __init__(self, generator, parts, state, saved):
        """generator: the LiveGenerator; parts: the opening.Parts; state: the RunState to continue from.

        saved: the SavedState in the newest checkpoint's manifest.
        """
        self._generator, self._parts, self._start = generator, parts, parts.start
        self._run, self._is_chief, newest = parts.settings.run, parts.workers.is_chief, parts.start.newest
        self.post_mortem = os.path.join(self._run.checkpoints_dir, POST_MORTEM)
        # All grids of a run use the same noise.
        chosen, columns = picks.of_classes(self._run.train_samples, range(len(state.saved.classes)))
        self._labels, numbers = np.int32(chosen).T
        self._z = latents.noise(self._run.seed, latents.TRAINING_GRID, numbers, parts.settings.network.z_dim)
        self._columns = columns or self._run.grid_columns
        self._history, self._first_step, self._saved = None, state.step, saved
        self._events = events.Events(self._run.checkpoints_dir, state.step)
        self._awaited = set()  # texts to be printed once a file that has failed can be written again
        self._reported = []  # the warnings in the latest report
        self.saved_step = state.step if newest else None  # the step of the newest checkpoint, None without one
        self._damaged = newest.damaged if newest else ()

    def save(self, state):
        """Save a checkpoint at the state's step; if it exists, rewrite its manifest if `state.saved` changed.

        Return whether a checkpoint at this step exists.
        """
        if state.step != self.saved_step:
            self._generator.refresh(state.step)  # called on all workers, so that their EMAs stay equal
            if self._history:
                with contextlib.suppress(OSError):  # the warning about a row says more
                    self._history.sync()  # before the checkpoint, because a resumed run does not repeat these rows
            if self._save(state):
                self.saved_step, self._saved = state.step, state.saved
            else:  # an unsaved step cannot be the best
                state.saved = state.saved._replace(best=self._saved.best)
        elif state.saved != self._saved and self._rewrite_manifest(state):
            self._saved = state.saved
        return state.step == self.saved_step

    @_writes("the checkpoint at step {}", "earlier checkpoints are intact")
    def _save(self, state):
        run, saved = self._run, state.saved
        self._start.lock.hold()  # the lock was lost if the folder was replaced; another run may hold it now
        best = saved.past_bests + ((saved.best.step,) if saved.best else ())
        keep = store.RetentionPolicy(run.keep_checkpoints, run.keep_every, best, tuple(self._damaged))
        checkpoint = store.checkpoint_at(run.checkpoints_dir, state.step)
        store.save(self._generator.session, self._start.saver, checkpoint, self._manifest(state), keep)
        self._damaged = [step for step in self._damaged if step > state.step]  # the others were removed or replaced

    @_writes("the JSON file at step {}")
    def _rewrite_manifest(self, state):
        store.rewrite_manifest(store.checkpoint_at(self._run.checkpoints_dir, state.step), self._manifest(state))

    def _manifest(self, state):
        return manifest.dumps(self._parts.settings, state.step, tf.__version__, state.saved)

    @_writes(fingerprints.FILE)
    def write_fingerprints(self, state):
        """Record the run's images in checkpoints_dir, so that a later start recognizes a different data set."""
        fingerprints.write(self._run.checkpoints_dir, state.saved.run_id, self._parts.dataset, self._run)

    @_writes("the grid at step {}")
    def write_grid(self, state):
        """Write train_<step>.png to samples_dir."""
        self._generator.refresh(state.step)
        samples = np.concatenate(list(self._generator.batches(self._z, self._labels)))
        png, shape = self._sheet(samples, self._columns, state.step)
        self._write_events(state, lambda: self._events.write_grid(state.step, png, shape))
        files.write(os.path.join(self._run.samples_dir, f"train_{state.step:08d}.png"), png, sync=True)

    @_writes("the grid of real images")
    def write_reals(self, state, reals):
        """Write reals.png to samples_dir: real images before augmentation; reals: [N, H, W, C] float32 in [-1, 1].

        With classes, also write classes.csv: the position of each class in the sample grids.
        """
        png, _ = self._sheet(images.to_uint8(reals), self._run.grid_columns, step=0)
        files.write(os.path.join(self._run.samples_dir, "reals.png"), png, sync=True)
        if state.saved.classes:
            places = class_list(self._labels, self._columns, state.saved.classes)
            files.write(os.path.join(self._run.samples_dir, "classes.csv"), places, sync=True)

    def _sheet(self, shown, columns, step):
        """Return a grid of images [N, H, W, C] uint8: the PNG as bytes, and its shape."""
        sheet = images.grid(composite(shown, self._run.background), columns)
        return images.png(sheet, {"run": self._start.saved.run_id, "step": step}), sheet.shape

    @_writes("the time-lapse")
    def write_timelapse(self, state):
        """Write the time-lapse animations of the run's grids and print their paths, if there are at least two grids."""
        line = write_timelapse(self._run.samples_dir, self._start.saved.run_id)
        if line:
            print(line, flush=True)

    def write_row(self, state):
        """Write the state's row to TensorBoard's logs and to history.csv."""
        self._write_events(state, lambda: self._events.write_row(state.row))
        self._write_history(state, lambda: self._open_history().write_row(state.row))

    @_writes("the log at step {}", "its points are lost", again="TensorBoard's events are written again")
    def _write_events(self, state, write):
        write()

    @_writes("the log at step {}")
    def _close_events(self, state):
        self._events.close()

    @_writes(
        "history.csv at step {}",
        "its rows are kept, and written as soon as possible",
        again="history.csv is written again, with all rows",
    )
    def _write_history(self, state, write):
        write()

    def _open_history(self):
        # The history is opened only after the first checkpoint: logs without a checkpoint would belong to no run.
        if self._history is None:
            metrics = [metric.name for metric in registry.METRICS]
            self._history = history.History(self._run.checkpoints_dir, self._first_step, metrics)
        return self._history

    # The report reads files that others may have changed.
    @_writes(f"{REPORT} at step {{}}", errors=Exception, again=f"{REPORT} is written again")
    def write_report(self, state):
        """Write report.html to checkpoints_dir."""
        self._reported = list(recorded_warnings)
        write_report(state, self._parts.settings, self._parts.dataset)

    def complete_report(self, state):
        """Write the report again if there were warnings since it was written."""
        if self._reported != list(recorded_warnings):
            self.write_report(state)

    @_writes(POST_MORTEM)
    def write_post_mortem(self, state, lines):
        """Write these lines to post-mortem.txt in checkpoints_dir."""
        files.write(self.post_mortem, to_bytes("\n".join([*lines, ""])), sync=True)

    def close(self, state):
        """Close the TensorBoard logs; make history.csv complete: see history.History."""
        self._close_events(state)
        if self.saved_step is not None:
            self._write_history(state, lambda: self._open_history().close())
