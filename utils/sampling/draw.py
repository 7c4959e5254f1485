"""What sampling is asked for: samples, a walk, arithmetic or a time-lapse."""

from utils.checkpoints import identity
from utils.errors import UserError
from utils.sampling import animations, arithmetic, pictures


def draw(session, sampler, run, selected, chosen):
    """Make what the settings `run` ask for; return lines that say what and where. Arguments: see write_samples."""
    if run.timelapse:
        return [_timelapse(run, identity.of(selected.manifest))]
    if run.arithmetic:
        return arithmetic.write_arithmetic(session, sampler, run, selected, chosen)
    if run.walk:
        return animations.write_walk(session, sampler, run, selected, chosen)
    return pictures.write_samples(session, sampler, run, selected, chosen)


def memory_setting(run):
    """Return the setting that decides how much memory sampling takes: its name and value."""
    names = [name for name in ("walk", "arithmetic", "picks") if getattr(run, name)]
    name = "evaluate_samples" if run.evaluate else names[0] if names else "num_samples"
    return name, getattr(run, name)


def _timelapse(run, run_id):
    line = animations.write_timelapse(run.samples_dir, run_id)
    if not line:
        raise UserError(
            f"samples_dir = {run.samples_dir} holds fewer than two grids train_<step>.png of this run; choose the "
            "folder of its training"
        )
    return line
