"""Run a task with the generator of a checkpoint."""

from utils.errors import warn
from utils.output import files
from utils.runtime import devices
from utils.sampling.generator import open_generator


def run_task(task, run, build_sampler):
    """Open the checkpoint that the settings in `run` select, by default the best; run a Task and print its lines.

    build_sampler: see generator.open_generator. Raise UserError, RunError or OSError if the task fails.
    """
    precision = run.precision if "precision" in task.uses and run.precision != "auto" else "float32"
    precision = devices.choose_precision(precision)
    if "precision" in task.uses:
        devices.warn_unused_gpu()
    opening = open_generator(build_sampler, run.checkpoints_dir, run.checkpoint, precision)
    with devices.translate_oom(*task.size_setting(run)), opening as generator:
        files.make_writable("samples_dir", run.samples_dir)
        step, path = generator.selected.checkpoint
        print(f"Sampling from step {step} ({generator.selected.description}), with the network in {path}.", flush=True)
        try:
            for line in task.run(generator, run):
                print(line, flush=True)
        except KeyboardInterrupt:
            done = f"files already written to {run.samples_dir} are complete; rerun the same command to get all of them"
            warn(done, fresh_line=True)
            raise
