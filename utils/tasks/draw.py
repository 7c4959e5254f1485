"""What is drawn: samples, a walk or arithmetic; and the time-lapse, which needs no network."""

from utils.checkpoints.run_id import get_run_id
from utils.errors import UserError
from utils.output.terminal import warn
from utils.sampling import generation, latents, picks
from utils.tasks import arithmetic
from utils.tasks.timelapse import write_timelapse, write_walk


def draw(session, sampler, run, selected, chosen):
    """Make what the settings `run` ask for; return lines that say what and where. Arguments: see write_samples."""
    write = generation.write_samples
    if run.arithmetic or run.walk:
        write = arithmetic.write_arithmetic if run.arithmetic else write_walk
    try:
        return write(session, sampler, run, selected, chosen)
    except KeyboardInterrupt:
        left = f"files that are in {run.samples_dir} by now are complete; the same command makes all of them"
        warn(left, fresh_line=True)
        raise


def as_trained(run, manifest):
    """Return the settings `run` with the background of the training, which transparent samples are shown on."""
    return run._replace(background=manifest.run.get("background", run.background))


def chosen_classes(run, classes):
    """Return the indices of the classes that the settings `run` choose; raise UserError if they ask for unknown ones.

    classes: all names, () if the network is unconditional.
    """
    picks.check(run, classes)
    return latents.chosen_classes(run.classes, classes)


def memory_setting(run):
    """Return the setting that decides how much memory sampling takes: its name and value."""
    asked = [name for name in ("export", "walk", "arithmetic", "picks") if getattr(run, name)]
    name = "evaluate_samples" if run.evaluate else asked[0] if asked else "num_samples"
    return name, getattr(run, name)


def timelapse(run, manifest):
    """Make the time-lapse of the run of a manifest.Manifest; return a line that says where it is."""
    line = write_timelapse(run.samples_dir, get_run_id(manifest))
    if not line:
        raise UserError(
            f"samples_dir = {run.samples_dir} holds fewer than two grids train_<step>.png of this run; choose the "
            "folder of its training"
        )
    return line
