"""Export: write the generator to files for other programs, and check each file."""

import os

from utils.config.startup import entry
from utils.errors import UserError
from utils.sampling.naming import checkpoint_name
from utils.tasks.task import Task


def _describe(run):
    if run.picks and "page" not in run.export:
        raise UserError(f"picks has no effect with export = {run.export!r}; leave it out, or also export a page")
    folder = os.path.join(run.samples_dir, "export_<step>_run<id>")
    return [f"Exporting {run.export} from {checkpoint_name(run)}", entry("Folder", folder)]


def _run(generator, run):
    from utils.export.export import export

    return export(generator, run)


TASK = Task(
    setting="export",
    uses=("picks", "sample_seed"),
    describe=_describe,
    run=_run,
)
