"""Where a run starts: from a checkpoint, from the weights of another run, or from scratch.

An origin holds the folders of the run and their lock. It gives all variables their first values, and after a divergence
those of the newest good checkpoint. Only the chief of several workers has one of these; the others have a NonChief and
get all values from the chief.
"""

import contextlib
import os

import tensorflow.compat.v1 as tf

from utils.checkpoints import manifest, select, store
from utils.checkpoints.run_id import get_run_id, new_run_id
from utils.config import checks, schema
from utils.data import require_classes
from utils.data.scan import Scan
from utils.errors import UserError
from utils.output import files
from utils.runtime.lock import WriterLock
from utils.training import folders, transfer

_NETWORKS = ("generator/", "discriminator/")


@contextlib.contextmanager
def open_starting_point(settings, is_chief):
    """Check and lock the folders of a run; yield where it starts from, and release the lock at the end.

    Raise UserError if a folder is wrong, in use, or has files of another run, before any file of that run is changed.
    """
    run = settings.run
    Scan(run.pics_dir)  # raises UserError if there is no such folder
    if not is_chief:
        files.make_writable("cache_dir", run.cache_dir)
        yield NonChief(settings)
        return
    if not os.path.isdir(run.checkpoints_dir):
        folders.check_no_foreign_files(run.samples_dir, run.checkpoints_dir)
    for name in ("samples_dir", "checkpoints_dir", "cache_dir"):
        files.make_writable(name, getattr(run, name))
    files.fsync_folder(run.checkpoints_dir)  # which says so now if the file system cannot
    with contextlib.closing(WriterLock(run.checkpoints_dir)) as lock:
        newest = select.newest_good(run.checkpoints_dir)
        if newest:
            yield _resumed(settings, lock, newest)
            return
        folders.check_no_foreign_files(run.samples_dir, run.checkpoints_dir)
        yield FromPretrained(settings, lock) if run.init_from else FromScratch(settings, lock)


def _resumed(settings, lock, newest):
    """Return the FromCheckpoint of a run whose newest good checkpoint, a Selected, is `newest`; say so."""
    select.warn_damaged(newest)
    settings, kept = manifest.keep_defaults(newest.manifest, settings)
    run = settings.run
    checks.check_together(run, settings.network)
    print(manifest.check_same_run(newest.manifest, newest.checkpoint.path, settings), flush=True)
    if run.init_from:
        print(f"init_from = {run.init_from} is not used: the run continues from its own checkpoint.", flush=True)
    _announce_kept(kept)
    folders.check_grids_owner(newest.manifest, run)
    return FromCheckpoint(settings, lock, newest)


def _announce_kept(kept):
    if kept:
        print(f"These defaults have changed since that run began; its own are kept: {schema.listed(kept)}.", flush=True)


class FromScratch:
    """Random weights."""

    def __init__(self, settings, lock):
        """settings: those to train with; lock: the WriterLock of the run's checkpoints_dir."""
        self.settings, self.lock = settings, lock
        self.newest = None  # the select.Selected that the run continues from
        self.saved = manifest.SavedState(run_id=new_run_id())  # to continue from

    def check_images(self, dataset, settings):
        """Raise UserError if a conditional network cannot learn the class folders."""
        if settings.network.conditional:
            require_classes(dataset, settings.run)

    def build(self, graph, classes):
        """Add the savers to the default graph; graph: the TrainGraph; classes: names of the classes, () for none."""
        self._graph = graph
        self._variables = [v for v in tf.global_variables() if v is not graph.counters.rollbacks]
        self.saver = tf.train.Saver(self._variables, max_to_keep=None)
        self._required = [v for v in self._variables if v not in graph.optional]
        self._required_saver = tf.train.Saver(self._required) if graph.optional else self.saver

    def start(self, session):
        """Give the variables, just initialized, their first values."""
        session.run(self._graph.init_ema)

    def return_to_newest(self, session, rollbacks):
        """Give the variables the values of the newest good checkpoint; return it, a Selected.

        rollbacks: how many the run has had, with this one.
        """
        self.newest = select.require_newest_good(self.settings.run.checkpoints_dir)
        select.warn_damaged(self.newest)
        self._restore(session, rollbacks)
        return self.newest

    def _restore(self, session, rollbacks):
        checkpoint, optional = self.newest.checkpoint, self._graph.optional
        if not optional or {variable.op.name for variable in optional} <= set(store.shapes(checkpoint)):
            store.restore(session, self.saver, checkpoint, self._variables)
        else:
            store.restore(session, self._required_saver, checkpoint, self._required)
            session.run([variable.initializer for variable in optional])
        session.run(self._graph.set_rollbacks, {self._graph.new_rollbacks: rollbacks})


class FromCheckpoint(FromScratch):
    """A checkpoint of the same run."""

    def __init__(self, settings, lock, newest):
        """newest: the select.Selected to resume from."""
        super().__init__(settings, lock)
        self.newest = newest
        self.saved = newest.manifest.saved._replace(best=select.verify_best(newest), run_id=get_run_id(newest.manifest))

    def check_images(self, dataset, settings):
        """Raise UserError if the class folders are not those of the run; say so if its images have changed."""
        if settings.network.conditional:
            require_classes(dataset, settings.run, self.saved.classes)
        before = self.saved.fingerprint
        if before not in ("", dataset.fingerprint):
            print(
                f"The training images have changed ({before.split()[0]} before, {dataset.n} now); resuming, but not "
                "bit-exactly.",
                flush=True,
            )

    def start(self, session):
        """Give all variables the values of the checkpoint."""
        self._restore(session, len(self.newest.manifest.saved.rollbacks))


class FromPretrained(FromScratch):
    """The weights of another run, `init_from`, as far as they fit; optimizers and counters start fresh."""

    def __init__(self, settings, lock):
        """Raise UserError if init_from has no good checkpoint, or weights that mean something different."""
        self._init_from = settings.run.init_from
        try:
            self._source = select.select(self._init_from, "best")
        except UserError as error:
            raise UserError(f"init_from: {str(error).replace('checkpoints_dir', 'init_from')}")
        settings, kept = manifest.keep_defaults(self._source.manifest._replace(run={}), settings)
        super().__init__(settings, lock)
        _announce_kept(kept)
        transfer.check_same_meaning(self._init_from, self._source.manifest.network, settings.network)

    def build(self, graph, classes):
        """Add the savers to the default graph; raise UserError if no weights of the other run fit."""
        super().build(graph, classes)
        weights = [v for v in tf.global_variables() if v.op.name.startswith(_NETWORKS)]
        theirs = self._source.manifest
        self._transfer = transfer.Transfer(weights, self._source.checkpoint, classes, theirs.saved.classes)
        if not self._transfer.plan.taken:
            transfer.check_some_shape_fits(self._init_from, theirs.network, self.settings.network)
        self._frozen = transfer.frozen_layers(self.settings.run, self.settings.network, self._transfer.plan.taken)

    def start(self, session):
        """Give G and D the weights of the other run."""
        self._transfer.restore(session)
        step, path = self._source.checkpoint
        line = f"New run, from the weights of step {step} ({self._source.description}), {path}."
        frozen = f"Not trained: {', '.join(self._frozen)}." if self._frozen else ""
        print(" ".join(filter(None, (line, self._transfer.describe(), frozen))), flush=True)
        super().start(session)


class NonChief:
    """The origin on a worker that is not the chief: it holds no folder, and gets all values from the chief."""

    newest, saved = None, manifest.SavedState()
    check_images, start = FromScratch.check_images, FromScratch.start  # as for random weights

    def __init__(self, settings):
        """settings: those to train with, which the chief's must equal."""
        self.settings = settings

    def build(self, graph, classes):
        """Remember the graph; there is nothing to save."""
        self._graph = graph

    def return_to_newest(self, session, rollbacks):
        """Do nothing: the values come by broadcast."""
        return None
