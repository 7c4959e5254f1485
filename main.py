"""Train a DCGAN on the pictures in pics/, or draw samples with it: `python main.py`. Settings are in params.py.

TensorFlow, and what needs it, is imported inside the functions, so that --help and mistakes are answered at once.
"""

import os
import sys

ROOT = os.path.dirname(os.path.abspath(globals().get("__file__", "main.py")))  # `python - < main.py` has no __file__
if ROOT not in sys.path:  # such as for runpy.run_path and python -P
    sys.path.insert(0, ROOT)

from utils.config.settings import resolve  # noqa: E402
from utils.config.startup import describe  # noqa: E402
from utils.errors import RunError, UserError  # noqa: E402
from utils.output.terminal import forgiving_streams  # noqa: E402
from utils.runtime.process_state import alone, undone  # noqa: E402
from utils.runtime.start import import_tensorflow, missing_package  # noqa: E402
from utils.runtime.tf_config import task_of  # noqa: E402
from utils.sampling import picks  # noqa: E402


def main(argv=()):
    """Do what the settings say; return the exit code.

    argv: settings as on the command line, such as ["--max_steps", "10"]. It can be called any number of times in a
    process, with or without success, but not twice at the same time.
    """
    try:
        with alone(), forgiving_streams(), undone():
            return answer(argv)
    except UserError as error:  # of alone(): the streams and the environment are the other call's
        return fail(error, 2)


def answer(argv):
    """Train or sample; return the exit code."""
    try:
        settings = resolve(argv)
        task = task_of(os.environ) if settings.run.isTrain else None
        picks.check(settings.run)
        print(describe(settings, argv), flush=True)
        import_tensorflow()
        return train(settings, task) if settings.run.isTrain else sample(settings)
    except UserError as error:
        return fail(error, 2)
    except ImportError as error:
        return fail(missing_package(error), 2)
    except (RunError, OSError) as error:
        return fail(error, 1)
    except KeyboardInterrupt:
        return fail("stopped", 130)
    except SystemExit as done:  # of --help and --version
        return done.code


def fail(reason, code):
    """Print the reason in one line; return the exit code."""
    print(f"main.py: {reason}", file=sys.stderr)
    return code


def train(settings, task):
    """Train from the newest good checkpoint, or from the start, until `epochs` or `max_steps`; return the exit code.

    task: the tf_config.Task of this process among several, or None.
    """
    import tensorflow.compat.v1 as tf

    import model  # noqa: F401  (chooses graph mode, which must come before a tf.distribute strategy)
    from model.sample_graph import build_sampler
    from model.train_graph import Reals, build_train_graph
    from utils import data
    from utils.data.batches import build_batches
    from utils.metrics import features, ranking
    from utils.runtime import cluster, devices, signals
    from utils.training import memory
    from utils.training.run import Parts, open_run
    from utils.training.starting_point import open_origin

    # Settings, the precision of this machine, and the other workers if there are some.
    run = settings.run._replace(precision=devices.choose_precision(settings.run.precision))
    settings = settings._replace(run=run)
    ranking.metric_of(run, features.network_of(run))  # raises UserError if best_metric cannot be measured
    workers = cluster.Workers(task, run.worker_timeout)
    signals.ignore_hangup()

    oom = devices.out_of_memory_named("batch_size", run.batch_size)
    # Where the run starts from: a checkpoint, the weights of another run, or random weights.
    with tf.Graph().as_default(), oom, open_origin(settings, workers.is_chief) as origin:
        settings = origin.settings
        run, network = settings.run, settings.network

        # The pictures. Each evaluation of batches.images takes the next batch.
        pictures = data.load(settings, listing=workers.is_chief)
        origin.check_pictures(pictures, settings)
        if workers.replicas > 1:
            print(workers.describe(run.batch_size), flush=True)
        print(devices.describe_precision(run.precision), flush=True)
        memory.announce(settings, pictures.n)

        # The static graph: G and D (model/generator.py, model/discriminator.py), their losses and their updates.
        tf.set_random_seed(run.seed)
        workers.build_gather()
        batches = build_batches(pictures, settings, run.batch_size * workers.replicas, workers.rows(run.batch_size))
        with workers.scope():
            counts = pictures.class_counts() if network.conditional else ()
            reals = Reals(batches.images, pictures.n, batches.labels, counts)
            graph = build_train_graph(reals, network, run, devices.LOSS_SCALE[run.precision])
            sampler = build_sampler(network, run.ema_decay > 0, len(counts))

        # The session, and the loop.
        with open_run(Parts(settings, workers, pictures, origin, batches, graph, sampler)) as opened:
            return run_steps(opened)


def run_steps(run):
    """Run the steps that are left; return the exit code."""
    session, graph, state, workers = run.session, run.graph, run.state, run.workers
    if run.is_finished():
        return 0
    if not run.begin():
        return 1
    stop = 0  # the signal by which this worker or another one was asked to stop
    while state.step < state.total and not stop:
        for i in range(run.k):  # Algorithm 1 of Goodfellow et al. 2014, arXiv 1406.2661: k updates of D,
            d = session.run(graph.d_update(state.step * run.k + i))
            state.waited += d["waited"]
        g = session.run(graph.g_update)  # then one of G
        state.advance(d, g)
        run.progress.show(state)

        stop = workers.agree(run.signals.received)
        due = run.schedule.at(state, stop)
        if workers.agree(not run.guard.is_finite(state, due)):  # weights are checked before every save
            run.roll_back()
            stop = 0
            continue
        run.quality.watch(state)
        if run.guard.is_lost(state) and not stop:
            run.roll_back(lost=True)
            continue
        if stop:
            run.outputs.save(state)  # first: the sender of the signal may not wait long
        is_best = due.measure and run.quality.measure(state)
        due = run.end_if_stale(due, stop)  # with stop_when_stale, this may be the last step
        if due.row:
            run.outputs.write_row(state)
        if due.grid:
            run.outputs.write_grid(state)
        if due.save or is_best:
            run.outputs.save(state)
            run.outputs.write_report(state)
    return run.end(stop)


def sample(settings):
    """Draw samples from a checkpoint, by default the best; or with `evaluate`, measure it. Return the exit code."""
    import tensorflow.compat.v1 as tf

    import model  # noqa: F401  (chooses graph mode)
    from model.sample_graph import build_sampler, name_outputs
    from utils.checkpoints import select
    from utils.export import formats
    from utils.output import files
    from utils.runtime import devices
    from utils.tasks.draw import as_trained, chosen_classes, draw, memory_setting, timelapse
    from utils.tasks.evaluate import Evaluator
    from utils.tasks.export import export

    # The checkpoint, which has the settings of its network, and the identity of its run.
    run = settings.run
    # Exported files compute in float32, and are compared with the sampler.
    precision = devices.choose_precision("float32" if run.precision == "auto" or run.export else run.precision)
    selected = select.select(run.checkpoints_dir, run.checkpoint)
    network, classes = selected.manifest.network, selected.manifest.saved.classes
    run = as_trained(run, selected.manifest)
    chosen = chosen_classes(run, classes)
    formats.check(run.export)
    files.make_writable("samples_dir", run.samples_dir)
    evaluator = Evaluator(run, selected.manifest) if run.evaluate else None

    if run.timelapse:
        print(timelapse(run, selected.manifest), flush=True)
        return 0

    # The static graph: G alone (model/generator.py). With TF_DETERMINISTIC_OPS, TensorFlow asks for a seed.
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(run.seed)
        sampler = build_sampler(network, selected.manifest.run["ema_decay"] > 0, len(classes))
        saver = tf.train.Saver(sampler.variables)
        if run.export:
            name_outputs(sampler)
    graph.finalize()

    # The session.
    config = devices.session_config(precision)
    with devices.out_of_memory_named(*memory_setting(run)), tf.Session(graph=graph, config=config) as session:
        selected = select.restore_selected(session, saver, sampler.variables, selected, run.checkpoint)
        step, path = selected.checkpoint
        print(f"Sampling from step {step} ({selected.description}) and with its network, {path}.", flush=True)
        if evaluator:
            evaluator.evaluate(session, sampler, step)
        else:
            arguments = session, sampler, run, selected
            for line in export(*arguments) if run.export else draw(*arguments, chosen):
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
