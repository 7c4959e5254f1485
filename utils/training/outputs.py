"""What training writes while it runs: checkpoints, sample grids, history.csv and TensorBoard logs."""

import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from utils.checkpoints import manifest as record
from utils.checkpoints import store as checkpoint
from utils.metrics import measure
from utils.output import files
from utils.output import pictures as images
from utils.output.history import History
from utils.sampling import pictures as sampling


class Outputs:
    """Writes a run's files. Asked twice for the same step, it writes once.

    Where writing fails (a full disk, a folder that is gone) it says so and training goes on: the next interval is the
    next try.
    """

    writes = True  # whether it writes at all

    def __init__(self, session, sampler, saver, settings, labels, step, state, found, writer_lock):
        """Go on behind `step` with the record.State `state`; found: the checkpoint.Found it comes from, or None.

        labels: [n] int32, of the classes of all pictures.
        """
        self._writer_lock = writer_lock
        self._passed_over = [damaged.step for damaged, _ in found.damaged] if found else []
        self._session, self._sampler, self._saver, self._settings = session, sampler, saver, settings
        self._run, self._folder = settings.run, settings.run.checkpoints_dir
        # All grids of a run show the same noise.
        count, all_classes = self._run.train_samples, list(range(len(state.classes)))
        z = sampling.noise(self._run.seed, sampling.TRAINING_GRID, count, settings.network.z_dim)
        self._z, self._labels, columns = sampling.rows_of_classes(z, count, all_classes)
        self._columns = columns or self._run.grid_columns
        self._labels_of_all = labels
        self._refreshed = None  # the step whose weights the averaged G's statistics belong to
        self._first_step = step
        self.state = self._saved_state = state
        self.saved_step = step if found else None  # of the newest checkpoint
        # Of the newest grid. Those due at later steps were written before their checkpoint; the first one, after it.
        self._grid_step = step if found and step else None
        self._logs = None

    def save(self, step):
        """Save a checkpoint of `step`; return whether it stands."""
        if step != self.saved_step:
            self._attempt("the checkpoint of step %d" % step, self._save, step)
            if step != self.saved_step:  # nor is it the best one then, for which the one before would go
                self.state = self.state._replace(best=self._saved_state.best)
        elif self.state != self._saved_state:
            self._attempt("the record of step %d" % step, self._write_record, checkpoint.at(self._folder, step))
        return step == self.saved_step

    def _write_record(self, saved):
        text = record.dumps(self._settings, saved.step, tf.__version__, self.state)
        checkpoint.rewrite_record(saved, text)
        self._saved_state = self.state

    def _save(self, step):
        run = self._run
        self._refresh(step)
        self._writer_lock.hold()  # which is gone if the folder is, and another run may have it now
        text = record.dumps(self._settings, step, tf.__version__, self.state)
        best = self.state.former + ((self.state.best.step,) if self.state.best else ())
        keep = checkpoint.Keep(run.keep_checkpoints, run.keep_every, best, self._passed_over)
        checkpoint.save(self._session, self._saver, self._folder, step, text, keep)
        self._saved_state = self.state
        self._passed_over = [s for s in self._passed_over if s > step]  # the others are gone, or good again
        self.saved_step = step

    def rolled_back(self, found, wrong_step):
        """Go on behind a checkpoint.Found again, and have it remember that the run went wrong at wrong_step."""
        newest = found.checkpoint
        self._passed_over += [damaged.step for damaged, _ in found.damaged]
        self.close()
        self._logs = None
        self._first_step = self.saved_step = self._grid_step = newest.step
        self._refreshed = None
        rollbacks, then = (*self.state.rollbacks, wrong_step), found.record.state
        best = checkpoint.best_of(found)
        self.state = self.state._replace(rollbacks=rollbacks, best=best, former=then.former)
        self._attempt("the rollback", self._write_record, newest)

    def write_grid(self, step):
        """Write samples/train_<step>.png."""
        if step != self._grid_step:
            self._attempt("the grid of step %d" % step, self._write_grid, step)

    def _write_grid(self, step):
        self._refresh(step)
        pictures = np.concatenate(list(sampling.pictures(self._session, self._sampler, self._z, self._labels)))
        sheet, png = self._write_sheet("train_%08d.png" % step, pictures, self._columns)
        self._open_logs().write_grid(step, png, sheet.shape)
        self._grid_step = step

    def write_reals(self, batches, n):
        """Write samples/reals.png: what the network gets of n pictures. After it, batches must be initialised anew."""
        self._attempt("reals.png", self._write_reals, batches, min(n, self._run.train_samples))

    def _write_reals(self, batches, count):
        self._session.run(batches.initializer, {batches.start: 0})
        rounds = -(-count // int(batches.images.shape[0]))
        reals = np.concatenate([self._session.run(batches.images) for _ in range(rounds)])
        self._write_sheet("reals.png", images.to_uint8(reals[:count]), self._run.grid_columns)

    def is_sound(self, step):
        """Say whether the generator that samples come from is made of finite numbers, its statistics among them."""
        self._refresh(step)
        return bool(self._session.run(self._sampler.sound))

    def measure(self, step, measurer):
        """Return what a measure.Measurer finds of the generator that samples come from."""
        self._refresh(step)
        return measurer(self._session, self._sampler)

    def _refresh(self, step):
        if step != self._refreshed:
            sampling.refresh(self._session, self._sampler, self._settings.network.z_dim, self._labels_of_all)
            self._refreshed = step

    def write_row(self, row):
        """Write a row of numbers, a dict with the keys of history.STEP_COLUMNS."""
        self._attempt("the log of step %d" % row["step"], lambda: self._open_logs().write_row(row))

    def close(self):
        """Close the logs."""
        if self._logs is not None:
            self._attempt("the logs", self._logs.close)

    def _attempt(self, what, write, *arguments):
        try:
            write(*arguments)
        except OSError as error:
            safe = "what was saved before is safe" if write == self._save else "training goes on"
            print("\nmain.py: %s cannot be written (%s); %s" % (what, error, safe), file=sys.stderr)

    def _write_sheet(self, name, pictures, columns):
        sheet = images.grid(pictures, columns)
        png = images.png(sheet)
        files.write(os.path.join(self._run.samples_dir, name), png)
        return sheet, png

    def _open_logs(self):
        # Only now, when a first checkpoint stands: whoever finds logs finds what they are the logs of.
        if self._logs is None:
            self._logs = History(self._run.checkpoints_dir, self._first_step, measure.COLUMNS)
        return self._logs


class NoOutputs(Outputs):
    """What a worker that is not the chief has in their place: it keeps step with the chief, and writes nothing."""

    writes = False

    def save(self, step):
        """Give the averaged G the statistics that the chief saves."""
        self._refresh(step)
        self.saved_step = step
        return True

    def rolled_back(self, found, wrong_step):
        """Count the rollback; found is None."""
        self._refreshed = None
        self.state = self.state._replace(rollbacks=(*self.state.rollbacks, wrong_step))

    def _attempt(self, what, write, *arguments):
        pass
