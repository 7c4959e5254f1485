"""The starting point of a run: a checkpoint, the weights of another run, or random weights.

A StartingPoint holds the lock on checkpoints_dir, sets the initial values of all variables and, on a rollback,
restores the newest good checkpoint. Workers other than the chief start from random weights; the chief then broadcasts
its values.
"""

import contextlib
import os

import tensorflow.compat.v1 as tf

from utils.checkpoints import manifest, select, store
from utils.checkpoints.run_id import get_run_id, new_run_id
from utils.config import checks, schema
from utils.config.command_line import new_run_command
from utils.data import index, require_classes
from utils.data.scan import Scan
from utils.errors import UserError
from utils.output import files
from utils.runtime import devices, signals
from utils.runtime.lock import WriterLock
from utils.training import d_features, folders, transfer


@contextlib.contextmanager
def open_starting_point(settings, is_chief):
    """Check a run's settings and folders, and lock checkpoints_dir; yield the starting point with the lock held.

    Raise UserError if this machine does not support a setting, or if a folder is wrong, in use, or contains files from
    another run; those files are not changed. Inside this context, closing the terminal does not end the process, and
    running out of memory raises UserError.
    """
    run = settings.run._replace(precision=devices.choose_precision(settings.run.precision))
    devices.warn_unused_gpu()
    signals.ignore_hangup()
    with devices.translate_oom("batch_size", run.batch_size), _locked(settings._replace(run=run), is_chief) as start:
        yield start


@contextlib.contextmanager
def _locked(settings, is_chief):
    run = settings.run
    Scan(run.pics_dir)  # raises UserError if the folder does not exist
    if not is_chief:
        files.make_writable("cache_dir", run.cache_dir)
        yield StartingPoint(d_features.resolve(settings))
        return
    if not os.path.isdir(run.checkpoints_dir):  # a new run: if it is rejected, no folder is created
        folders.check_no_foreign_files(run)
        d_features.resolve(settings)  # raises the errors of a new run
    for name in ("samples_dir", "checkpoints_dir", "cache_dir"):
        files.make_writable(name, getattr(run, name))
    files.fsync_folder(run.checkpoints_dir)  # warns now if fsync is unsupported
    with contextlib.closing(WriterLock(run.checkpoints_dir)) as lock:
        newest = select.newest_good(run.checkpoints_dir)
        if newest:
            yield _resume(settings, lock, newest)
        else:
            folders.check_no_foreign_files(run)
            settings = d_features.resolve(settings)
            d_features.suggest_package(settings)
            yield FromPretrained(settings, lock) if run.init_from else StartingPoint(settings, lock)


def _resume(settings, lock, newest):
    """Return the StartingPoint to resume a run from a Selected; raise UserError if it cannot be resumed."""
    recorded = newest.manifest
    if recorded.run["precision"] == "float16" and not devices.gpus():  # the run began on another machine
        recorded = recorded._replace(run=dict(recorded.run, precision=settings.run.precision))
    settings = _keep_defaults(recorded, d_features.resolve(settings, recorded.network))
    run = settings.run
    checks.check_together(run, settings.network)
    print(manifest.check_same_run(newest.manifest, newest.checkpoint.path, settings), flush=True)
    if run.init_from:
        print(f"init_from = {run.init_from} is ignored: the run resumes from its own checkpoint.", flush=True)
    folders.check_grids_owner(newest.manifest, run)
    return StartingPoint(settings, lock, newest)


def _keep_defaults(recorded, settings):
    """Return the settings with the defaults that a run began with (manifest.keep_defaults); print changed ones."""
    settings, kept = manifest.keep_defaults(recorded, settings)
    if kept:
        line = "These defaults have changed since that run began; keeping its values"
        print(f"{line}: {schema.listed(kept)}.", flush=True)
    return settings


class StartingPoint:
    """A checkpoint of the same run, or random weights."""

    def __init__(self, settings, lock=None, newest=None):
        """lock: the WriterLock of checkpoints_dir, held by the chief; newest: the Selected to resume from, or None."""
        self.settings, self.lock, self.newest = settings, lock, newest
        self.saved = manifest.SavedState(run_id=new_run_id())  # the history of the run so far
        if newest:
            best, run_id = select.verify_best(newest), get_run_id(newest.manifest)
            self.saved = newest.manifest.saved._replace(best=best, run_id=run_id)

    def use_images(self, dataset):
        """Record the images in `saved`; return them with the classes of the network.

        Raise UserError for a different data set, or if the classes do not fit.
        """
        before, classes = self.saved, ()
        is_checked = folders.check_same_data_set(self.settings, before, dataset)
        if self.settings.network.conditional:
            cure = f", or start a new run: {new_run_command(self.settings)}"
            dataset = require_classes(dataset, self.settings.run, before.classes or None, cure)
            classes = tuple(dataset.classes)
        folders.announce_changes(self.settings, before, dataset, is_checked)
        self.saved = before._replace(fingerprint=dataset.fingerprint, classes=classes, data_version=index.VERSION)
        return dataset

    def build(self, graph):
        """Add the savers to the default graph; graph: the TrainGraph."""
        self._graph = graph
        self._variables = [v for v in tf.global_variables() if v is not graph.counters.rollbacks]
        self.saver = tf.train.Saver(self._variables, max_to_keep=None)
        self._required = [v for v in self._variables if v not in graph.optional]
        self._required_saver = tf.train.Saver(self._required) if graph.optional else self.saver
        self._optional_savers = [tf.train.Saver([variable]) for variable in graph.optional]

    def start(self, session):
        """Set the initial values of the variables after their initializers have run."""
        if self.newest:
            self._restore(session, len(self.saved.rollbacks))
        else:
            session.run(self._graph.init_ema)

    def return_to_newest(self, session, rollbacks):
        """Restore the newest good checkpoint; return it, a Selected.

        rollbacks: the number of rollbacks of the run, including this one.
        """
        self.newest = select.require_newest_good(self.settings.run.checkpoints_dir)
        self._restore(session, rollbacks)
        return self.newest

    def _restore(self, session, rollbacks):
        checkpoint = self.newest.checkpoint
        store.restore(session, self._required_saver, checkpoint, self._required)
        stored = store.shapes(checkpoint) if self._graph.optional else {}
        for variable, saver in zip(self._graph.optional, self._optional_savers):
            if variable.op.name in stored:
                store.restore(session, saver, checkpoint, [variable])
            else:
                session.run(variable.initializer)
        session.run(self._graph.set_rollbacks, {self._graph.new_rollbacks: rollbacks})


class FromPretrained(StartingPoint):
    """The weights of another run, `init_from`, if they fit; optimizers and counters start from scratch."""

    def __init__(self, settings, lock):
        """Raise UserError if init_from has no good checkpoint, or if its network gives weights a different meaning."""
        try:
            self._source = select.select(settings.run.init_from, "best")
        except UserError as error:
            raise UserError(f"init_from: {str(error).replace('checkpoints_dir', 'init_from')}")
        theirs = self._source.manifest
        # Clusters are not kept: if the other run has none, only G's layer for them is initialized.
        kept = theirs._replace(run={}, network=theirs.network._replace(clusters=settings.network.clusters))
        super().__init__(_keep_defaults(kept, settings), lock)
        names = set(theirs.network._fields) - transfer.IRRELEVANT - transfer.SHAPES
        transfer.check_equal(self.settings, theirs.network, names, "has a different network")

    def build(self, graph):
        """Add the savers and the copy operations to the default graph; raise UserError if no weights can be copied."""
        super().build(graph)
        theirs, settings = self._source.manifest, self.settings
        weights = {
            v.op.name: v for v in tf.global_variables() if v.op.name.startswith(("generator/", "discriminator/"))
        }
        shapes = {name: variable.shape.as_list() for name, variable in weights.items()}
        stored = store.shapes(self._source.checkpoint)
        self._plan = transfer.plan(shapes, stored, self.saved.classes, theirs.saved.classes)
        if not self._plan.copied:
            transfer.check_equal(settings, theirs.network, transfer.SHAPES, "has no layer that fits")
        self._frozen = transfer.frozen_layers(settings.run, settings.network, self._plan.copied)
        self._weights = {name: weights[name] for name in self._plan.whole + self._plan.by_row}
        self._values = {name: tf.placeholder(tf.float32, shapes[name]) for name in self._weights}
        self._assign = [variable.assign(self._values[name]) for name, variable in self._weights.items()]

    def start(self, session):
        """Copy the other run's weights into G, D and the EMA; print their source and what was not copied."""
        values, (step, path) = session.run(self._weights), self._source.checkpoint
        for name, theirs in zip(values, store.values(self._source.checkpoint, list(values))):
            if name in self._plan.whole:
                values[name] = theirs
            else:
                for label, their_label in self._plan.rows:
                    values[name][label] = theirs[their_label]
        session.run(self._assign, {self._values[name]: value for name, value in values.items()})
        source = f"New run, from the weights at step {step} ({self._source.description}), {path}."
        frozen = f"Not trained: {', '.join(self._frozen)}." if self._frozen else ""
        print(" ".join(filter(None, (source, transfer.describe(self._plan), frozen))), flush=True)
        super().start(session)
