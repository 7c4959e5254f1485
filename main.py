"""Train a DCGAN on the images in pics/, or run a task with the trained generator. Settings are in params.py.

    python main.py

TensorFlow is only imported inside functions, so that --help and the validation of settings work without it.
"""

import os
import sys

ROOT = os.path.dirname(os.path.abspath(globals().get("__file__", "main.py")))  # `python - < main.py` has no __file__
if ROOT not in sys.path:  # runpy.run_path and `python -P` do not add ROOT
    sys.path.insert(0, ROOT)

from utils.config.settings import absolute, resolve  # noqa: E402
from utils.config.startup import describe  # noqa: E402
from utils.errors import RunError, UserError  # noqa: E402
from utils.output.terminal import non_raising_streams  # noqa: E402
from utils.runtime.process_state import forbid_concurrent_calls, restore_process_state  # noqa: E402
from utils.runtime.start import check_limits, import_tensorflow, missing_package  # noqa: E402
from utils.runtime.tf_config import parse_task  # noqa: E402


def main(argv=()):
    """Train or run a task; return the exit code.

    argv: command-line arguments, such as ["--max_steps", "10"]. Calls may be repeated, but not at the same time.
    """
    try:
        with forbid_concurrent_calls(), non_raising_streams(), restore_process_state():
            return dispatch(argv)
    except UserError as error:  # raised by forbid_concurrent_calls()
        return fail(error, 2)


def dispatch(argv):
    """Train, or run a task with a trained generator; print the reason if that fails, and return the exit code."""
    try:
        settings = resolve(argv)
        check_limits()
        from utils.tasks import find_task  # here, because it imports numpy and Pillow

        worker = parse_task(os.environ) if settings.run.isTrain else None
        task = None if settings.run.isTrain else find_task(settings.run)
        print(describe(settings, argv, task), flush=True)
        import_tensorflow()
        return sample(settings.run, task) if task else train(settings, worker)
    except UserError as error:
        return fail(error, 2)
    except ImportError as error:
        return fail(missing_package(error), 2)
    except (RunError, OSError) as error:
        return fail(error, 1)
    except KeyboardInterrupt:
        return fail("stopped", 130)
    except SystemExit as done:  # raised by --help and --version
        return done.code


def fail(reason, code):
    """Print the reason on one line; return the exit code."""
    print(f"main.py: {reason}", file=sys.stderr)
    return code


def train(settings, worker):
    """Resume the run in checkpoints_dir from its newest good checkpoint, or start a new one; return the exit code.

    worker: the tf_config.Task of this process if several processes train together, else None.
    """
    from model.graph_mode import tf  # first: a tf.distribute strategy needs graph mode
    from model.sample_graph import build_sampler
    from model.train_graph import RealFeatures, Reals, build_train_graph
    from utils import data
    from utils.data.batches import build_batches
    from utils.runtime import cluster
    from utils.training import d_features, memory
    from utils.training.opening import Parts, open_run
    from utils.training.starting_point import open_starting_point

    workers = cluster.Workers(worker, settings.run.worker_timeout)
    # The starting point: a checkpoint, the weights of another run, or random weights.
    with tf.Graph().as_default(), open_starting_point(settings, workers.is_chief) as start:
        settings = start.settings
        run, network = settings.run, settings.network

        # The images. Each evaluation of batches.images takes the next batch.
        dataset = start.use_images(data.load(settings, start.saved.classes, listing=workers.is_chief))
        workers.announce(run)
        memory.announce(settings, dataset.n)
        features = d_features.open_features(settings, dataset, RealFeatures)

        # The static graph: G and D (model/generator.py, model/discriminator.py), their losses and their updates.
        tf.set_random_seed(run.seed)
        workers.build_gather()
        batches = build_batches(dataset, settings, run.batch_size * workers.replicas, workers.rows(run.batch_size))
        with workers.scope():
            counts = dataset.class_counts() if network.conditional else ()
            reals = Reals(batches.images, dataset.n, batches.labels, counts, features)
            graph = build_train_graph(reals, network, run)
            sampler = build_sampler(network, run.ema_decay > 0, len(counts))

        # The session and the training loop.
        with open_run(Parts(settings, workers, dataset, start, batches, graph, sampler)) as opened:
            return run_steps(opened)


def run_steps(run):
    """Run the remaining steps, if any, until a signal or max_minutes stop it; return the exit code."""
    session, graph, state, workers = run.session, run.graph, run.state, run.workers
    if run.is_finished():
        return 0
    if not run.begin():
        return 1
    stop = 0  # the signal that asked a worker to stop, or TIME_UP; 0: none
    while state.step < state.total and not stop:
        for i in range(run.k):  # Algorithm 1 of Goodfellow et al. 2014, arXiv 1406.2661: k updates of D,
            d = session.run(graph.d_update(state.step * run.k + i))
            state.wait_seconds += d["wait_seconds"]
        g = session.run(graph.g_update)  # then one of G
        state.advance(d, g)
        run.progress.show(state)

        stop = workers.all_reduce_max(run.stop_reason())
        due = state.due(run.settings, stop)
        if workers.all_reduce_max(not run.health.is_finite(state, due)):  # weights are checked before every save
            run.roll_back()
            stop = 0
            continue
        run.health.check_losses(state)
        if run.health.should_roll_back(state) and not stop:
            run.roll_back(lost=True)
            continue
        if stop:
            run.outputs.save(state)  # immediately, because the sender of the signal may not wait long
        is_best = due.measure and run.quality.measure(state)
        due = run.end_if_stale(due, stop)  # with stop_when_stale, this step may become the last one
        if due.row:
            run.outputs.write_row(state)
        if due.grid:
            run.outputs.write_grid(state)
        if due.save or is_best:
            run.outputs.save(state)
            run.outputs.write_report(state)
        state.record_actions(due)
    return run.end(stop)


def sample(run, task):
    """Run a tasks.Task with the generator of a checkpoint, by default the best; return the exit code."""
    from model.sample_graph import build_exportable_sampler
    from utils.tasks.runner import run_task

    run_task(task, run, build_exportable_sampler)
    return 0


def generator(checkpoints_dir="checkpoints", checkpoint="best"):
    """Open a trained generator for use from Python; return a context manager that yields a CheckpointGenerator.

    checkpoints_dir: a path, which may be relative to the folder of main.py. checkpoint: 'best', 'latest' or a step. See
    utils/sampling/generator.py for the generator's methods. Raise UserError if the checkpoint does not exist. The only
    change to the process is that TensorFlow is imported and switched to graph mode. main() may run at the same time.

        with main.generator("checkpoints") as g:
            images = g.images(g.noise(range(16), seed=7))  # [16, 64, 64, 3] uint8
    """
    if "tensorflow.compat.v1" not in sys.modules:
        with restore_process_state():
            import_tensorflow()
    from model.sample_graph import build_sampler
    from utils.config import schema
    from utils.sampling.generator import open_generator

    checkpoint = schema.check("checkpoint", checkpoint, schema.ALL["checkpoint"], "main.generator")
    return open_generator(build_sampler, absolute(checkpoints_dir, ROOT), checkpoint)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
