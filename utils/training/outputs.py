"""What a run writes while it trains: checkpoints, sample grids, history.csv, TensorBoard logs and the report."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints import manifest, store
from utils.errors import reason_of
from utils.metrics import registry
from utils.output import files, history, images
from utils.output.alpha import composite
from utils.output.terminal import warn
from utils.sampling import latents
from utils.tasks.samples import class_list
from utils.tasks.timelapse import write_timelapse
from utils.training.report.page import REPORT, Report


class Outputs:
    """Writes the files of a run; asked twice for the same step, it writes once.

    A failure (a full disk, a folder that is gone) is a warning, and training continues: it is retried at the next
    interval.
    """

    def __init__(self, session, generator, parts, state):
        """generator: the LiveGenerator; parts: the run.Parts; state: the RunState to continue from."""
        self._session, self._generator, self._start = session, generator, parts.start
        self._settings, self._run = parts.settings, parts.settings.run
        # All grids of a run show the same noise.
        z = latents.noise(self._run.seed, latents.TRAINING_GRID, self._run.train_samples, self._settings.network.z_dim)
        classes = list(range(len(state.saved.classes)))
        self._z, self._labels, columns = latents.rows_of_classes(z, self._run.train_samples, classes)
        self._columns = columns or self._run.grid_columns
        self._class_list = class_list(self._labels, columns, state.saved.classes) if columns else b""
        self._history = None
        self._report = Report(self._settings, parts.dataset, self._start.saved.run_id)
        self._continue_from(state, self._start.newest)

    def _continue_from(self, state, newest):
        """Continue after a checkpoint, a Selected, or with None from the start."""
        self._first_step, self._saved = state.step, state.saved
        self.saved_step = state.step if newest else None  # of the newest checkpoint
        # Grids are written before the checkpoint of their step; only that of step 0 after it.
        self._grid_step = state.step if newest and state.step else None
        self._damaged = [damaged.checkpoint.step for damaged in newest.damaged] if newest else []

    def save(self, state):
        """Save a checkpoint of the state's step, or rewrite its JSON if only that has changed.

        Return whether a checkpoint of this step exists.
        """
        if state.step != self.saved_step:
            self._attempt(f"the checkpoint of step {state.step}", self._save, state)
            if state.step != self.saved_step:  # an unsaved step cannot be the best
                state.saved = state.saved._replace(best=self._saved.best)
        elif state.saved != self._saved:
            self._attempt(f"the JSON of step {state.step}", self._rewrite_manifest, state)
        return state.step == self.saved_step

    def _save(self, state):
        run, saved = self._run, state.saved
        self._generator.refresh(state.step)
        self._start.lock.hold()  # lost if the folder was replaced, where another run may have it now
        best = saved.past_bests + ((saved.best.step,) if saved.best else ())
        keep = store.RetentionPolicy(run.keep_checkpoints, run.keep_every, best, tuple(self._damaged))
        checkpoint = store.checkpoint_at(run.checkpoints_dir, state.step)
        store.save(self._session, self._start.saver, checkpoint, self._manifest(state), keep)
        self._saved, self.saved_step = saved, state.step
        self._damaged = [step for step in self._damaged if step > state.step]  # the others are removed, or good again

    def _rewrite_manifest(self, state):
        store.rewrite_manifest(store.checkpoint_at(self._run.checkpoints_dir, state.step), self._manifest(state))
        self._saved = state.saved

    def _manifest(self, state):
        return manifest.dumps(self._settings, state.step, tf.__version__, state.saved)

    def roll_back(self, state, newest):
        """Continue from a checkpoint, a Selected, and record there that the run diverged."""
        damaged = self._damaged
        self.close()
        self._continue_from(state, newest)
        self._saved = newest.manifest.saved  # which does not have this rollback yet
        self._damaged = damaged + self._damaged
        self._grid_step = state.step
        self._attempt("the rollback", self._rewrite_manifest, state)

    def write_grid(self, state):
        """Write samples/train_<step>.png."""
        if state.step != self._grid_step:
            self._attempt(f"the grid of step {state.step}", self._write_grid, state.step)

    def _write_grid(self, step):
        self._generator.refresh(step)
        samples = np.concatenate(list(self._generator.batches(self._z, self._labels)))
        samples = composite(samples, self._run.background)
        sheet = images.grid(samples, self._columns)
        png = self._write_sheet(f"train_{step:08d}.png", sheet, step)
        self._open_history().write_grid(step, png, sheet.shape)
        self._grid_step = step

    def write_timelapse(self):
        """Write the films of all grids of the run."""
        self._attempt("the time-lapse", self._write_timelapse)

    def _write_timelapse(self):
        line = write_timelapse(self._run.samples_dir, self._start.saved.run_id)
        if line:
            print(line, flush=True)

    def write_reals(self, reals):
        """Write samples/reals.png: images as the networks get them; reals: [N, H, W, C] float32 in [-1, 1].

        For classes also samples/classes.csv, which says where each of them is in the grids of samples.
        """
        shown = composite(images.to_uint8(reals), self._run.background)
        sheet = images.grid(shown, self._run.grid_columns)
        self._attempt("reals.png", self._write_sheet, "reals.png", sheet, 0)
        if self._class_list:
            path = os.path.join(self._run.samples_dir, "classes.csv")
            self._attempt("classes.csv", files.write, path, self._class_list)

    def write_row(self, state):
        """Write the state's row into history.csv and TensorBoard."""
        self._attempt(f"the log of step {state.step}", self._write_row, state.row)

    def _write_row(self, row):
        self._open_history().write_row(row)

    def write_report(self, state):
        """Write checkpoints/report.html."""
        try:
            self._report.write(state)
        except Exception as error:  # it reads files that others may have changed
            reason = reason_of(error)
            warn(f"{REPORT} of step {state.step} cannot be written ({reason}); training continues", fresh_line=True)

    def close(self):
        """Close history.csv and the TensorBoard logs."""
        if self._history is not None:
            self._attempt("the logs", self._history.close)
            self._history = None

    def _attempt(self, what, write, *arguments):
        try:
            write(*arguments)
        except OSError as error:
            consequence = "earlier checkpoints are intact" if write == self._save else "training continues"
            warn(f"{what} cannot be written ({error}); {consequence}", fresh_line=True)

    def _write_sheet(self, name, sheet, step):
        png = images.png(sheet, {"run": self._start.saved.run_id, "step": step})
        files.write(os.path.join(self._run.samples_dir, name), png)
        return png

    def _open_history(self):
        # Only when the first checkpoint exists: logs without one would belong to no run.
        if self._history is None:
            self._history = history.History(self._run.checkpoints_dir, self._first_step, registry.columns())
        return self._history


class NoOutputs:
    """The outputs of a worker that is not the chief: none. Its weights and statistics stay equal to the chief's."""

    def __init__(self, generator):
        """generator: the LiveGenerator."""
        self._generator = generator
        self.saved_step = None

    def save(self, state):
        """Give the averaged G the statistics that the chief saves."""
        self._generator.refresh(state.step)
        self.saved_step = state.step
        return True

    def roll_back(self, state, newest):
        """Do nothing."""

    def write_grid(self, state):
        """Do nothing."""

    def write_timelapse(self):
        """Do nothing."""

    def write_row(self, state):
        """Do nothing."""

    def write_report(self, state):
        """Do nothing."""

    def close(self):
        """Do nothing."""
