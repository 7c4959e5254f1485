"""What a run says and leaves at its end."""

import os
import sys

from utils.output import files
from utils.output.terminal import print_above_bar, record_warning
from utils.training.guard import rates

POST_MORTEM = "post-mortem.txt"


def announce_finished(run, state, n):
    """Say that no step is left to do, and what the total is made of; n: the number of images."""
    if run.max_steps:
        name, goal = "max_steps", f"max_steps = {run.max_steps}"
    else:
        name = "epochs"
        goal = f"epochs = {run.epochs} of {n} images are {run.epochs * n}, and it has seen {state.pictures_seen}"
    print(
        f"This run is finished: step {state.step}, {goal}. Increase {name} to continue training, or sample with "
        "--isTrain 0.",
        flush=True,
    )


def announce_stale(run, best):
    """Say that stop_when_stale ends the run; best: the manifest.Best."""
    print_above_bar(
        f"No improvement in {run.stop_when_stale} measurements: {best.metric} was best at step {best.lowest_step}, "
        f"{best.lowest:.4g}. stop_when_stale ends the run here; raise it, or set it to 0, to continue."
    )


def report(parts, state, saved_step, stop):
    """Say how a run has ended; return the exit code: after a signal 128 and its number, as shells expect.

    parts: the run.Parts; saved_step: the step of the newest checkpoint; stop: the signal, or 0.
    """
    run, workers = parts.settings.run, parts.workers
    if saved_step != state.step:
        good = f"the checkpoint of step {saved_step} is good, in {run.checkpoints_dir}"
        print(f"main.py: steps after {saved_step} were not saved; {good}", file=sys.stderr, flush=True)
        return 1
    ended = f"{'Finished' if state.step == state.total else 'Stopped'} at step {state.step}"
    if state.measured:
        ended += f" ({state.measured})"
    if not workers.is_chief:
        print(f"{ended}; {workers.task.name(0)} has written everything.", flush=True)
    elif state.step < state.total:
        print(f"{ended}, saved in {run.checkpoints_dir}; the same command resumes it.", flush=True)
    else:
        print(f"{ended}. The grids are in {run.samples_dir}; --isTrain 0 draws more samples.", flush=True)
    return 128 + stop if state.step < state.total else 0


def report_divergence(problem, parts, state, guard, saved_step):
    """Write a post-mortem of a run that diverged and may not roll back again; return the line that says so.

    parts: the run.Parts; saved_step: the step of the newest checkpoint.
    """
    run, past = parts.settings.run, len(state.saved.rollbacks)
    post_mortem = _write_post_mortem(parts, state, guard) if parts.workers.is_chief else f"{POST_MORTEM} of the chief"
    after = f", after {past} rollbacks" if past else ""
    line = (
        f"{problem}{after}; nothing was saved of it, and the checkpoint of step {saved_step} is good. See "
        f"{post_mortem}; lower {rates(run)} in params.py"
    )
    record_warning(line)
    return line


def _write_post_mortem(parts, state, guard):
    """Write what is known about the end of a run that diverged; return the path, or why there is none."""
    run, batches, dataset = parts.settings.run, parts.batches, parts.dataset
    lines = [*guard.post_mortem(run, state.saved.rollbacks), "", "the images of the last step:"]
    count = run.k * batches.size
    for index in batches.order.take(max(0, state.pictures_seen - count), count):
        lines.append(" or ".join(dataset.find_paths(index)) or "(no longer in the cache)")
    path = os.path.join(run.checkpoints_dir, POST_MORTEM)
    try:
        files.write(path, "\n".join([*lines, ""]).encode("utf-8", "backslashreplace"))
    except OSError as error:
        return f"{path} (which cannot be written: {error.strerror})"
    return path
