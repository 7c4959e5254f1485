"""Train a DCGAN on the pictures in pics/, or make pictures with it: `python main.py`. Settings are in params.py.

TensorFlow, and what needs it, is imported inside the functions, so that --help and mistakes are answered at once.
"""

import math
import os
import sys

from utils.config.settings import describe, resolve
from utils.errors import RunError, UserError
from utils.output.terminal import make_forgiving
from utils.runtime import cluster, tf_config
from utils.runtime.start import import_tensorflow


def main(argv):
    """Do what the settings say; return the exit code."""
    make_forgiving()
    try:
        settings = resolve(argv)
        task = tf_config.task_of(os.environ) if settings.run.isTrain else None
        print(describe(settings), flush=True)
        import_tensorflow()
        return train(settings, task) if settings.run.isTrain else sample(settings)
    except UserError as error:
        print("main.py: %s" % error, file=sys.stderr)
        return 2
    except (RunError, OSError) as error:
        print("main.py: %s" % error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("main.py: stopped", file=sys.stderr)
        return 130


def train(settings, task):
    """Train from the newest good checkpoint, or from the start, until `epochs` or `max_steps` are done.

    task: the tf_config.Task of this process among several, or None. Only the chief looks at checkpoints, and writes;
    the others get all values from it.
    """
    import model  # noqa: F401  (graph mode, before there is a strategy)
    from utils.data import scan
    from utils.runtime import devices as precision
    from utils.runtime import lock, memory, signals
    from utils.training import folders
    from utils.training import origin as weights

    run = settings.run._replace(precision=precision.choose(settings.run.precision))
    settings, found, donor, writer_lock = settings._replace(run=run), None, None, None
    workers = cluster.Workers(task, run.worker_timeout)
    signals.ignore_hangup()
    scan.Scan(run.pics_dir)  # a mistake there is to leave no folders behind, nor is the next one
    if workers.is_chief and not os.path.isdir(run.checkpoints_dir):
        folders.refuse_work_of_others(run.samples_dir, run.checkpoints_dir)
    for name in ("samples_dir", "checkpoints_dir", "cache_dir") if workers.is_chief else ("cache_dir",):
        folders.make_writable(name, getattr(run, name))
    with memory.shortage_named("batch_size", run.batch_size):
        if workers.is_chief:
            writer_lock = lock.WriterLock(run.checkpoints_dir)
            found = find_checkpoint(settings)
            donor = weights.Donor(run.init_from, settings.network) if run.init_from and not found else None
        pictures = load_pictures(settings, found, workers.is_chief)
        if workers.replicas > 1:
            print(workers.describe(run.batch_size), flush=True)
        print(precision.describe(run.precision), flush=True)
        return build_and_run(settings, workers, pictures, found, donor, writer_lock)


def find_checkpoint(settings):
    """Return the checkpoint.Found to go on from, or None for a new run; refuse to mix two runs."""
    from utils.checkpoints import manifest as record
    from utils.checkpoints import store as checkpoint
    from utils.training import folders

    run = settings.run
    found = checkpoint.newest_good(run.checkpoints_dir)
    if found:
        checkpoint.tell_damaged(found)
        print(record.check_same_run(found.record, found.checkpoint.path, settings), flush=True)
        folders.refuse_grids_of_others(found.record.run, run)
    else:
        folders.refuse_work_of_others(run.samples_dir, run.checkpoints_dir)
    return found


def load_pictures(settings, found, listing):
    """Return the prepare.Pictures to train on, and say what they are; listing: and list what is left out in a file."""
    from utils import data

    run, network = settings
    pictures = data.load(settings, listing)
    if network.conditional:
        data.require_classes(pictures, run, found.record.state.classes if found else None)
    if found and found.record.state.pictures not in ("", pictures.fingerprint):
        words = (
            "What it trains on has changed (pictures: %s before, %d now): it goes on, but not exactly as it would have."
        )
        print(words % (found.record.state.pictures.split()[0], len(pictures.labels)), flush=True)
    return pictures


def build_and_run(settings, workers, pictures, found, donor, writer_lock):
    """Build the graph, give its variables their values, and run the steps; return the exit code.

    They come from a checkpoint, found; or else G's and D's from another run, donor; both may be None.
    """
    import numpy as np
    import tensorflow.compat.v1 as tf

    from model import train_graph as gan
    from utils.checkpoints import manifest as record
    from utils.checkpoints import store as checkpoint
    from utils.data.batches import build_batches, errors_named
    from utils.metrics.measure import Measurer
    from utils.runtime import devices as precision
    from utils.runtime.signals import StopSignals
    from utils.training.guard import Guard
    from utils.training.outputs import NoOutputs, Outputs
    from utils.training.quality import Quality

    run, network = settings
    n, classes = len(pictures.labels), tuple(pictures.classes) if network.conditional else ()
    tf.set_random_seed(run.seed)
    size, rows = run.batch_size * workers.replicas, workers.rows(run.batch_size)
    batches = build_batches(pictures, settings, size, rows)
    counts = np.bincount(pictures.labels, minlength=len(classes)).tolist() if classes else ()
    workers.prepare_to_tell()
    with workers.scope():
        scale = precision.LOSS_SCALE[run.precision]
        graph = gan.build_train_graph(batches.images, network, run, n, batches.labels, counts, scale)
        sampler = gan.build_sampler(network, run.ema_decay > 0, len(classes))
        initializer = tf.global_variables_initializer()
    variables = [variable for variable in tf.global_variables() if variable is not graph.rollbacks]
    saver = tf.train.Saver(variables, max_to_keep=None)
    workers.prepare_to_follow(tf.global_variables())
    if donor:
        donor.prepare(classes)
    measures = run.metrics_every and workers.is_chief
    measurer = Measurer(pictures, run, network, run.metrics_samples) if measures else None
    tf.get_default_graph().finalize()
    state = found.record.state if found else record.State()
    best = checkpoint.best_of(found) if found else None
    state = state._replace(pictures=pictures.fingerprint, classes=classes, best=best)

    def restore(there, rollbacks):
        """Give all workers what the chief finds in a checkpoint."""
        if there:
            checkpoint.restore(session, saver, there.checkpoint, variables)
            session.run(graph.set_rollbacks, {graph.rollbacks_given: rollbacks})
        workers.follow_chief(session)

    def restore_newest(rollbacks):
        newest = checkpoint.newest_good_or_refuse(run.checkpoints_dir) if workers.is_chief else None
        if newest:
            checkpoint.tell_damaged(newest)
        restore(newest, rollbacks)
        return newest

    going = workers.session(precision.session_config(run.precision))
    with workers.failures_named(), errors_named(batches), going as session, StopSignals() as stop:
        workers.refuse_different(session, record.fingerprint(settings, pictures.fingerprint))
        session.run(initializer)
        if donor:
            print(donor.give(session), flush=True)
        if not found:
            session.run(graph.start_average)
        restore(found, len(state.rollbacks))
        step, rollbacks = (int(value) for value in session.run([graph.step, graph.rollbacks]))
        if not workers.is_chief:
            state = state._replace(rollbacks=(0,) * rollbacks)
        writer = Outputs if workers.is_chief else NoOutputs
        outputs = writer(session, sampler, saver, settings, pictures.labels, step, state, found, writer_lock)
        quality = Quality(measurer, outputs, run)
        guard = Guard(session, graph, batches, pictures, outputs, run, restore_newest)
        return run_steps(session, workers, graph, batches, outputs, quality, guard, run, n, stop)


def run_steps(session, workers, graph, batches, outputs, quality, guard, run, n, stop):
    """Run the steps still to do, each Algorithm 1 of Goodfellow et al. 2014, arXiv 1406.2661; return the exit code.

    n: how many pictures there are.
    """
    from utils.output.progress import Progress

    step, seen = (int(value) for value in session.run([graph.step, graph.pictures_seen]))
    total = run.max_steps or step + math.ceil((run.epochs * n - seen) / (run.k * batches.size))
    if step >= total:
        goal = "max_steps = %d" % run.max_steps if run.max_steps else "epochs = %d" % run.epochs
        print("This run is finished: step %d, %s. Raise that to train on, or sample with --isTrain 0." % (step, goal))
        return 0

    if not outputs.save(step):  # at step 0 too: whatever stops this run from here on, the same command goes on with it
        return 1
    outputs.write_reals(batches, n)
    outputs.write_grid(step)
    session.run(batches.initializer, {batches.start: seen})

    with Progress(step, total, run.k * batches.size, run.log_every, shown=workers.is_chief) as progress:
        last, asked = False, 0  # asked: the signal by which some worker was asked to stop
        while not last:
            for i in range(run.k):
                update = graph.d_updates[(step * run.k + i) % len(graph.d_updates)]
                d = session.run(dict(update, waited=batches.waited))
                progress.waited += d["waited"]
            g = session.run(graph.g_update)

            step, seen = int(g["step"]), int(d["pictures_seen"])
            row = {"step": step, "epoch": seen / n, "pictures_seen": seen, "g_loss": float(g["g_loss"])}
            row.update((name, float(d[name])) for name in ("d_loss", "d_real", "d_fake"))
            progress.update(row)
            asked = max(workers.tell(session, stop.received or 0))
            last = step == total or asked > 0
            logging, saving = due(step, run.log_every), last or due(step, run.checkpoint_every)
            measuring = quality.is_due(step, last)
            sound = guard.is_sound(row, weights=saving or logging or measuring, averages=saving or measuring)
            if max(workers.tell(session, not sound)):
                step, seen = guard.go_back()
                progress.go_back(step)
                last = False
                continue
            quality.look(row, progress)
            if asked:
                outputs.save(step)  # before all else, for whoever asks to stop may not wait for long
            if measuring:
                saving |= quality.measure(row, progress)  # what is the best so far is to be kept
            if logging or due(step, run.metrics_every):
                outputs.write_row(row)
            if due(step, run.sample_every) or step == total:
                outputs.write_grid(step)
            if saving:
                outputs.save(step)
    outputs.close()
    workers.tell(session, 0)  # lest one that ends before the others seem lost to them
    return tell_end(step, total, asked, workers, outputs, quality, run)


def tell_end(step, total, asked, workers, outputs, quality, run):
    """Say how the run has ended; return the exit code: after a signal, 128 and its number, as shells expect."""
    if outputs.saved_step != step:
        safe = "the checkpoint of step %d is safe, in %s" % (outputs.saved_step, run.checkpoints_dir)
        print("main.py: the steps after it are not saved, but %s" % safe, file=sys.stderr)
        return 1
    done = "%s at step %d" % ("Finished" if step == total else "Stopped", step)
    if quality.words:
        done += " (%s)" % quality.words
    if not workers.is_chief:
        print("%s; %s has written everything." % (done, workers.task.name(0)))
    elif step < total:
        print("%s, saved in %s; the same command goes on from there." % (done, run.checkpoints_dir))
    else:
        print("%s. The grids are in %s; --isTrain 0 makes more pictures." % (done, run.samples_dir))
    return 128 + asked if step < total else 0


def sample(settings):
    """Make pictures with a checkpoint, the best unless told otherwise; or with `evaluate`, say how good they are."""
    import tensorflow.compat.v1 as tf

    from model import train_graph as gan
    from utils.checkpoints import select as choice
    from utils.metrics import evaluate as evaluation
    from utils.runtime import devices as precision
    from utils.runtime import memory
    from utils.sampling import pictures as sampling
    from utils.training import folders

    run = settings.run
    config = precision.session_config(precision.choose("float32" if run.precision == "auto" else run.precision))
    chosen = choice.choose(run.checkpoints_dir, run.checkpoint)
    network, classes = chosen.record.network, chosen.record.state.classes
    rows = sampling.chosen_classes(run.classes, classes)
    folders.make_writable("samples_dir", run.samples_dir)
    evaluator = evaluation.Evaluator(run, chosen.record) if run.evaluate else None

    sampler = gan.build_sampler(network, chosen.record.run["ema_decay"] > 0, len(classes))
    saver = tf.train.Saver(sampler.variables)
    tf.get_default_graph().finalize()
    wanted = "evaluate_samples" if run.evaluate else "num_samples"
    with memory.shortage_named(wanted, getattr(run, wanted)), tf.Session(config=config) as session:
        chosen = choice.restore(session, saver, run.checkpoints_dir, run.checkpoint, chosen, sampler.variables)
        step, path = chosen.checkpoint
        print(
            "Sampling from step %d (%s), %s; the network is as recorded there." % (step, chosen.words, path), flush=True
        )
        if run.evaluate:
            evaluator.evaluate(session, sampler, step)
        else:
            print(sampling.write(session, sampler, run, network.z_dim, rows, step))
    return 0


def due(step, every):
    """Say whether what is done every so many steps, 0 for never, is to be done at this one."""
    return every > 0 and step % every == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
