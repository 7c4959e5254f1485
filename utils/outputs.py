"""What training writes while it runs: checkpoints, sample grids, history.csv and TensorBoard logs."""

import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from utils import checkpoint, images, record, sampling
from utils.logs import Logs


class Outputs:
    """Writes a run's files. Asked twice for the same step, it writes once.

    Where writing fails (a full disk, a folder that is gone) it says so and training goes on: the next interval is the
    next try.
    """

    def __init__(self, session, sampler, saver, settings, step, state, found, writer_lock):
        """Go on behind `step` with the record.State `state`; found: the checkpoint.Found it comes from, or None."""
        self._writer_lock = writer_lock
        self._passed_over = [damaged.step for damaged, _ in found.damaged] if found else []
        self._session, self._sampler, self._saver, self._settings = session, sampler, saver, settings
        self._run = settings.run
        # All grids of a run show the same noise.
        self._z = sampling.noise(
            self._run.seed, sampling.TRAINING_GRID, self._run.train_samples, settings.network.z_dim
        )
        self._first_step = step
        self.state = state
        self.saved_step = step if found else None  # of the newest checkpoint
        # Of the newest grid. Those due at later steps were written before their checkpoint; the first one, after it.
        self._grid_step = step if found and step else None
        self._logs = None

    def save(self, step):
        """Save a checkpoint of `step`; return whether it stands."""
        if step != self.saved_step:
            self._attempt("the checkpoint of step %d" % step, self._save, step)
        return step == self.saved_step

    def _save(self, step):
        run = self._run
        self._writer_lock.hold()  # which is gone if the folder is, and another run may have it now
        text = record.dumps(self._settings, step, tf.__version__, self.state)
        folder, keep = run.checkpoints_dir, run.keep_checkpoints
        checkpoint.save(self._session, self._saver, folder, step, text, keep, run.keep_every, self._passed_over)
        self._passed_over = [s for s in self._passed_over if s > step]  # the others are gone, or good again
        self.saved_step = step

    def rolled_back(self, found, wrong_step):
        """Go on behind a checkpoint.Found again, and have it remember that the run went wrong at wrong_step."""
        newest = found.checkpoint
        self._passed_over += [damaged.step for damaged, _ in found.damaged]
        self.close()
        self._logs = None
        self._first_step = self.saved_step = self._grid_step = newest.step
        self.state = self.state._replace(rollbacks=(*self.state.rollbacks, wrong_step))
        text = record.dumps(self._settings, newest.step, tf.__version__, self.state)
        self._attempt("the rollback", checkpoint.rewrite_record, newest, text)

    def write_grid(self, step):
        """Write samples/train_<step>.png."""
        if step != self._grid_step:
            self._attempt("the grid of step %d" % step, self._write_grid, step)

    def _write_grid(self, step):
        pictures = np.concatenate(list(sampling.pictures(self._session, self._sampler, self._z)))
        sheet, png = self._write_sheet("train_%08d.png" % step, pictures)
        self._open_logs().write_grid(step, png, sheet.shape)
        self._grid_step = step

    def write_reals(self, batches, n):
        """Write samples/reals.png: what the network gets of n pictures. After it, batches must be initialised anew."""
        self._attempt("reals.png", self._write_reals, batches, min(n, self._run.train_samples))

    def _write_reals(self, batches, count):
        self._session.run(batches.initializer, {batches.start: 0})
        rounds = -(-count // self._run.batch_size)
        reals = np.concatenate([self._session.run(batches.images) for _ in range(rounds)])
        self._write_sheet("reals.png", images.to_uint8(reals[:count]))

    def write_row(self, row):
        """Write a row of numbers, a dict with the keys of logs.COLUMNS."""
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

    def _write_sheet(self, name, pictures):
        sheet = images.grid(pictures, self._run.grid_columns)
        png = images.png(sheet)
        images.write(os.path.join(self._run.samples_dir, name), png)
        return sheet, png

    def _open_logs(self):
        # Only now, when a first checkpoint stands: whoever finds logs finds what they are the logs of.
        if self._logs is None:
            self._logs = Logs(self._run.checkpoints_dir, self._first_step)
        return self._logs
