"""What a run prints at its end."""

import sys

from utils.output.terminal import print_above_bar


def announce_finished(run, state, n):
    """Print that no step is left, and the goal that is reached; n: the number of images."""
    name, goal = "max_steps", f"max_steps = {run.max_steps}"
    if not run.max_steps:
        name = "epochs"
        goal = f"epochs = {run.epochs} of {n} images are {run.epochs * n}, and it has seen {state.pictures_seen}"
    cure = f"Increase {name} to continue training, or sample with --isTrain 0."
    print(f"This run is finished: step {state.step}, {goal}. {cure}", flush=True)


def announce_stale(run, best):
    """Print that stop_when_stale ends the run; best: the manifest.Best."""
    print_above_bar(
        f"No improvement in {run.stop_when_stale} measurements: {best.metric} was best at step {best.lowest_step}, "
        f"{best.lowest:.4g}. stop_when_stale ends the run here; raise it, or set it to 0, to continue."
    )


def report(parts, state, saved_step, stop):
    """Print how a run has ended; return the exit code: after a signal 128 plus its number, as shells expect.

    parts: the run.Parts; saved_step: the step of the newest checkpoint; stop: the signal, or 0.
    """
    run, workers, is_finished = parts.settings.run, parts.workers, state.step == state.total
    if saved_step != state.step:
        good = f"last good checkpoint: step {saved_step}, in {run.checkpoints_dir}"
        print(f"main.py: steps after {saved_step} were not saved; {good}", file=sys.stderr, flush=True)
        return 1
    if not workers.is_chief:
        end = f"; {workers.task.name(0)} has written all files."
    elif is_finished:
        end = f". The grids are in {run.samples_dir}; --isTrain 0 draws more samples."
    else:
        end = f", saved in {run.checkpoints_dir}; the same command resumes it."
    measured = f" ({state.measured})" if state.measured else ""
    print(f"{'Finished' if is_finished else 'Stopped'} at step {state.step}{measured}{end}", flush=True)
    return 0 if is_finished else 128 + stop
