"""Tasks for a trained generator. Each task has a module, which defines its TASK.

TASKS lists all tasks. Everything else follows from the list: which tasks exclude each other, which settings have no
effect, what the program prints at startup, and what main.py runs. Importing this package does not import TensorFlow.
"""

from utils.errors import UserError
from utils.sampling import picks
from utils.tasks import arithmetic, directions, evaluate, export, project, samples, timelapse, walk

_MODULES = samples, evaluate, export, timelapse, arithmetic, directions, project, walk
TASKS = tuple(module.TASK for module in _MODULES)

# Settings that select samples. A task that ignored them would produce something other than what the user requested.
_SELECTIONS = ("picks", "classes", "label_grid", "single")


def find_task(run):
    """Return the Task that the settings in `run` select; raise UserError if `picks` or a combination is wrong."""
    asked = [task for task in TASKS if task.setting and getattr(run, task.setting)]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(task.setting for task in asked)} are mutually exclusive; set only one of them")
    task = asked[0] if asked else samples.TASK
    for name in _SELECTIONS:
        if getattr(run, name) and name not in task.used(run):
            cause = "picks" if name in task.uses else task.setting
            reason = ", which names the classes" if name == "classes" and cause in ("picks", "arithmetic") else ""
            raise UserError(f"{name} has no effect with {cause}{reason}; leave one of them out")
    if run.picks:
        picks.chosen(run)  # raises UserError if run.picks is invalid
    return task
